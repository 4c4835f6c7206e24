#include "stages/scoring/pair_choice.h"

#include <fmt/format.h>

namespace armorm::stages::scoring {

prepare::DatasetPlan plan_pairs(const DatasetPaths& sets, const ScoreOptions& options) {
  return prepare::plan_dataset({sets,
                                fmt::format("{}", fmt::join(sets.paths, ",")),
                                options.dataset_config,
                                options.dataset_split,
                                options.columns,
                                {.pairs = options.form,
                                 .preference_label = options.preference_label,
                                 .ranked_pairs = options.ranked_pairs},
                                options.evaluate.paths.empty() ? "explain" : "evaluate"},
                               data::RowKind::pairs);
}

}  // namespace armorm::stages::scoring
