// The trained reward head: everything between embeddings and score, in one file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gating/gate.h"
#include "io/file_system.h"
#include "model/pt/pt_file.h"
#include "stages/artifacts/artifact_inputs.h"

namespace armorm::stages::artifacts {

struct GateArtifact {
  std::string model;
  std::string model_family;
  std::vector<std::string> attributes;  // [K]
  std::int64_t hidden_size = 0;         // D of the backbone
  std::vector<float> weight;            // W [K, D]
  std::vector<float> bias;              // bias [K] of the regression; empty without fitted intercepts
  std::vector<float> transform;         // T [K, K]
  gating::GateParameters gate;
  double temperature = 10.0;
  std::string compat;
  ArtifactInputs inputs;  // what it was made from, by name
  std::string making;     // the facts of the embeddings behind it: text_of(MakingFacts)
  // The Bradley-Terry scale of the loss, where it was taken out of the gate.
  std::optional<float> bradley_terry_scale;

  // The same head with the gate's sum 1 and the trained scale recorded: scores are rewards, and the margin
  // of a pair times bradley_terry_scale is the logit of the training loss. data error unless the trained
  // scale is above 0: the order of the scores would be reversed.
  GateArtifact as_reward() const;

  // regression_layer.weight [K, D] and, with intercepts, .bias [K]; reward_transform_matrix [K, K];
  // gating.logit_scale [1], gating.layers.<i>.weight|bias: the names of the released model.
  model::pt::PtTensors head_tensors() const;

  // <stem>.pt: the state dict (logit_scale, layers.<i>.weight|bias). <stem>.safetensors: the same, and W
  // (with regression_layer.bias if there are intercepts), T, names, sizes.
  void save(const std::filesystem::path& stem, io::FileSystem& files = io::posix_file_system()) const;
};

}  // namespace armorm::stages::artifacts
