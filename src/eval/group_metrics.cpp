#include "eval/group_metrics.h"

#include <limits>
#include <vector>

#include "core/error.h"
#include "eval/preference.h"

namespace armorm::eval {
namespace {

template <class T>
std::vector<T> taken(std::span<const T> values, std::span<const std::size_t> members) {
  std::vector<T> out;
  out.reserve(members.size());
  for (const std::size_t i : members) {
    if (i >= values.size()) fail_internal("group of pairs: position {} of {}", i, values.size());
    out.push_back(values[i]);
  }
  return out;
}

std::int64_t count_correct(const gating::PairScores& scores) {
  std::int64_t correct = 0;
  for (std::size_t i = 0; i < scores.chosen.size(); ++i)
    correct += scores.chosen[i] > scores.rejected[i] ? 1 : 0;
  return correct;
}

}  // namespace

GroupMetrics measure_group(const gating::PairScores& scores, std::span<const std::size_t> members,
                           std::span<const std::int64_t> chosen_length,
                           std::span<const std::int64_t> rejected_length) {
  const gating::PairScores group{taken(std::span(scores.chosen), members),
                                 taken(std::span(scores.rejected), members)};
  GroupMetrics metrics;
  metrics.n = std::ssize(members);
  metrics.correct = count_correct(group);
  metrics.interval = stats::wilson_interval(metrics.correct, metrics.n);
  metrics.loss = members.empty() ? std::numeric_limits<double>::quiet_NaN()
                                 : preference_metrics(group.chosen, group.rejected).loss;
  if (chosen_length.empty() && rejected_length.empty()) return metrics;
  if (chosen_length.size() != scores.chosen.size() || rejected_length.size() != scores.chosen.size())
    fail_internal("group of pairs: {} pairs of scores, {} and {} lengths", scores.chosen.size(),
                  chosen_length.size(), rejected_length.size());
  metrics.length_bias =
      measure_length_bias(group, taken(chosen_length, members), taken(rejected_length, members));
  return metrics;
}

}  // namespace armorm::eval
