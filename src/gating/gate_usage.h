// What a trained gate does with its attributes, and whether it has collapsed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/matrix_view.h"

namespace armorm {

struct GateUsageLimits {
  // One attribute that takes more than this share of all weight carries the score alone. In (0, 1).
  double max_load = 0.95;
  // Nats of information that the weights hold about the prompt, below which the gate is the same for every
  // prompt.
  double min_information = 1e-3;
};

struct GateUsage {
  std::int64_t n = 0;        // prompts
  std::vector<double> load;  // [K] mean weight of each attribute; sums to 1
  std::vector<double>
      top_share;              // [K] share of prompts in which the attribute weighs most (the first on ties)
  double mean_entropy = 0.0;  // of each prompt's weights, in nats; log K for equal weights
  double load_entropy = 0.0;  // of `load`, in nats
  // load_entropy - mean_entropy >= 0: mean Kullback-Leibler divergence of a prompt's weights from `load`.
  double information = 0.0;
  std::vector<std::string> warnings;  // one for each sign of a collapse; empty for a healthy gate
};

// weights [n, K]: softmax outputs, each row summing to 1. data error when a row does not (1e-3) or holds a
// negative or non-finite weight; internal error without rows or when the names do not fit.
GateUsage measure_gate_usage(MatrixView<const float> weights, const std::vector<std::string>& attributes,
                             const GateUsageLimits& limits);

}  // namespace armorm
