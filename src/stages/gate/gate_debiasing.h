// Verbosity debiasing of stage2-train.
#pragma once

#include <string>
#include <vector>

#include "gating/verbosity.h"
#include "report/gate_figures.h"
#include "stages/gate/gate_inputs.h"

namespace armorm::stages::gate {

struct Debiased {
  gating::DebiasResult result;
  bool applied = true;  // false with --compat upstream, which computes T and never uses it

  // Multiplies the rewards by T, once, if it is applied.
  void apply_to(PairRewards& pairs) const;
};

// Finds T on the reference set or, without one, on `preference`. data error as for
// find_debiasing_transform(), and if the lengths of the answers are the target and were not recorded.
Debiased debias_rewards(const Stage2TrainOptions& options, GateInputs& inputs, const PairRewards& preference);

report::Debiasing debiasing_figures(const Debiased& debiased, const Stage2TrainOptions& options,
                                    const std::vector<std::string>& attributes);

}  // namespace armorm::stages::gate
