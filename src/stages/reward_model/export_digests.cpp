#include "stages/reward_model/export_digests.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/hash.h"
#include "io/checked_json.h"
#include "io/read_file.h"
#include "model/weights_folder.h"
#include "stages/artifacts/weights_fingerprint.h"

namespace armorm::stages::reward_model {
namespace fs = std::filesystem;
namespace {

using Digests = std::map<std::string, std::string>;

constexpr const char* kFiles = "file_sha256";
constexpr const char* kTensors = "tensors";
constexpr int kManifestDepth = 64;
// For people only: changes to them change no score.
constexpr const char* kUnverified[] = {"README.md", "LICENSE", "LICENSE.txt", "NOTICE", "USE_POLICY.md"};

bool is_verified(const std::string& name) {
  return !name.ends_with(".safetensors") &&
         std::find(std::begin(kUnverified), std::end(kUnverified), name) == std::end(kUnverified);
}

// Empty without a manifest, or where an earlier version wrote it.
Digests recorded(const fs::path& folder, const char* field) {
  const fs::path path = folder / kManifest;
  std::error_code error;
  if (!fs::exists(path, error)) return {};
  const nlohmann::json manifest =
      io::parse_checked_json(io::read_text_file(path), path.string(), kManifestDepth);
  if (!manifest.is_object() || !manifest.contains(field)) return {};
  try {
    return manifest.at(field).get<Digests>();
  } catch (const nlohmann::json::exception&) {
    fail_data("{}: field '{}': found {}, expected the digests that stage2-train --export wrote",
              path.string(), field, manifest.at(field).type_name());
  }
}

[[noreturn]] void fail_changed(const fs::path& file, const std::string& what, const std::string& found,
                               const std::string& written) {
  fail_data(
      "{}: {} is not what was exported: found {}, expected {} of {}; copy or export the model again, or, if "
      "it was changed on purpose, use --verify off",
      file.string(), what, found, written, kManifest);
}

}  // namespace

void add_export_digests(const fs::path& folder, const std::vector<std::string>& files,
                        nlohmann::ordered_json& manifest) {
  Digests of_files;
  for (const std::string& name : files)
    if (is_verified(name)) of_files[name] = sha256_file_hex(folder / name);
  manifest[kFiles] = of_files;
  manifest[kTensors] = artifacts::tensor_digests(folder);
}

void verify_export_files(const model::ModelFolder& model) {
  for (const auto& [name, written] : recorded(model.base, kFiles)) {
    const fs::path file = model.base / name;
    std::error_code error;
    const std::string found = fs::exists(file, error) ? sha256_file_hex(file) : "no file";
    if (found != written) fail_changed(file, "its content", found, written);
  }
}

void verify_export_weights(const model::ModelFolder& model) {
  const Digests written = recorded(model.base, kTensors);
  if (written.empty()) return;
  const Digests found = artifacts::tensor_digests(model.base);
  const auto digest_in = [](const Digests& digests, const std::string& name) {
    const auto at = digests.find(name);
    return at == digests.end() ? std::string("none") : at->second;
  };
  Digests all = written;
  all.insert(found.begin(), found.end());
  for (const auto& [name, unused] : all)
    if (digest_in(found, name) != digest_in(written, name))
      fail_changed(model::WeightsFolder::open(model.base).file_of(name), "tensor '" + name + "'",
                   digest_in(found, name), digest_in(written, name));
}

}  // namespace armorm::stages::reward_model
