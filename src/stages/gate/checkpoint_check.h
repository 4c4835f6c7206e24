// What a saved state of a gate training may hold.
#pragma once

#include <cstdint>

#include "eval/checkpoint_selection.h"
#include "gating/gate.h"
#include "stages/gate/checkpoint_file.h"

namespace armorm::stages::gate {

// What is known of a training before it begins.
struct TrainingPlan {
  gating::GateShape shape;
  eval::SelectionOptions selection;
  std::int64_t n_steps = 0;
  std::int64_t log_every = 0;  // steps between two reports of the loss
  std::int64_t n_seeds = 0;
};

// data error that names the first value which no state of this training has: counts and steps of evaluations
// and reports, the best evaluation, the shapes of gates and of the optimiser's state, its signs.
void check_saved(const SeedsTrained& saved, const TrainingPlan& plan);

}  // namespace armorm::stages::gate
