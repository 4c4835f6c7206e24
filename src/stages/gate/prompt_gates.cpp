#include "stages/gate/prompt_gates.h"

#include <algorithm>

#include "core/error.h"
#include "gating/trainer.h"

namespace armorm::stages::gate {

void check_training_gates(const Stage2TrainOptions& options, const PairRewards& pairs) {
  if (options.training_gates && pairs.row_ids().empty())
    fail_data(
        "--training_gates: the embeddings of {} do not say which rows they are; make them with "
        "stage2-prepare, or leave it out",
        options.preference_dataset);
}

explain::TrainingGates gates_of_prompts(const Stage2TrainOptions& options,
                                        const std::vector<std::string>& attributes, const PairRewards& pairs,
                                        std::span<const std::int64_t> rows,
                                        const gating::GateParameters& gate) {
  std::vector<std::int64_t> in_order(rows.begin(), rows.end());
  std::ranges::sort(in_order);
  explain::TrainingGates gates{attributes, explain::gate_digest(gate, options.temperature), {}, {}};
  const auto weights = gating::gate_weights(gate, pairs.data(), in_order, options.temperature,
                                            static_cast<int>(options.device));
  gates.gate.assign(weights.begin(), weights.end());
  for (const std::int64_t row : in_order)
    gates.row_ids.push_back(pairs.row_ids()[static_cast<std::size_t>(row)]);
  return gates;
}

}  // namespace armorm::stages::gate
