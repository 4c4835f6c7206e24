// A preference artefact with its rewards: input of gate training and evaluation.
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <span>
#include <string>
#include <vector>

#include "armorm/choices.h"
#include "core/matrix_view.h"
#include "gating/trainer.h"
#include "stages/artifacts/embedding_set.h"
#include "stages/artifacts/regression_weights.h"
#include "stages/gate/pair_sources.h"

namespace armorm::stages::gate {

class PairRewards {
 public:
  // Computes R = E W' + b once for both sides of every pair; prompts stay in the mapped files, and arrays of
  // all pairs in `memory`, which must outlive the object. data error when the widths differ or an embedding
  // is not finite, or `split_by` needs prompt ids that the set lacks.
  PairRewards(std::shared_ptr<const artifacts::EmbeddingSet> set, const artifacts::RegressionWeights& weights,
              const std::string& weights_origin, SplitBy split_by = SplitBy::row,
              std::pmr::memory_resource* memory = std::pmr::get_default_resource());

  // Bytes in `memory` of a pair with k rewards, transformed or not.
  static constexpr std::int64_t bytes_per_pair(std::int64_t k, bool transformed) {
    const std::int64_t integers = 2 + 2 + 1;  // rows of prompts, lengths, row id
    return integers * std::int64_t{sizeof(std::int64_t)} +
           (transformed ? 4 : 2) * k * std::int64_t{sizeof(float)};
  }

  std::int64_t size() const { return pairs_; }
  // [2 N, K]: chosen and rejected of each pair in turn; the reference distribution.
  MatrixView<const float> both_sides() const;
  // Multiplies every reward vector by T [K, K] from the right, once.
  void transform(const std::vector<float>& t);
  bool is_transformed() const { return !untransformed_.empty(); }
  gating::PairData data() const { return data_of(rewards_); }
  gating::PairData data_before_transform() const {
    return data_of(is_transformed() ? untransformed_ : rewards_);
  }
  std::int64_t prompts_differ() const;
  void check_unchanged() const { set_->check_unchanged(); }  // data error when a file has changed since
  // Response tokens [N, 2] of chosen and rejected; empty if stage2-prepare did not record them (files of the
  // Python scripts and of earlier versions).
  std::span<const std::int64_t> lengths() const { return lengths_; }
  // Position of each pair's row in its source split [N]; empty for files of the Python scripts.
  std::span<const std::int64_t> row_ids() const { return row_ids_; }
  // Equal for pairs of the same prompt [N], that of the chosen side; empty unless split_by needs them.
  const std::vector<std::int64_t>& prompt_ids() const { return prompt_ids_; }
  // Only for best-of-n sets, else empty: which answers of its row the pair holds [N, 2], and kind and number
  // of a prompt of Ties [N, 2].
  const std::vector<std::int64_t>& candidate_ids() const { return candidate_ids_; }
  const std::vector<std::int64_t>& tie_ids() const { return tie_ids_; }
  // Index of each pair's subset in `names`; both empty for a set without subsets.
  const std::vector<std::int64_t>& subset_of() const { return subset_of_; }
  const std::vector<std::string>& subset_names() const { return subset_names_; }
  const PairSources& sources() const { return sources_; }
  // Subset of each row of the source split, for a set that does not carry them. data error when the rows are
  // not those of the pairs.
  void take_subsets(const std::vector<std::string>& subset_of_row, const std::string& origin);

 private:
  void read_rewards(const io::SafetensorsFile& file, const artifacts::RegressionWeights& weights);
  void read_prompts(const io::SafetensorsFile& file, std::int64_t pairs);
  void read_lengths(const artifacts::EmbeddingSet& set);
  void read_candidates(const artifacts::EmbeddingSet& set);
  void read_subsets(const artifacts::EmbeddingSet& set);
  void add_subset(const std::string& name);
  gating::PairData data_of(const std::pmr::vector<float>& rewards) const;
  std::int64_t pairs_ = 0;
  std::int64_t k_ = 0;
  std::int64_t d_ = 0;
  std::pmr::vector<float> rewards_;        // [N, 2, K]
  std::pmr::vector<float> untransformed_;  // [N, 2, K]; empty before transform()
  std::shared_ptr<const artifacts::EmbeddingSet> set_;
  RowTable prompts_;                                // [2 N, D]: chosen and rejected of each pair
  std::pmr::vector<std::int64_t> chosen_prompt_;    // [N] row of prompts_
  std::pmr::vector<std::int64_t> rejected_prompt_;  // [N]; the same one for equal prompts
  std::pmr::vector<std::int64_t> lengths_;          // [N, 2] or empty
  std::pmr::vector<std::int64_t> row_ids_;
  std::vector<std::int64_t> prompt_ids_;
  std::vector<std::int64_t> candidate_ids_;
  std::vector<std::int64_t> tie_ids_;
  std::vector<std::int64_t> subset_of_;
  std::vector<std::string> subset_names_;
  PairSources sources_;
};

}  // namespace armorm::stages::gate
