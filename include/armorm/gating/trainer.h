// Bradley-Terry training of the gate on frozen embeddings.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "armorm/core/dtype.h"
#include "armorm/core/matrix_view.h"
#include "armorm/gating/gate.h"

namespace armorm {

// What the softmax runs over.
enum class GateSoftmax {
  attributes,  // the paper
  pair,        // the Python scripts: over {chosen, rejected}, which leaves the gate without a gradient
};

// Preference pairs with everything computed that does not change in training. Views are not owned.
struct PairData {
  MatrixView<const float> chosen;    // rewards [N, K], debiased where that is wanted
  MatrixView<const float> rejected;  // [N, K]
  // bf16 [N, 2, D] as rows of 2 D: the prompt of each side.
  MatrixView<const BFloat16> prompts;
  std::vector<bool> prompts_differ;  // [N]; where false the first side's prompt stands for both

  std::int64_t size() const { return chosen.rows; }
};

struct TrainOptions {
  double learning_rate = 1e-3;     // peak; cosine decay to 0 over n_steps
  double weight_decay = 0.0;
  std::int64_t n_steps = 2000;
  std::int64_t batch_size = 1024;  // drawn uniformly with replacement
  double dropout = 0.2;
  GateSoftmax softmax = GateSoftmax::attributes;
  double temperature = 10.0;
  std::uint64_t seed = 0;  // batches and dropout, each from its own stream
  int device = -1;         // CUDA device index; -1 = CPU
  std::int64_t log_every = 100;
};

struct StepReport {
  std::int64_t step = 0;  // 1-based
  double loss = 0.0;      // mean of the steps since the last report
  double learning_rate = 0.0;
  float logit_scale = 0.0F;
};

// Looks at the gate while it is trained.
struct Checkpoints {
  std::int64_t every = 0;  // steps; 0 = never
  // Called with the number of steps done, also after the last; false ends the training. It does not change what the
  // remaining steps compute.
  std::function<bool(std::int64_t step, const GateParameters& gate)> visit;
};

// `rows`: the training rows of `data`. Same result for the same seed, data, device and thread count.
GateParameters train_gate(const PairData& data, std::span<const std::int64_t> rows, GateParameters initial,
                          const TrainOptions& options, const std::function<void(const StepReport&)>& report,
                          const Checkpoints& checkpoints = {});

// As train_gate with the rows of each step's batch given; for comparison with other implementations.
GateParameters train_gate_on_batches(const PairData& data, const std::vector<std::vector<std::int64_t>>& batches,
                                     GateParameters initial, const TrainOptions& options,
                                     std::vector<double>* losses);

// Gradients of the batch's mean loss, one for each parameter, before any optimiser step.
GateParameters gate_gradients(const PairData& data, std::span<const std::int64_t> batch, const GateParameters& gate,
                              const TrainOptions& options);

struct PairScores {
  std::vector<float> chosen;    // [rows]
  std::vector<float> rejected;  // [rows]
};
// Evaluation mode: no dropout.
PairScores score_pairs(const GateParameters& gate, const PairData& data, std::span<const std::int64_t> rows,
                       GateSoftmax softmax, double temperature, int device);
// What a score is made of: scores, and both sides' weights before logit_scale. Score = logit_scale * weights . rewards.
struct PairGates {
  std::vector<float> chosen;    // [rows, K]
  std::vector<float> rejected;  // [rows, K]
  PairScores scores;
};
PairGates pair_gates(const GateParameters& gate, const PairData& data, std::span<const std::int64_t> rows,
                     GateSoftmax softmax, double temperature, int device);
// The gate's weights [rows, K] for the first side's prompts.
std::vector<float> gate_weights(const GateParameters& gate, const PairData& data, std::span<const std::int64_t> rows,
                                double temperature, int device);

}  // namespace armorm
