// How a trained gate weighs its attributes, and whether it has collapsed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/matrix_view.h"

namespace armorm::gating {

struct GateUsageLimits {
  // An attribute with more than this share of all weight determines the score alone. In (0, 1).
  double max_load = 0.95;
  // Mutual information of weights and prompt, in nats. Below this, the gate ignores the prompt.
  double min_information = 1e-3;
};

struct GateUsage {
  std::int64_t n = 0;             // prompts
  std::vector<double> load;       // [K] mean weight of each attribute; sums to 1
  std::vector<double> top_share;  // [K] share of prompts in which the attribute weighs most (ties: the first)
  double mean_entropy = 0.0;      // mean entropy of a prompt's weights, in nats; log K for equal weights
  double load_entropy = 0.0;      // entropy of `load`, in nats
  // load_entropy - mean_entropy >= 0: mean Kullback-Leibler divergence of a prompt's weights from `load`.
  double information = 0.0;
  std::vector<std::string> warnings;  // one per sign of collapse; empty for a healthy gate
};

// weights [n, K]: softmax outputs, each row sums to 1. data error when a row does not (tolerance 1e-3) or has
// a negative or non-finite weight; internal error without rows or when the number of names differs.
GateUsage measure_gate_usage(MatrixView<const float> weights, const std::vector<std::string>& attributes,
                             const GateUsageLimits& limits);

}  // namespace armorm::gating
