// The ridge weights that stage1-train writes and stage2-train reads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/file_system.h"
#include "stages/artifacts/artifact_inputs.h"
#include "stages/artifacts/model_facts.h"

namespace armorm::stages::artifacts {

struct RegressionWeights {
  std::string model;
  std::string dataset;
  ArtifactInputs inputs;                // what they were made from, by name; empty = not recorded
  ModelFacts facts;                     // of the model whose embeddings they were fitted to
  std::vector<std::string> attributes;  // [K]; empty when read from a file of the Python scripts
  std::int64_t hidden_size = 0;         // D
  std::vector<float> weight;            // [K, D]
  std::vector<float> bias;              // [K]; empty without fitted intercepts
  std::filesystem::path file;           // file that load() read
  std::string report_sha256;            // of the .json report next to them; empty = not recorded

  // Of the values of `weight` and `bias`.
  std::string digest() const;

  std::int64_t n_attributes() const { return static_cast<std::int64_t>(weight.size()) / hidden_size; }

  // <stem>.pt for Python, and <stem>.safetensors, which also names model, data set and attributes. Both hold
  // "weight" and, with intercepts, "bias": the state dict of a torch.nn.Linear.
  void save(const std::filesystem::path& stem, io::FileSystem& files = io::posix_file_system()) const;
  // Reads the safetensors file, or, if only the .pt file exists, that one (then without names, with a
  // warning). io error when neither exists; data error when the two disagree, are malformed or were changed.
  static RegressionWeights load(const std::filesystem::path& stem);
};

}  // namespace armorm::stages::artifacts
