#include "stages/resume/resume_key.h"

#include <fmt/ranges.h>
#include <torch/version.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "core/version.h"
#include "io/publish.h"
#include "model/cpu/kernel_choice.h"

namespace armorm {
namespace fs = std::filesystem;
namespace {

constexpr const char* kJournalFormat = "2";

// Options that say where, how fast and how patiently, but not what; paths are known by their content.
const std::set<std::string>& options_without_effect() {
  static const std::set<std::string> names{
      "model_path", "dataset_path", "data_root", "device", "threads",  "restart", "checkpoint_seconds",
      "on_bad_row", "max_bad_rows", "dry_run",   "status", "all_sets", "json"};
  return names;
}

// Digests tell nothing by their end, and lists of attributes may be long.
std::string shortened(const std::string& value) {
  constexpr std::size_t kDigestDigits = 64, kShown = 12, kMost = 160;
  const bool digest =
      value.size() == kDigestDigits && value.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (digest) return value.substr(0, kShown) + "...";
  return value.size() > kMost ? value.substr(0, kMost) + "..." : value;
}

// One kind per driver, as "NVIDIA H200"; of unlike devices in one machine all are named.
std::string gpu_models() {
  std::set<std::string> models;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc/driver/nvidia/gpus", error)) {
    std::string text;
    try {
      text = read_text_file(entry.path() / "information");
    } catch (const Error&) {
      continue;
    }
    constexpr std::string_view kField = "Model:";
    const std::size_t at = text.find(kField);
    if (at == std::string::npos) continue;
    const std::size_t begin = text.find_first_not_of(" \t", at + kField.size());
    models.insert(text.substr(begin, text.find('\n', begin) - begin));
  }
  std::string all;
  for (const std::string& model : models) all += " " + model;
  return all;
}

}  // namespace

ResumeKey arithmetic_key(int device, int threads) {
  ResumeKey key{{"LibTorch", TORCH_VERSION}};
  if (device >= 0) {
    key["device"] = "cuda" + gpu_models();
  } else {
    key["device"] = fmt::format("cpu, {} threads", threads);
    key["CPU kernels"] = model::cpu_kernel_choice();
  }
  return key;
}

ResumeKey make_resume_key(const OptionList& options, const ExtractionOptions& extraction,
                          const ModelInputs& model, const Provenance& provenance,
                          const std::string& content_sha256) {
  ResumeKey key{
      {"journal format", kJournalFormat},
      {"program version", version_text()},
      {"data set rows", content_sha256},
      {"tokenizer.json", provenance.tokenizer_sha256},
      {"chat template", provenance.template_sha256},
      {"config.json", provenance.config_sha256},
      {"weights", provenance.facts.weights ? *provenance.facts.weights : weights_fingerprint(model.folder)},
      {"description", sha256_hex(nlohmann::json(provenance.to_metadata()).dump())}};
  key.merge(arithmetic_key(static_cast<int>(extraction.device), thread_count(extraction)));
  for (const Option& option : options.options())
    if (!options_without_effect().contains(option.name)) key["--" + option.name] = value_text(option);
  return key;
}

std::string differences_of(const ResumeKey& then, const ResumeKey& now) {
  ResumeKey all = then;
  all.insert(now.begin(), now.end());
  std::vector<std::string> list;
  const auto value = [](const ResumeKey& key, const std::string& name) {
    const auto found = key.find(name);
    return found == key.end()      ? std::string("absent")
           : found->second.empty() ? "empty"
                                   : shortened(found->second);
  };
  for (const auto& [name, unused] : all) {
    if (!then.contains(name) || !now.contains(name) || then.at(name) != now.at(name))
      list.push_back(fmt::format("{} ({} then, {} now)", name, value(then, name), value(now, name)));
  }
  return fmt::format("{}", fmt::join(list, ", "));
}

std::string digest_of(const ResumeKey& key) { return sha256_hex(nlohmann::json(key).dump()); }

}  // namespace armorm
