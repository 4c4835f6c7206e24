// The safetensors files of an exported model.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "io/publish_folder.h"
#include "io/safetensors.h"
#include "stages/artifacts/gate_artifact.h"

namespace armorm {

// What becomes of the decoder's weight files. A hard link shares the bytes on the disk with the model folder
// or Hub cache, costs nothing, survives when those are deleted, and is copied as a file when the folder goes
// to another machine.
enum class ExportWeights {
  auto_,  // link, and copy where the file system cannot link
  link,   // link, or an io error
  copy,   // copy, without tensors that the reward model has no use for
};
ExportWeights parse_export_weights(const std::string& name);  // usage error for another word

struct ExportedWeights {
  std::vector<std::string> files;  // with the index
  bool linked = false;             // else copied
};

// Puts the decoder's weights of `model` and the head into `folder`: model-<i>-of-<n>.safetensors, the head as
// the last one, and model.safetensors.index.json over all tensors. The decoder's tensors are named model.*; a
// folder that names them otherwise, or keeps a head of the same names in one file with them, cannot be
// linked.
ExportedWeights export_weights(const std::filesystem::path& model, const GateArtifact& artifact,
                               ExportWeights how, AtomicFolder& folder, FileSystem& files);

}  // namespace armorm
