// Which rows train, which validate, and the folds of cross-validation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "armorm/stage1_train.h"
#include "linear/ridge_moments.h"

namespace armorm {

// Row groups as ridge_moments.h wants them: training folds (one without k-fold), then validation.
int group_count(const Stage1TrainOptions& options);

// Of n rows: 20 % validation, by row as sklearn's train_test_split(random_state=seed) does it, or by prompt
// as GroupShuffleSplit; folds of the training rows as KFold, or by prompt as GroupKFold, with shuffle=True
// and the same seed. `prompts` [n] is needed for --split_by prompt only. data error when there are too few
// rows or prompts.
std::vector<RowGroup> assign_groups(const Stage1TrainOptions& options, std::int64_t n,
                                    std::span<const std::int64_t> prompts);

}  // namespace armorm
