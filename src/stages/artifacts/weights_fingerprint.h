// What tells one model's weights from another's.
#pragma once

#include <filesystem>
#include <string>

namespace armorm {

// SHA-256 over every tensor's name, type, shape and all its bytes, the bytes as SHA-256 of blocks of 8 MiB
// that several threads hash at once. A copy of the folder, and the same tensors spread over other files, have
// the same fingerprint. Reads as much as loading does; beyond a few seconds the log says so. Errors as
// SafetensorsFolder::open.
std::string weights_fingerprint(const std::filesystem::path& model_folder);

}  // namespace armorm
