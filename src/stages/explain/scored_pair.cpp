#include "stages/explain/scored_pair.h"

#include <algorithm>
#include <span>
#include <vector>

#include "eval/gate_flip.h"
#include "report/json_values.h"

namespace armorm::stages::explain {
namespace {

using report::shortest;

std::span<const float> row_of(const std::vector<float>& matrix, std::size_t row, std::size_t k) {
  return std::span(matrix).subspan(row * k, k);
}

// rewards T
std::vector<float> debiased(const gating::RewardHead& head, std::span<const float> rewards) {
  if (head.transform.empty()) return {rewards.begin(), rewards.end()};
  std::vector<float> out;
  for (std::size_t k = 0; k < rewards.size(); ++k) {
    double sum = 0.0;
    for (std::size_t j = 0; j < rewards.size(); ++j)
      sum += static_cast<double>(rewards[j]) * head.transform[j * rewards.size() + k];
    out.push_back(static_cast<float>(sum));
  }
  return out;
}

}  // namespace

report::ExamplePair scored_pair(const gating::RewardHead& head, const gating::HeadScores& scores,
                                std::size_t chosen, std::size_t rejected) {
  const auto k = static_cast<std::size_t>(head.n_attributes);
  const auto sides = [&](const std::vector<float>& matrix) {
    return report::BothSides<std::vector<double>>{shortest(row_of(matrix, chosen, k)),
                                                  shortest(row_of(matrix, rejected, k))};
  };
  report::ExamplePair pair;
  pair.margin = shortest(scores.score[chosen] - scores.score[rejected]);
  pair.score = {shortest(scores.score[chosen]), shortest(scores.score[rejected])};
  pair.gate = sides(scores.gate);
  pair.prompts_differ = !std::ranges::equal(row_of(scores.gate, chosen, k), row_of(scores.gate, rejected, k));
  pair.reward = sides(scores.rewards);
  pair.debiased = {shortest(debiased(head, row_of(scores.rewards, chosen, k))),
                   shortest(debiased(head, row_of(scores.rewards, rejected, k)))};
  pair.contribution = sides(scores.contributions);
  pair.flip = flip_of(pair);
  return pair;
}

report::FlipFigures flip_of(const report::ExamplePair& pair) {
  const eval::GateFlip flip = eval::smallest_flip(
      {pair.gate.chosen, pair.gate.rejected, pair.debiased.chosen, pair.debiased.rejected});
  return {flip.possible, flip.moved, flip.change};
}

}  // namespace armorm::stages::explain
