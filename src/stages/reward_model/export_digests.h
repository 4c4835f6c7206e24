// Digests of an exported model, in its armorm_export.json, so that a folder which was changed after the
// export is not scored with.
//
//   file_sha256  JSON object: file -> SHA-256, of the files that decide scores besides the weights
//   tensors      JSON object: tensor -> "BF16[32, 64] <SHA-256 of its bytes>"
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "model/model_folder.h"

namespace armorm::stages::reward_model {

constexpr const char* kManifest = "armorm_export.json";

// Adds both; `files` are in `folder` with their final content.
void add_export_digests(const std::filesystem::path& folder, const std::vector<std::string>& files,
                        nlohmann::ordered_json& manifest);

// Both do nothing where no armorm_export.json holds digests. data error that names what was changed, and its
// file.
void verify_export_files(const model::ModelFolder& model);
void verify_export_weights(const model::ModelFolder& model);

}  // namespace armorm::stages::reward_model
