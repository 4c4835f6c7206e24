// Verbosity debiasing of stage2-train.
#pragma once

#include <memory_resource>
#include <optional>
#include <string>
#include <vector>

#include "gating/verbosity.h"
#include "report/gate_figures.h"
#include "stages/gate/gate_inputs.h"

namespace armorm::stages::gate {

struct Debiased {
  gating::DebiasResult result;
  // False with --compat upstream, which computes T and never uses it, and without a verbosity attribute: T is
  // then the identity, and result.attributes is empty.
  bool applied = true;

  // Multiplies the rewards by T, once, if it is applied.
  void apply_to(PairRewards& pairs) const;
};

// `options` name the verbosity attribute (with_verbosity()). Finds T on the reference set or, without one, on
// `preference`; arrays of all pairs are in `memory`. data error as for find_debiasing_transform(), and if the
// lengths of the answers are the target and were not recorded.
Debiased debias_rewards(const Stage2TrainOptions& options, GateInputs& inputs, const PairRewards& preference,
                        std::pmr::memory_resource* memory);

// nullopt without a verbosity attribute.
std::optional<report::Debiasing> debiasing_figures(const Debiased& debiased,
                                                   const Stage2TrainOptions& options,
                                                   const std::vector<std::string>& attributes);

}  // namespace armorm::stages::gate
