// The gate's weights for the prompts that trained it: written by stage2-train, read by score --explain.
//
//   safetensors   gate [n, K] float32, weights that sum to 1; row_ids [n] int64, rows of the training's split
//   metadata      kind training_gates, armorm_format_version 1, attributes (JSON), gate_sha256
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "gating/gate.h"
#include "io/file_system.h"
#include "report/gate_figures.h"

namespace armorm::stages::explain {

struct TrainingGates {
  std::vector<std::string> attributes;  // [K]
  std::string gate_sha256;              // gate_digest()
  std::vector<float> gate;              // [n, K]
  std::vector<std::int64_t> row_ids;    // [n]

  // With digests of its content.
  void save(const std::filesystem::path& path, io::FileSystem& files) const;
  // data error for a file of another kind, of another gate or other attributes, or that was changed.
  static TrainingGates load(const std::filesystem::path& path, const std::string& gate_sha256,
                            const std::vector<std::string>& attributes);

  // The `count` prompts whose weights differ least, by half the sum of absolute differences of shares; of
  // prompts with the same weights the first one. `weights`: with any scale.
  std::vector<report::NearPrompt> nearest(std::span<const double> weights, std::size_t count) const;
};

// SHA-256 of the layers and the temperature: of all that decides the shares, without the scale.
std::string gate_digest(const gating::GateParameters& gate, double temperature);

}  // namespace armorm::stages::explain
