#include "eval/length_bias.h"

#include <limits>
#include <vector>

#include "core/error.h"
#include "stats/statistics.h"

namespace armorm::eval {
namespace {

void finish(LengthGroup& group) {
  group.accuracy = group.n > 0 ? static_cast<double>(group.correct) / static_cast<double>(group.n)
                               : std::numeric_limits<double>::quiet_NaN();
  group.interval = stats::wilson_interval(group.correct, group.n);
}

}  // namespace

LengthBias measure_length_bias(const gating::PairScores& scores, std::span<const std::int64_t> chosen_length,
                               std::span<const std::int64_t> rejected_length) {
  const std::size_t n = scores.chosen.size();
  if (scores.rejected.size() != n || chosen_length.size() != n || rejected_length.size() != n)
    fail_internal("length bias: {} pairs of scores, {} and {} lengths", n, chosen_length.size(),
                  rejected_length.size());
  LengthBias bias;
  std::vector<double> margins(n);
  std::vector<double> differences(n);
  for (std::size_t i = 0; i < n; ++i) {
    if (chosen_length[i] < 0 || rejected_length[i] < 0)
      fail_data("length bias: pair {} has lengths {} and {}, expected 0 or more; check the length columns", i,
                chosen_length[i], rejected_length[i]);
    const std::int64_t longer_by = chosen_length[i] - rejected_length[i];
    margins[i] = static_cast<double>(scores.chosen[i]) - static_cast<double>(scores.rejected[i]);
    differences[i] = static_cast<double>(longer_by);
    LengthGroup& group = longer_by > 0   ? bias.chosen_longer
                         : longer_by < 0 ? bias.chosen_shorter
                                         : bias.equal;
    ++group.n;
    group.correct += scores.chosen[i] > scores.rejected[i] ? 1 : 0;
  }
  for (LengthGroup* group : {&bias.chosen_longer, &bias.chosen_shorter, &bias.equal}) finish(*group);
  bias.gap = bias.chosen_longer.accuracy - bias.chosen_shorter.accuracy;
  bias.margin_correlation =
      stats::spearman(std::span<const double>(margins), std::span<const double>(differences));
  return bias;
}

}  // namespace armorm::eval
