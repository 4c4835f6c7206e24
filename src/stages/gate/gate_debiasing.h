// Verbosity debiasing as stage2-train runs it.
#pragma once

#include <string>
#include <vector>

#include "gating/verbosity.h"
#include "report/gate_figures.h"
#include "stages/gate/gate_inputs.h"

namespace armorm {

struct Debiased {
  DebiasResult result;
  bool applied = true;  // false with --compat upstream, which computes T and applies it nowhere

  // Multiplies the rewards by T, once, where that is applied.
  void apply_to(PairRewards& pairs) const;
};

// T, found on the reference set or, where that is not given, on `preference`. data error as of
// find_debiasing_transform(), and where the answers' lengths are the target and were not recorded.
Debiased debias_rewards(const Stage2TrainOptions& options, GateInputs& inputs, const PairRewards& preference);

report::Debiasing debiasing_figures(const Debiased& debiased, const Stage2TrainOptions& options,
                                    const std::vector<std::string>& attributes);

}  // namespace armorm
