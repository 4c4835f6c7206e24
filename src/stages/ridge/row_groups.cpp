#include "stages/ridge/row_groups.h"

#include <algorithm>

#include "core/error.h"
#include "core/numpy_random.h"

namespace armorm::stages::ridge {
namespace {

constexpr double kTestSize = 0.2;  // value of the published run

std::vector<std::int64_t> folds_of(const Stage1TrainOptions& options, std::int64_t n, const char* unit) {
  if (options.n_folds > n)
    fail_data("--n_folds: {} folds, but there are only {} {} to train on; use fewer folds or --cv holdout",
              options.n_folds, n, unit);
  return kfold_assignment(n, options.n_folds, static_cast<std::uint32_t>(options.seed));
}

// The fold of each of `rows`.
std::vector<std::int64_t> folds_by_prompt(const Stage1TrainOptions& options,
                                          std::span<const std::int64_t> rows,
                                          std::span<const std::int64_t> prompts) {
  std::vector<std::int64_t> distinct;
  for (const std::int64_t row : rows) distinct.push_back(prompts[static_cast<std::size_t>(row)]);
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  const std::vector<std::int64_t> of_prompts =
      folds_of(options, static_cast<std::int64_t>(distinct.size()), "prompts");
  std::vector<std::int64_t> folds;
  for (const std::int64_t row : rows) {
    const auto found =
        std::lower_bound(distinct.begin(), distinct.end(), prompts[static_cast<std::size_t>(row)]);
    folds.push_back(of_prompts[static_cast<std::size_t>(found - distinct.begin())]);
  }
  return folds;
}

}  // namespace

int group_count(const Stage1TrainOptions& options) {
  return options.cv == RidgeCv::kfold ? static_cast<int>(options.n_folds) + 1 : 2;
}

std::vector<linear::RowGroup> assign_groups(const Stage1TrainOptions& options, std::int64_t n,
                                            std::span<const std::int64_t> prompts) {
  const bool by_prompt = options.split_by == SplitBy::prompt;
  const auto seed = static_cast<std::uint32_t>(options.seed);
  const Split split =
      by_prompt ? group_train_test_split(prompts, kTestSize, seed) : train_test_split(n, kTestSize, seed);
  std::vector<linear::RowGroup> groups(static_cast<std::size_t>(n), linear::kTrainRow);
  for (const std::int64_t row : split.validation)
    groups[static_cast<std::size_t>(row)] = static_cast<linear::RowGroup>(group_count(options) - 1);
  if (options.cv != RidgeCv::kfold) return groups;
  const std::vector<std::int64_t> folds =
      by_prompt ? folds_by_prompt(options, split.train, prompts)
                : folds_of(options, static_cast<std::int64_t>(split.train.size()), "rows");
  for (std::size_t i = 0; i < folds.size(); ++i)
    groups[static_cast<std::size_t>(split.train[i])] = static_cast<linear::RowGroup>(folds[i]);
  return groups;
}

}  // namespace armorm::stages::ridge
