// Figures by source of the pairs: the sets of a mixture, or the values of a data set's column `source`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/gate_figures.h"
#include "report/scorer_figures.h"

namespace armorm::report {

// A scorer on the pairs of one source.
struct SourceScorer {
  std::string name;
  std::string short_name;  // for narrow tables, which leave out scorers without one
  std::int64_t correct = 0;
  stats::Interval interval;  // 95 % interval of the accuracy
  double loss = stats::kNotMeasured;
  std::optional<LengthBiasFigures> length_bias;  // absent without lengths
};

struct SourceFigures {
  std::string name;
  std::int64_t pairs = 0;
  std::vector<SourceScorer> scorers;  // the gate first
};

struct SetBySource {
  std::string set;                     // "validation", or the name of an EvaluatedSet
  std::vector<SourceFigures> sources;  // most pairs first; all have the same scorers
};

// WeightsByKind::by of weights by source.
inline constexpr const char* kBySource = "source";

// What tables show as the name: "(no source)" for rows whose column is empty.
std::string source_label(const std::string& name);

// NaN without pairs.
double accuracy_of(const SourceScorer& scorer, std::int64_t pairs);

// The first `most` entries, and one "other (N sources)" that sums the rest, if there is any: counts are
// added, losses and weights averaged over the pairs, intervals and gaps computed from the sums. A correlation
// cannot be summed and is not measured there.
std::vector<SourceFigures> largest_sources(const std::vector<SourceFigures>& sources, std::size_t most);
std::vector<KindWeights> largest_sources(const std::vector<KindWeights>& sources, std::size_t most);

}  // namespace armorm::report
