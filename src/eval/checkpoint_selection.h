// Which gate of a training run to keep, judged on pairs that it was not trained on.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "eval/checkpoint_choice.h"
#include "eval/preference.h"
#include "gating/trainer.h"

namespace armorm {

struct SelectionOptions {
  SelectCheckpoint select = SelectCheckpoint::last;
  std::int64_t every = 100;  // steps between looks at the validation pairs; at least 1
  // Looks in a row without a better gate (as `best` orders them) after which training stops; 0 = never.
  std::int64_t patience = 0;
};

struct CheckpointMetrics {
  std::int64_t step = 0;  // steps done
  PreferenceMetrics validation;
};

struct SelectedGate {
  GateParameters gate;
  std::int64_t step = 0;                 // of `gate`
  std::vector<CheckpointMetrics> curve;  // one for each look, ascending
  std::vector<StepReport> losses;        // of the training pairs
  bool stopped_early = false;
};

// A training with its looks, as far as it got.
struct SelectionProgress {
  TrainingState training = {};
  std::vector<CheckpointMetrics> curve = {};
  std::vector<StepReport> losses = {};
  std::int64_t best_look = 0;  // index into the curve
  GateParameters best = {};    // its gate; without layers where the last gate is wanted
};

struct SelectionHooks {
  std::function<void(const StepReport&)> report = {};
  // Called between two steps; `progress()` copies what another call could start from. What it throws ends the
  // training.
  std::function<void(const std::function<SelectionProgress()>& progress)> between_steps = {};
};

// Training with a look at `validation` every `selection.every` steps and after the last. The looks leave the
// training itself as it is: `last` without early stopping gives what train_gate gives. `start`: a gate to
// begin with (start.training.gate), or the progress of an earlier call with the same arguments, which this
// one then completes to the same bits. data error without validation rows; usage error for options out of
// range.
SelectedGate train_and_select(const PairData& data, std::span<const std::int64_t> train,
                              std::span<const std::int64_t> validation, SelectionProgress start,
                              const TrainOptions& options, const SelectionOptions& selection,
                              const SelectionHooks& hooks = {});

}  // namespace armorm
