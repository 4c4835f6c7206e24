// Complete trainings, and the gradients of a single step.
#pragma once

#include <utility>
#include <vector>

#include "gating/trainer.h"

namespace armorm::test {

// n_steps from `initial`.
inline gating::GateParameters train_gate(const gating::PairData& data, std::span<const std::int64_t> rows,
                                         gating::GateParameters initial, const gating::TrainOptions& options,
                                         const std::function<void(const gating::StepReport&)>& report) {
  gating::GateTrainer trainer(data, rows, {.gate = std::move(initial)}, options);
  while (!trainer.done()) trainer.step(report);
  return trainer.gate();
}

// Like train_gate with a given batch per step.
inline gating::GateParameters train_gate_on_batches(const gating::PairData& data,
                                                    const std::vector<std::vector<std::int64_t>>& batches,
                                                    gating::GateParameters initial,
                                                    const gating::TrainOptions& options,
                                                    std::vector<double>& losses) {
  gating::GateTrainer trainer(data, batches.at(0), {.gate = std::move(initial)}, options);
  for (const std::vector<std::int64_t>& batch : batches) losses.push_back(trainer.step_on(batch));
  return trainer.gate();
}

// Gradients of the batch's mean loss, one per parameter. AdamW's first moment after the first step is (1 -
// 0.9) times the gradient.
inline gating::GateParameters gate_gradients(const gating::PairData& data,
                                             std::span<const std::int64_t> batch, gating::GateParameters gate,
                                             const gating::TrainOptions& options) {
  constexpr float kRate = 1.0F - 0.9F;
  gating::GateTrainer trainer(data, batch, {.gate = std::move(gate)}, options);
  trainer.step_on(batch);
  gating::GateParameters gradients = trainer.state().first_moment;
  gradients.logit_scale /= kRate;
  for (auto& layer : gradients.layers)
    for (auto* values : {&layer.weight, &layer.bias})
      for (float& value : *values) value /= kRate;
  return gradients;
}

}  // namespace armorm::test
