#include "stages/gate/source_report.h"

#include "eval/group_metrics.h"
#include "stages/gate/length_bias_report.h"

namespace armorm::stages::gate {
namespace {

report::SourceScorer figures_of(const std::string& set, const Contender& contender,
                                const eval::GroupMetrics& metrics) {
  report::SourceScorer scorer{contender.figures.name, contender.short_name,
                              metrics.correct,        {metrics.interval.low, metrics.interval.high},
                              metrics.loss,           {}};
  if (metrics.length_bias)
    scorer.length_bias = length_bias_figures(set, contender.figures.name, *metrics.length_bias);
  return scorer;
}

}  // namespace

std::optional<report::SetBySource> by_source_on(const std::string& set,
                                                const std::vector<Contender>& contenders,
                                                const PairRewards& pairs,
                                                std::span<const std::int64_t> rows) {
  if (pairs.sources().names.empty()) return std::nullopt;
  const SideLengths lengths = lengths_of(pairs, rows);
  report::SetBySource out{set, {}};
  for (const SourceGroup& group : group_by_source(pairs.sources(), rows)) {
    report::SourceFigures source{group.name, std::ssize(group.members), {}};
    for (const Contender& contender : contenders)
      source.scorers.push_back(
          figures_of(set, contender,
                     eval::measure_group(contender.scores, group.members, lengths.chosen, lengths.rejected)));
    out.sources.push_back(std::move(source));
  }
  return out;
}

}  // namespace armorm::stages::gate
