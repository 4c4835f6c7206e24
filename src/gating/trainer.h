// Bradley-Terry training of the gate on frozen embeddings.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <memory_resource>
#include <span>
#include <vector>

#include "armorm/gate_choices.h"
#include "core/dtype.h"
#include "core/matrix_view.h"
#include "core/row_table.h"
#include "gating/gate.h"

namespace armorm::gating {

// The axis of the softmax.
enum class GateSoftmax {
  attributes,  // the paper
  pair,        // the Python scripts: over {chosen, rejected}, which gives the gate no gradient
};

// Preference pairs with everything precomputed that training does not change. Owns nothing.
struct PairData {
  MatrixView<const float> chosen;                 // rewards [N, K], debiased if requested
  MatrixView<const float> rejected;               // [N, K]
  RowTable prompts;                               // [P, D] prompt embeddings
  std::span<const std::int64_t> chosen_prompt;    // [N] row of `prompts`
  std::span<const std::int64_t> rejected_prompt;  // [N]; the same row where the sides share their prompt
  bool rewards_mapped = false;                    // in files like the prompts, so that they are read ahead

  std::int64_t size() const { return chosen.rows; }
};

struct TrainOptions {
  double learning_rate = 1e-3;  // peak; cosine decay to 0 over n_steps
  double weight_decay = 0.0;
  std::int64_t n_steps = 2000;
  std::int64_t batch_size = 1024;
  // 0: each step draws its pairs uniformly with replacement. Else they come in the ShuffleOrder of such
  // windows over the training rows, which should then be in the order of the files.
  std::int64_t shuffle_window = 0;
  double dropout = 0.2;
  GateSoftmax softmax = GateSoftmax::attributes;
  GatePrecision precision = GatePrecision::fp32;
  double temperature = 10.0;
  std::uint64_t seed = 0;  // for batches and dropout, each with its own stream
  int device = -1;         // CUDA device index; -1 = CPU
  std::int64_t log_every = 100;
};

struct StepReport {
  std::int64_t step = 0;  // 1-based
  double loss = 0.0;      // mean over the steps since the last report
  double learning_rate = 0.0;
  float logit_scale = 0.0F;
};

struct PairScores {
  std::vector<float> chosen;    // [rows]
  std::vector<float> rejected;  // [rows]
};

// Complete state of a training run after some steps. A run resumed from it gives the same bits.
struct TrainingState {
  std::int64_t step = 0;  // completed steps
  GateParameters gate = {};
  // AdamW's moving averages of the gradients and of their squares, in the shape of the gate; without layers
  // before step 1.
  GateParameters first_moment = {};
  GateParameters second_moment = {};
  double loss_sum = 0.0;  // over the steps since the last report
  std::int64_t loss_steps = 0;
};

// One training run, step by step. On the CPU, prompts and rewards are read where they are, so that a mapped
// file needs no memory; on a GPU they are copied to it once. `data`, `rows` and the memory they view must
// outlive the object. Bit-identical for the same seed, data, device and precision; on the CPU for any number
// of threads with other kernels than libtorch (cpu_kernels.h). Not thread-safe.
class GateTrainer {
 public:
  // `rows`: the training rows of `data`; data error if empty.
  GateTrainer(const PairData& data, std::span<const std::int64_t> rows, const TrainingState& start,
              const TrainOptions& options);
  ~GateTrainer();
  GateTrainer(const GateTrainer&) = delete;
  GateTrainer& operator=(const GateTrainer&) = delete;

  std::int64_t steps_done() const;
  bool done() const;  // steps_done() == n_steps
  // One optimiser step on its own random batch; calls `report` every log_every steps and after the last step.
  void step(const std::function<void(const StepReport&)>& report = {});
  // One step on the given pairs; returns the batch's mean loss.
  double step_on(std::span<const std::int64_t> batch);

  GateParameters gate() const;
  TrainingState state() const;
  // Evaluation mode, in float32: no dropout. Any rows of `data`.
  PairScores score(std::span<const std::int64_t> rows) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Evaluation mode: no dropout.
PairScores score_pairs(const GateParameters& gate, const PairData& data, std::span<const std::int64_t> rows,
                       GateSoftmax softmax, double temperature, int device);
// Scores and their factors, both sides' weights before logit_scale. score = logit_scale * weights . rewards.
struct PairGates {
  std::pmr::vector<float> chosen;    // [rows, K]
  std::pmr::vector<float> rejected;  // [rows, K]
  PairScores scores;
};
PairGates pair_gates(const GateParameters& gate, const PairData& data, std::span<const std::int64_t> rows,
                     GateSoftmax softmax, double temperature, int device,
                     std::pmr::memory_resource* memory = std::pmr::get_default_resource());
// The gate's weights [rows, K] for the prompts of the chosen sides.
std::pmr::vector<float> gate_weights(const GateParameters& gate, const PairData& data,
                                     std::span<const std::int64_t> rows, double temperature, int device,
                                     std::pmr::memory_resource* memory = std::pmr::get_default_resource());

}  // namespace armorm::gating
