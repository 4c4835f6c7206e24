// Identity of a model's weights.
#pragma once

#include <filesystem>
#include <string>

namespace armorm::stages::artifacts {

// SHA-256 over every tensor's name, type, shape and bytes; the bytes enter as SHA-256 of blocks of 8 MiB,
// which several threads hash in parallel. A copy of the folder has the same fingerprint, and so do the same
// tensors in other files. Reads as much as loading does; beyond a few seconds it logs a message. Errors as
// for SafetensorsFolder::open.
std::string weights_fingerprint(const std::filesystem::path& model_folder);

}  // namespace armorm::stages::artifacts
