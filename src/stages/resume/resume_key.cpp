#include "stages/resume/resume_key.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "core/strings.h"
#include "io/read_file.h"
#include "model/cpu/kernel_choice.h"
#include "model/libtorch_facts.h"

namespace armorm::stages::resume {
namespace fs = std::filesystem;
namespace {

// The ends of digests carry no information, and lists of attributes may be long.
std::string shortened(const std::string& value) {
  constexpr std::size_t kDigestDigits = 64, kShown = 12, kMost = 160;
  if (is_lower_hex(value, kDigestDigits)) return value.substr(0, kShown) + "...";
  return value.size() > kMost ? value.substr(0, kMost) + "..." : value;
}

// One kind per driver, as "NVIDIA H200"; if the devices of a machine differ, all are named.
std::string gpu_models() {
  std::set<std::string> models;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc/driver/nvidia/gpus", error)) {
    std::string text;
    try {
      text = io::read_text_file(entry.path() / "information");
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
  ResumeKey key{{"LibTorch", model::libtorch_version()}};
  if (device >= 0) {
    key["device"] = "cuda" + gpu_models();
  } else {
    key["device"] = fmt::format("cpu, {} threads", threads);
    key["CPU kernels"] = model::cpu::cpu_kernel_choice();
  }
  return key;
}

ResumeKey options_key(const std::vector<OptionValue>& options) {
  ResumeKey key;
  for (const OptionValue& option : options)
    if (option.effect == OptionEffect::results) key["--" + option.name] = option.text;
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

}  // namespace armorm::stages::resume
