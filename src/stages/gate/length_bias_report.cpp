#include "stages/gate/length_bias_report.h"

#include "core/log.h"

namespace armorm::stages::gate {
namespace {

report::LengthCase case_of(const eval::LengthGroup& group) {
  return {group.n, group.correct, group.accuracy, {group.interval.low, group.interval.high}};
}

}  // namespace

SideLengths lengths_of(const PairRewards& pairs, std::span<const std::int64_t> rows) {
  SideLengths lengths;
  if (pairs.lengths().empty()) return lengths;
  lengths.chosen.reserve(rows.size());
  lengths.rejected.reserve(rows.size());
  for (const std::int64_t row : rows) {
    lengths.chosen.push_back(pairs.lengths()[2 * static_cast<std::size_t>(row)]);
    lengths.rejected.push_back(pairs.lengths()[2 * static_cast<std::size_t>(row) + 1]);
  }
  return lengths;
}

report::LengthBiasFigures length_bias_figures(const std::string& set, const std::string& scorer,
                                              const eval::LengthBias& bias) {
  return {set,
          scorer,
          case_of(bias.chosen_longer),
          case_of(bias.chosen_shorter),
          case_of(bias.equal),
          bias.gap,
          bias.margin_correlation};
}

std::vector<report::LengthBiasFigures> length_bias_on(const std::string& set,
                                                      const std::vector<Contender>& contenders,
                                                      const PairRewards& pairs,
                                                      std::span<const std::int64_t> rows) {
  if (pairs.lengths().empty()) {
    log::warn(
        "{}: its embeddings have no lengths, so its length bias is not measured; run stage2-prepare again "
        "to record "
        "them",
        set);
    return {};
  }
  const SideLengths lengths = lengths_of(pairs, rows);
  std::vector<report::LengthBiasFigures> scorers;
  for (const Contender& contender : contenders)
    scorers.push_back(
        length_bias_figures(set, contender.figures.name,
                            eval::measure_length_bias(contender.scores, lengths.chosen, lengths.rejected)));
  return scorers;
}

}  // namespace armorm::stages::gate
