// The sums that ridge regression needs, from one pass over the rows.
//
// Labels may be missing, so every attribute has its own set of rows. Rows are grouped by which labels they
// have (the pattern) and by role (training rows, or one fold of them; validation rows). Each pair of pattern
// and role keeps
//     Z'WZ,  Z = [X, Y, 1]
// in float64, with X [n, D] embeddings, Y [n, P] the labels present and W the sample weights (1 without
// them). The sums of an attribute are sums over the patterns that contain it.
//
// The order of summation depends only on the rows. In a shard (one accumulator; rows in the given order,
// however they are cut into blocks) each pair is summed in chunks of 384 rows, and the chunks are added one
// after another. Across shards there is one addition per shard, in shard order. So the result is
// bit-identical for any number of threads. If each process saves the moments of complete shards and they are
// added in shard order, it is also bit-identical for any number of processes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/matrix_view.h"
#include "io/file_system.h"
#include "linear/dense/integer_kernel.h"

namespace armorm::linear {

// What a row is used for. Groups 0 .. n_groups - 2 are training rows (more than one: the folds of k-fold
// cross-validation), group n_groups - 1 is validation; skipped rows are not read.
using RowGroup = std::uint8_t;
inline constexpr RowGroup kSkipRow = 255;
inline constexpr RowGroup kTrainRow = 0;
inline constexpr RowGroup kValidationRow = 1;  // with the default two groups

struct MomentKey {
  RowGroup group = 0;
  std::string pattern;  // one character per attribute, '1' where the label is present; at least one '1'
  auto operator<=>(const MomentKey&) const = default;
};

struct MomentBlock {
  std::int64_t n_rows = 0;
  // Z'WZ [D + P + 1, D + P + 1], lower triangle, row after row.
  std::vector<double> lower;
};

class RidgeMoments {
 public:
  RidgeMoments() = default;
  RidgeMoments(std::int64_t n_features, std::int64_t n_attributes, int n_groups, bool weighted = false);

  std::int64_t n_features() const noexcept { return n_features_; }
  std::int64_t n_attributes() const noexcept { return n_attributes_; }
  int n_groups() const noexcept { return n_groups_; }
  bool weighted() const noexcept { return weighted_; }
  const std::map<MomentKey, MomentBlock>& blocks() const noexcept { return blocks_; }
  std::map<MomentKey, MomentBlock>& blocks() noexcept { return blocks_; }

  // Adds the moments of the next shard. An empty object takes them unchanged. data error when the sizes
  // (features, attributes, groups, weighted) differ.
  void add(RidgeMoments next);

  // A safetensors file: one F64 tensor "moments.<group>.<pattern>" per block, sizes and row counts in the
  // metadata together with `extra`, and digests of all of it (io/content_digests.h). load() returns the saved
  // values bit for bit and checks every size and, in a file that has them, the digests (data error).
  void save(const std::filesystem::path& path, const std::map<std::string, std::string>& extra = {},
            io::FileSystem& files = io::posix_file_system()) const;
  static RidgeMoments load(const std::filesystem::path& path,
                           std::map<std::string, std::string>* extra = nullptr);

 private:
  std::int64_t n_features_ = 0;
  std::int64_t n_attributes_ = 0;
  int n_groups_ = 0;
  bool weighted_ = false;
  std::map<MomentKey, MomentBlock> blocks_;
};

struct AccumulatorOptions {
  int n_groups = 2;   // training folds + 1, in [2, 255]
  int n_threads = 0;  // 0: one per core
  // Number of patterns per group that get sums of their own. Rows of any further pattern are added once for
  // each of their labels, to the pattern of that label alone: the same fits with more work, in bounded
  // memory.
  int max_patterns = 64;
  bool weighted = false;  // add_block gets weights
  // For bfloat16 rows without weights; by default the fastest. All give the same bits.
  std::optional<dense::GramKernel> kernel = std::nullopt;
};

// max_patterns for so many attributes: 64 up to 100 attributes. Beyond, the products of labels with labels,
// of which there is a square, are kept smaller than 64 times those of features.
int max_patterns_for(std::int64_t n_features, std::int64_t n_attributes);

// The moments of one shard. Memory: (D + P)²/2 doubles per pattern and group that occurs, none per row.
class RidgeAccumulator {
 public:
  RidgeAccumulator(std::int64_t n_features, std::int64_t n_attributes, const AccumulatorOptions& options);
  ~RidgeAccumulator();
  RidgeAccumulator(RidgeAccumulator&&) noexcept;
  RidgeAccumulator& operator=(RidgeAccumulator&&) noexcept;

  // embeddings [n, D], labels [n, K] with NaN = missing, groups [n], weights [n] (non-negative; empty unless
  // `weighted`). The views are not kept. data error that names the row (counted from the accumulator's first)
  // for embeddings that are not finite, infinite labels, and weights that are negative or not finite.
  void add_block(MatrixView<const BFloat16> embeddings, MatrixView<const float> labels,
                 std::span<const RowGroup> groups, std::span<const float> weights = {});
  void add_block(MatrixView<const float> embeddings, MatrixView<const float> labels,
                 std::span<const RowGroup> groups, std::span<const float> weights = {});

  std::int64_t rows_seen() const noexcept;
  // Returns the sums; the accumulator is empty afterwards.
  RidgeMoments finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace armorm::linear
