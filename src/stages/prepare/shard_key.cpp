#include "stages/prepare/shard_key.h"

#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "core/version.h"

namespace armorm::stages::prepare {
namespace {

constexpr const char* kJournalFormat = "2";

}  // namespace

resume::ResumeKey make_resume_key(const std::vector<OptionValue>& options,
                                  const ExtractionOptions& extraction,
                                  const artifacts::Provenance& provenance,
                                  const std::string& content_sha256) {
  resume::ResumeKey key{{"journal format", kJournalFormat},
                        {"program version", version_text()},
                        {"data set rows", content_sha256},
                        {"tokenizer.json", provenance.tokenizer_sha256},
                        {"chat template", provenance.template_sha256},
                        {"config.json", provenance.config_sha256},
                        {"weights", provenance.facts.weights.value()},
                        {"description", sha256_hex(nlohmann::json(provenance.to_metadata()).dump())}};
  if (!provenance.recipe_sha256.empty()) key["recipe"] = provenance.recipe_sha256;
  if (!provenance.gpu_attention.empty()) key["GPU attention"] = provenance.gpu_attention;
  key.merge(resume::arithmetic_key(static_cast<int>(extraction.device), thread_count(extraction)));
  key.merge(resume::options_key(options));
  // The keys of other precisions stay those of versions without the option.
  if (extraction.precision != Precision::fp8) key.erase("--fp8_accumulate");
  return key;
}

}  // namespace armorm::stages::prepare
