// A preference artefact with its rewards: what gate training and evaluation read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "armorm/core/matrix_view.h"
#include "armorm/gating/trainer.h"
#include "stages/embedding_set.h"
#include "stages/regression_weights.h"

namespace armorm {

class PairRewards {
 public:
  // R = E W' + b for both sides of every pair, once. data error when the widths differ or an embedding is not finite.
  PairRewards(const EmbeddingSet& set, const RegressionWeights& weights, const std::string& weights_origin);

  std::int64_t size() const { return pairs_; }
  // [2 N, K]: chosen and rejected of each pair in turn; the reference distribution.
  MatrixView<const float> both_sides() const;
  // Multiplies every reward vector by T [K, K] from the right, once.
  void transform(const std::vector<float>& t);
  bool is_transformed() const { return !untransformed_.empty(); }
  PairData data() const { return data_of(rewards_); }
  PairData data_before_transform() const { return data_of(is_transformed() ? untransformed_ : rewards_); }
  std::int64_t prompts_differ() const;
  // Index of each pair's subset in `names`; both empty for a set without subsets.
  const std::vector<std::int64_t>& subset_of() const { return subset_of_; }
  const std::vector<std::string>& subset_names() const { return subset_names_; }
  // Position of each pair in its source split; empty for files of the Python scripts.
  const std::vector<std::int64_t>& row_ids() const { return row_ids_; }

 private:
  void read_subsets(const EmbeddingSet& set);
  void read_row_ids(const EmbeddingSet& set);
  PairData data_of(const std::vector<float>& rewards) const;
  std::int64_t pairs_ = 0;
  std::int64_t k_ = 0;
  std::int64_t d_ = 0;
  std::vector<float> rewards_;        // [N, 2, K]
  std::vector<float> untransformed_;  // [N, 2, K]; empty before transform()
  std::vector<BFloat16> prompts_;    // [N, 2, D]
  std::vector<bool> prompts_differ_;
  std::vector<std::int64_t> subset_of_;
  std::vector<std::string> subset_names_;
  std::vector<std::int64_t> row_ids_;
};

}  // namespace armorm
