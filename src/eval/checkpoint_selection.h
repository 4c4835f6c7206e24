// Which gate of a training run to keep, measured on pairs that it was not trained on.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "armorm/checkpoint_choice.h"
#include "eval/preference.h"
#include "gating/trainer.h"

namespace armorm::eval {

struct SelectionOptions {
  SelectCheckpoint select = SelectCheckpoint::last;
  std::int64_t every = 100;  // steps between evaluations on the validation pairs; at least 1
  // Stop after this many evaluations in a row without a better gate (as `best` orders them); 0 = never.
  std::int64_t patience = 0;
};

struct CheckpointMetrics {
  std::int64_t step = 0;  // steps done
  PreferenceMetrics validation;
};

// Index of the entry with the highest accuracy; the lower loss, then the earlier entry on ties. 0 for an
// empty curve.
std::int64_t best_evaluation(std::span<const CheckpointMetrics> curve);

struct SelectedGate {
  gating::GateParameters gate;
  std::int64_t step = 0;                   // of `gate`
  std::vector<CheckpointMetrics> curve;    // one entry per evaluation, ascending
  std::vector<gating::StepReport> losses;  // on the training pairs
  bool stopped_early = false;
};

// State of a training run and of its evaluations so far.
struct SelectionProgress {
  gating::TrainingState training = {};
  std::vector<CheckpointMetrics> curve = {};
  std::vector<gating::StepReport> losses = {};
  std::int64_t best_look = 0;        // index into the curve
  gating::GateParameters best = {};  // gate of that evaluation; without layers for SelectCheckpoint::last
};

struct SelectionHooks {
  std::function<void(const gating::StepReport&)> report = {};
  // Called between two steps. `progress()` copies the state from which another call can resume. An exception
  // ends the training.
  std::function<void(const std::function<SelectionProgress()>& progress)> between_steps = {};
};

// Trains, with an evaluation on `validation` every `selection.every` steps and after the last step.
// Evaluations do not change the training: `last` without early stopping gives the result of train_gate.
// `start`: an initial gate (start.training.gate), or the progress of an earlier call with the same arguments;
// resuming from it gives the same bits. data error without validation rows; usage error for options out of
// range.
SelectedGate train_and_select(const gating::PairData& data, std::span<const std::int64_t> train,
                              std::span<const std::int64_t> validation, SelectionProgress start,
                              const gating::TrainOptions& options, const SelectionOptions& selection,
                              const SelectionHooks& hooks = {});

}  // namespace armorm::eval
