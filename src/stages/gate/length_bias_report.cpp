#include "stages/gate/length_bias_report.h"

#include "core/log.h"
#include "eval/length_bias.h"

namespace armorm::stages::gate {
namespace {

report::LengthCase case_of(const eval::LengthGroup& group) {
  return {group.n, group.correct, group.accuracy, {group.interval.low, group.interval.high}};
}

report::LengthBiasFigures figures_of(const std::string& set, const std::string& scorer,
                                     const eval::LengthBias& bias) {
  return {set,
          scorer,
          case_of(bias.chosen_longer),
          case_of(bias.chosen_shorter),
          case_of(bias.equal),
          bias.gap,
          bias.margin_correlation};
}

}  // namespace

std::vector<report::LengthBiasFigures> length_bias_on(const std::string& set,
                                                      const std::vector<Contender>& contenders,
                                                      const PairRewards& pairs,
                                                      std::span<const std::int64_t> rows) {
  if (pairs.lengths().empty()) {
    log::warn(
        "{}: its embeddings carry no lengths, so its length bias is not measured; run stage2-prepare again "
        "to record "
        "them",
        set);
    return {};
  }
  std::vector<std::int64_t> chosen;
  std::vector<std::int64_t> rejected;
  chosen.reserve(rows.size());
  rejected.reserve(rows.size());
  for (const std::int64_t row : rows) {
    chosen.push_back(pairs.lengths()[2 * static_cast<std::size_t>(row)]);
    rejected.push_back(pairs.lengths()[2 * static_cast<std::size_t>(row) + 1]);
  }
  std::vector<report::LengthBiasFigures> scorers;
  for (const Contender& contender : contenders)
    scorers.push_back(figures_of(set, contender.figures.name,
                                 eval::measure_length_bias(contender.scores, chosen, rejected)));
  return scorers;
}

}  // namespace armorm::stages::gate
