// Assigns training rows, validation rows, and the folds of cross-validation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "armorm/stage1_train.h"
#include "linear/ridge_moments.h"

namespace armorm::stages::ridge {

// Number of row groups for ridge_moments.h: training folds (one without k-fold), then validation.
int group_count(const Stage1TrainOptions& options);

// Groups of n rows: 20 % validation, by row like sklearn's train_test_split(random_state=seed), or by prompt
// like GroupShuffleSplit; folds of the training rows like KFold, or by prompt like GroupKFold, with
// shuffle=True and the same seed. `prompts` [n] is needed only for --split_by prompt. data error when there
// are too few rows or prompts.
std::vector<linear::RowGroup> assign_groups(const Stage1TrainOptions& options, std::int64_t n,
                                            std::span<const std::int64_t> prompts);

}  // namespace armorm::stages::ridge
