// Evaluates a trained gate compared with its baselines, on any preference set.
#pragma once

#include <memory_resource>
#include <span>
#include <string>
#include <vector>

#include "gating/trainer.h"
#include "report/gate_figures.h"
#include "report/scorer_figures.h"
#include "stages/gate/pair_rewards.h"

namespace armorm::stages::gate {

// A gate and how it is evaluated.
struct GateScorer {
  gating::GateParameters gate;
  gating::GateSoftmax softmax = gating::GateSoftmax::attributes;
  double temperature = 10.0;
  int device = -1;                                                       // CUDA device index; -1 = CPU
  std::pmr::memory_resource* memory = std::pmr::get_default_resource();  // of the gates of all pairs

  gating::PairScores score(const gating::PairData& data, std::span<const std::int64_t> rows) const;
};

// One scorer on some pairs; the first of a comparison is the gate.
struct Contender {
  std::string short_name;  // for narrow tables, which leave out scorers without one
  report::ScorerFigures figures;
  gating::PairScores scores;
};

// The gate, the uniform gate, the attribute `best` alone, and, if the rewards were debiased, the gate on the
// rewards before debiasing.
std::vector<Contender> compare_scorers_on(const GateScorer& scorer, const PairRewards& pairs,
                                          std::span<const std::int64_t> rows, std::int64_t best,
                                          const std::vector<std::string>& attributes);
report::ScorerFigures figures_of(std::string name, const gating::PairScores& scores);
std::vector<report::ScorerFigures> figures_of(const std::vector<Contender>& contenders);

// How the gate weighs its attributes on these prompts; signs of a collapse are also logged.
report::UsageFigures gate_usage_on(const GateScorer& scorer, const PairRewards& pairs,
                                   std::span<const std::int64_t> rows,
                                   const std::vector<std::string>& attributes);

std::vector<std::int64_t> all_pairs(const PairRewards& pairs);

}  // namespace armorm::stages::gate
