#include "stages/prepare/shard_key.h"

#include <nlohmann/json.hpp>
#include <set>

#include "core/hash.h"
#include "core/version.h"

namespace armorm {
namespace {

constexpr const char* kJournalFormat = "2";

// Options that say where, how fast and how patiently, but not what; paths are known by their content.
const std::set<std::string>& options_without_effect() {
  static const std::set<std::string> names{
      "model_path", "dataset_path", "data_root", "device", "threads",  "restart", "checkpoint_seconds",
      "on_bad_row", "max_bad_rows", "dry_run",   "status", "all_sets", "json"};
  return names;
}

}  // namespace

ResumeKey make_resume_key(const OptionList& options, const ExtractionOptions& extraction,
                          const Provenance& provenance, const std::string& content_sha256) {
  ResumeKey key{{"journal format", kJournalFormat},
                {"program version", version_text()},
                {"data set rows", content_sha256},
                {"tokenizer.json", provenance.tokenizer_sha256},
                {"chat template", provenance.template_sha256},
                {"config.json", provenance.config_sha256},
                {"weights", provenance.facts.weights.value()},
                {"description", sha256_hex(nlohmann::json(provenance.to_metadata()).dump())}};
  key.merge(arithmetic_key(static_cast<int>(extraction.device), thread_count(extraction)));
  for (const Option& option : options.options())
    if (!options_without_effect().contains(option.name)) key["--" + option.name] = value_text(option);
  return key;
}

}  // namespace armorm
