// Identity of a model's weights.
#pragma once

#include <map>
#include <string>

#include "model/model_folder.h"

namespace armorm::stages::artifacts {

// SHA-256 over every tensor's name, type, shape and bytes; the bytes enter as SHA-256 of blocks of 8 MiB,
// which several threads hash in parallel. A copy of the folder has the same fingerprint, and so do the same
// tensors in other files. Reads as much as loading does; beyond a few seconds it logs a message. An
// adapter's tensors and the fields that decide how they are merged count too. Errors as for
// WeightsFolder::open.
std::string weights_fingerprint(const model::ModelFolder& model);

// Each tensor's "BF16[32, 64] <SHA-256 of its bytes>", by name, read as for the fingerprint.
std::map<std::string, std::string> tensor_digests(const model::ModelFolder& model);

}  // namespace armorm::stages::artifacts
