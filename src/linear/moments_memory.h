// The memory that the sums of ridge regression will take, known from the labels alone.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <vector>

#include "core/matrix_view.h"
#include "linear/ridge_moments.h"

namespace armorm::linear {

// Counts the sums that a RidgeAccumulator with the same options makes: one for each group and pattern of
// labels. Per row it costs as much as reading the row's labels.
class MomentsMemory {
 public:
  MomentsMemory(std::int64_t n_features, std::int64_t n_attributes, const AccumulatorOptions& options);

  void add_block(MatrixView<const float> labels, std::span<const RowGroup> groups);

  std::int64_t n_sums() const;
  std::uint64_t bytes() const;

 private:
  struct Group {
    std::set<std::vector<bool>> patterns;  // with sums of their own
    std::vector<bool> singles;             // [K] labels that also have sums alone
    std::int64_t n_singles = 0;
  };
  void add_single(Group& group, std::size_t attribute);
  std::uint64_t bytes_of(std::int64_t n_labels) const;

  std::int64_t n_features_;
  std::size_t n_attributes_;
  std::size_t max_patterns_;
  std::vector<Group> groups_;
};

}  // namespace armorm::linear
