// The input of stage1-train: the embeddings of stage1-prepare with labels and, if needed, prompts and
// weights.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "armorm/stage1_train.h"
#include "core/error.h"
#include "linear/ridge_moments.h"
#include "stages/artifacts/embedding_set.h"

namespace armorm::stages::ridge {

// One shard; the views are valid as long as the set.
struct LabelledBlock {
  MatrixView<const BFloat16> embeddings;     // [n, D]
  MatrixView<const float> labels;            // [n, K]
  std::span<const linear::RowGroup> groups;  // [n]
  std::span<const float> weights;            // [n]; empty without --weight_column
  std::span<const std::int64_t> prompts;     // [n]; empty when the files have none
};

struct LabelledSet {
  artifacts::EmbeddingSet set;
  std::vector<std::string> attributes;  // [K]
  std::string model;
  std::string dataset;
  std::string weight_column;          // empty: every row has weight 1
  std::vector<std::int64_t> prompts;  // of all rows; empty when the files have none

  // io or data error when the files are missing, do not belong together, or lack what the options need.
  static LabelledSet open(const Stage1TrainOptions& options);

  std::int64_t n_attributes() const { return static_cast<std::int64_t>(attributes.size()); }
  std::size_t n_shards() const { return set.files().size(); }
  // `groups`: those of all rows.
  LabelledBlock block(std::size_t shard, std::span<const linear::RowGroup> groups) const;

  // Calls visit(block) for each shard in order; adds the file's name to a data error of `visit`.
  template <class Visit>
  void for_each_block(std::span<const linear::RowGroup> groups, const Visit& visit) const {
    for (std::size_t shard = 0; shard < n_shards(); ++shard)
      with_file_named(shard, [&] { visit(block(shard, groups)); });
  }
  template <class Body>
  void with_file_named(std::size_t shard, const Body& body) const {
    try {
      body();
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::data)
        fail_data("{}: {}", set.files()[shard].path().string(), error.what());
      throw;
    }
  }
};

}  // namespace armorm::stages::ridge
