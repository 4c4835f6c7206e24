// Training of the gate as stage2-train runs it: one or several seeds, and the choice among what they give.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "armorm/eval/checkpoint_selection.h"
#include "armorm/gating/gate.h"
#include "armorm/stages/stage2_train.h"

namespace armorm {

GateSoftmax softmax_of(const Stage2TrainOptions& options);

struct GateRun {
  std::int64_t seed = 0;
  SelectedGate selected;
  CheckpointMetrics kept;          // of selected.gate, on the validation pairs
  std::vector<StepReport> losses;  // of the training pairs
};

// One run for each seed from options.seed on.
std::vector<GateRun> train_gates(const Stage2TrainOptions& options, const GateShape& shape, const PairData& pairs,
                                 std::span<const std::int64_t> train, std::span<const std::int64_t> validation);

// The run with the highest validation accuracy; the lower loss, then the earlier seed on ties.
const GateRun& best_run(const std::vector<GateRun>& runs);

// "" for a single run. The spread is the standard deviation between seeds (n - 1).
std::string seeds_table(const std::vector<GateRun>& runs);
nlohmann::json seeds_json(const std::vector<GateRun>& runs);
// Losses and validation metrics by step.
nlohmann::json curve_json(const GateRun& run);

}  // namespace armorm
