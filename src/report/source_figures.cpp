#include "report/source_figures.h"

#include <fmt/core.h>

#include <span>

#include "stats/proportion.h"

namespace armorm::report {
namespace {

stats::Interval wilson(std::int64_t correct, std::int64_t n) {
  const stats::Proportion interval = stats::wilson_interval(correct, n);
  return {interval.low, interval.high};
}

double share(std::int64_t correct, std::int64_t n) {
  return n > 0 ? static_cast<double>(correct) / static_cast<double>(n) : stats::kNotMeasured;
}

template <class Source>
std::string name_of(std::span<const Source> rest) {
  return fmt::format("other ({} source{})", rest.size(), rest.size() == 1 ? "" : "s");
}

// Mean over the sources, weighted by their pairs; NaN without pairs. Sources without pairs do not count.
template <class Source>
double mean(std::span<const Source> sources, const auto& count_of, const auto& value_of) {
  double sum = 0.0;
  std::int64_t n = 0;
  for (const Source& source : sources) {
    if (count_of(source) == 0) continue;
    sum += static_cast<double>(count_of(source)) * value_of(source);
    n += count_of(source);
  }
  return n > 0 ? sum / static_cast<double>(n) : stats::kNotMeasured;
}

void add(LengthCase& sum, const LengthCase& group) {
  sum.n += group.n;
  sum.correct += group.correct;
  sum.accuracy = share(sum.correct, sum.n);
  sum.interval = wilson(sum.correct, sum.n);
}

// `first` names set and scorer.
LengthBiasFigures sum_of_length_bias(std::span<const SourceFigures> rest, std::size_t scorer,
                                     const LengthBiasFigures& first) {
  LengthBiasFigures sum{first.set, first.name, {}, {}, {}};
  for (const SourceFigures& source : rest) {
    const LengthBiasFigures& bias = source.scorers[scorer].length_bias.value();
    add(sum.chosen_longer, bias.chosen_longer);
    add(sum.chosen_shorter, bias.chosen_shorter);
    add(sum.equal, bias.equal);
  }
  sum.gap = sum.chosen_longer.accuracy - sum.chosen_shorter.accuracy;
  return sum;
}

SourceScorer sum_of_scorer(std::span<const SourceFigures> rest, std::size_t scorer, std::int64_t pairs) {
  const SourceScorer& first = rest.front().scorers[scorer];
  SourceScorer sum{first.name, first.short_name, 0, {}, stats::kNotMeasured, {}};
  for (const SourceFigures& source : rest) sum.correct += source.scorers[scorer].correct;
  sum.interval = wilson(sum.correct, pairs);
  sum.loss = mean(
      rest, [](const SourceFigures& s) { return s.pairs; },
      [scorer](const SourceFigures& s) { return s.scorers[scorer].loss; });
  if (first.length_bias) sum.length_bias = sum_of_length_bias(rest, scorer, *first.length_bias);
  return sum;
}

SourceFigures sum_of(std::span<const SourceFigures> rest) {
  SourceFigures sum{name_of(rest), 0, {}};
  for (const SourceFigures& source : rest) sum.pairs += source.pairs;
  for (std::size_t i = 0; i < rest.front().scorers.size(); ++i)
    sum.scorers.push_back(sum_of_scorer(rest, i, sum.pairs));
  return sum;
}

KindWeights sum_of(std::span<const KindWeights> rest) {
  KindWeights sum{name_of(rest), 0, {}};
  for (const KindWeights& source : rest) sum.n += source.n;
  for (std::size_t k = 0; k < rest.front().weights.size(); ++k)
    sum.weights.push_back(mean(
        rest, [](const KindWeights& s) { return s.n; }, [k](const KindWeights& s) { return s.weights[k]; }));
  return sum;
}

template <class Source>
std::vector<Source> largest(const std::vector<Source>& sources, std::size_t most) {
  if (sources.size() <= most) return sources;
  std::vector<Source> out(sources.begin(), sources.begin() + static_cast<std::ptrdiff_t>(most));
  out.push_back(sum_of(std::span(sources).subspan(most)));
  return out;
}

}  // namespace

std::string source_label(const std::string& name) { return name.empty() ? "(no source)" : name; }

double accuracy_of(const SourceScorer& scorer, std::int64_t pairs) { return share(scorer.correct, pairs); }

std::vector<SourceFigures> largest_sources(const std::vector<SourceFigures>& sources, std::size_t most) {
  return largest(sources, most);
}

std::vector<KindWeights> largest_sources(const std::vector<KindWeights>& sources, std::size_t most) {
  return largest(sources, most);
}

}  // namespace armorm::report
