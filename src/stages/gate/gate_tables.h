// The evaluation of a trained gate: tables on the terminal, and figures in the report.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "report/gate_report.h"
#include "report/results.h"
#include "stages/gate/gate_evaluation.h"
#include "stages/gate/gate_explanation.h"
#include "stages/gate/pair_rewards.h"

namespace armorm::stages::gate {

constexpr const char* kValidation = "validation";  // name of the set

// Each call evaluates the gate on one set, shows the tables, and adds the figures to the report.
class GateTables {
 public:
  // `report` names the attributes. `best`: the best single attribute on the training pairs. Both references
  // must outlive the object.
  GateTables(const GateScorer& scorer, std::int64_t best, report::GateReport& report,
             const report::Results& results = report::Results());

  // With this many examples of pairs that are surest and wrong.
  void validation(const PairRewards& pairs, std::span<const std::int64_t> rows, std::size_t wrong_examples);
  void reward_bench(const PairRewards& pairs, const std::string& dataset);
  void reward_bench_2(const PairRewards& pairs, const std::string& dataset);
  void preference_set(const std::string& name, const PairRewards& pairs);

 private:
  std::vector<Contender> contenders(const PairRewards& pairs, std::span<const std::int64_t> rows) const;
  void add_length_bias(const std::string& set, const std::vector<Contender>& contenders,
                       const PairRewards& pairs, std::span<const std::int64_t> rows);
  void add_by_source(const std::string& set, const std::vector<Contender>& contenders,
                     const PairRewards& pairs, std::span<const std::int64_t> rows);
  void add_explanation(const ExplainedSet& set);

  const GateScorer& scorer_;
  std::int64_t best_;
  report::GateReport& report_;
  report::Results results_;
};

}  // namespace armorm::stages::gate
