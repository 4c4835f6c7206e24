// The safetensors files of an exported model.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "armorm/choices.h"
#include "io/publish_folder.h"
#include "io/safetensors.h"
#include "model/model_folder.h"
#include "stages/artifacts/gate_artifact.h"

namespace armorm::stages::reward_model {

struct ExportedWeights {
  std::vector<std::string> files;  // with the index
  bool linked = false;             // else copied
};

// Puts the decoder's weights of `model` and the head into `folder`: model-<i>-of-<n>.safetensors, the head as
// the last one, and model.safetensors.index.json over all tensors. The decoder's tensors are named as in
// transformers (exported_decoder.h); a folder that names them otherwise, or keeps a head of the same names in
// one file with them, cannot be linked.
ExportedWeights export_weights(const model::ModelFolder& model, const artifacts::GateArtifact& artifact,
                               ExportWeights how, io::AtomicFolder& folder, io::FileSystem& files);

}  // namespace armorm::stages::reward_model
