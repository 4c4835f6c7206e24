// Training of the gate as stage2-train runs it: one or several seeds, and the choice among what they give.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "armorm/stage2_train.h"
#include "eval/checkpoint_selection.h"
#include "gating/gate.h"
#include "report/gate_figures.h"
#include "stages/gate/gate_checkpoint.h"

namespace armorm::stages::gate {

gating::GateSoftmax softmax_of(const Stage2TrainOptions& options);

// CPU threads that a training on the CPU uses: those given, or as many as its steps can keep busy.
int training_threads(const Stage2TrainOptions& options, const gating::GateShape& shape);

struct GateRun {
  std::int64_t seed = 0;
  eval::SelectedGate selected;
  eval::CheckpointMetrics kept;  // of selected.gate, on the validation pairs
};

// One run for each seed from options.seed on. Goes on with what `checkpoint` holds of an interrupted one, and
// keeps it up to date; it holds all of them in the end.
std::vector<GateRun> train_gates(const Stage2TrainOptions& options, const gating::GateShape& shape,
                                 const gating::PairData& pairs, std::span<const std::int64_t> train,
                                 std::span<const std::int64_t> validation, GateCheckpoint& checkpoint);

// Of a training on these pairs.
resume::ResumeKey training_key(const Stage2TrainOptions& options, const gating::PairData& pairs);

// The run with the highest validation accuracy; the lower loss, then the earlier seed on ties.
const GateRun& best_run(const std::vector<GateRun>& runs);

// Curves and metrics of all runs. The spread between seeds is the standard deviation (n - 1).
report::TrainingFigures training_figures(const std::vector<GateRun>& runs);

}  // namespace armorm::stages::gate
