#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <optional>
#include <utility>
#include <variant>

#include "armorm/core/error.h"
#include "armorm/linear/ridge_moments.h"
#include "linear/gram_kernel.h"
#include "linear/worker_pool.h"

namespace armorm {
namespace {

using gram::kBlockRows;
using gram::kPanel;

// Columns of a packed block: the features padded to whole panels, then the labels present and a one.
struct Columns {
  std::int64_t n_features = 0;
  std::vector<std::int64_t> attributes;  // of the labels present

  std::int64_t first_label() const { return (n_features + kPanel - 1) / kPanel * kPanel; }
  std::int64_t one() const { return first_label() + static_cast<std::int64_t>(attributes.size()); }
  std::int64_t count() const { return one() + 1; }
  std::int64_t used() const { return n_features + static_cast<std::int64_t>(attributes.size()) + 1; }
  std::int64_t position(std::int64_t used_column) const {
    return used_column < n_features ? used_column : first_label() + used_column - n_features;
  }
};

// Rows of one group and pattern that wait until a block of kBlockRows is full. Rows of the caller's block are
// only pointed at; keep_rows() copies what is left of them before the caller takes the block back.
template <class T>
struct Waiting {
  std::vector<const T*> rows;
  std::vector<T> kept;
  std::size_t n_kept = 0;

  void keep_rows(std::size_t n_features) {
    kept.resize(static_cast<std::size_t>(kBlockRows) * n_features);
    for (; n_kept < rows.size(); ++n_kept) {
      T* target = kept.data() + n_kept * n_features;
      std::memcpy(static_cast<void*>(target), rows[n_kept], n_features * sizeof(T));
      rows[n_kept] = target;
    }
  }
  void clear() {
    rows.clear();
    n_kept = 0;
  }
};

struct Bucket {
  explicit Bucket(Columns columns_) : columns(std::move(columns_)), sums(columns.count()) {}

  Columns columns;
  gram::TileMatrix sums;
  std::int64_t n_rows = 0;
  std::variant<Waiting<BFloat16>, Waiting<float>> waiting;
  std::vector<std::int64_t> row_numbers;  // of the waiting rows
  std::vector<double> labels;             // of the waiting rows [rows, P]
  std::vector<double> weights;
};

// Row i of the lower triangle without the padding of the panels.
void copy_row(const Bucket& bucket, std::int64_t i, double* out) {
  const Columns& columns = bucket.columns;
  const std::int64_t row = columns.position(i);
  bucket.sums.copy_row(row, std::min(i + 1, columns.n_features), out);
  for (std::int64_t j = columns.n_features; j <= i; ++j) out[j] = bucket.sums.at(row, columns.position(j));
}

std::vector<std::int64_t> attributes_of(const std::string& pattern) {
  std::vector<std::int64_t> present;
  for (std::size_t k = 0; k < pattern.size(); ++k) {
    if (pattern[k] == '1') present.push_back(static_cast<std::int64_t>(k));
  }
  return present;
}

}  // namespace

struct RidgeAccumulator::Impl {
  Impl(std::int64_t n_features_, std::int64_t n_attributes_, const AccumulatorOptions& options_)
      : n_features(n_features_), n_attributes(n_attributes_), options(options_), pool(options_.n_threads) {}

  template <class T>
  void add_block(MatrixView<const T> embeddings, MatrixView<const float> labels,
                 std::span<const RowGroup> groups, std::span<const float> row_weights);
  void check_block(std::int64_t rows, std::int64_t cols, MatrixView<const float> labels, std::size_t n_groups,
                   std::size_t n_weights) const;
  std::string pattern_of(std::span<const float> labels, std::int64_t row_number) const;
  template <class T>
  void add_row(const T* row, std::span<const float> labels, RowGroup group, double weight);
  Bucket& bucket(const MomentKey& key);
  bool has_room(const MomentKey& key) const;
  template <class T>
  void push(Bucket& bucket, const T* row, std::span<const float> labels, double weight);
  template <class T>
  void flush(Bucket& bucket, Waiting<T>& waiting);
  void flush_any(Bucket& bucket) {
    std::visit([&](auto& waiting) { flush(bucket, waiting); }, bucket.waiting);
  }
  void pack_labels(const Bucket& bucket);
  void scale_rows(const Bucket& bucket, std::int64_t begin, std::int64_t end);
  template <class T>
  void check_finite(const Bucket& bucket, const Waiting<T>& waiting) const;

  std::int64_t n_features;
  std::int64_t n_attributes;
  AccumulatorOptions options;
  std::map<MomentKey, Bucket> buckets;
  std::vector<std::int64_t> patterns_of_group = std::vector<std::int64_t>(256);
  std::int64_t rows_seen = 0;
  std::vector<double> packed;
  std::vector<double> scaled;  // packed with each row times its weight
  WorkerPool pool;
};

void RidgeAccumulator::Impl::check_block(std::int64_t rows, std::int64_t cols, MatrixView<const float> labels,
                                         std::size_t n_groups, std::size_t n_weights) const {
  if (cols != n_features || labels.cols != n_attributes) {
    fail_data("ridge: a block has {} features and {} labels a row, expected {} and {}", cols, labels.cols,
              n_features, n_attributes);
  }
  const auto n = static_cast<std::size_t>(rows);
  if (labels.rows != rows || n_groups != n || n_weights != (options.weighted ? n : 0)) {
    fail_internal("ridge: a block of {} rows has {} label rows, {} groups and {} weights", rows, labels.rows,
                  n_groups, n_weights);
  }
}

std::string RidgeAccumulator::Impl::pattern_of(std::span<const float> labels, std::int64_t row_number) const {
  std::string pattern(labels.size(), '0');
  for (std::size_t k = 0; k < labels.size(); ++k) {
    if (std::isnan(labels[k])) continue;
    if (std::isinf(labels[k])) {
      fail_data("ridge: label {} of row {} is infinite, expected a number or NaN for a missing label", k,
                row_number);
    }
    pattern[k] = '1';
  }
  return pattern;
}

bool RidgeAccumulator::Impl::has_room(const MomentKey& key) const {
  return buckets.contains(key) || patterns_of_group[key.group] < options.max_patterns;
}

Bucket& RidgeAccumulator::Impl::bucket(const MomentKey& key) {
  const auto found = buckets.find(key);
  if (found != buckets.end()) return found->second;
  ++patterns_of_group[key.group];
  return buckets.emplace(key, Bucket({n_features, attributes_of(key.pattern)})).first->second;
}

template <class T>
void RidgeAccumulator::Impl::push(Bucket& bucket, const T* row, std::span<const float> labels,
                                  double weight) {
  if (!std::holds_alternative<Waiting<T>>(bucket.waiting)) {
    flush_any(bucket);
    bucket.waiting = Waiting<T>();
  }
  auto& waiting = std::get<Waiting<T>>(bucket.waiting);
  waiting.rows.push_back(row);
  bucket.row_numbers.push_back(rows_seen);
  for (const std::int64_t k : bucket.columns.attributes)
    bucket.labels.push_back(labels[static_cast<std::size_t>(k)]);
  bucket.weights.push_back(weight);
  if (static_cast<std::int64_t>(waiting.rows.size()) == kBlockRows) flush(bucket, waiting);
}

template <class T>
void RidgeAccumulator::Impl::add_row(const T* row, std::span<const float> labels, RowGroup group,
                                     double weight) {
  if (!(weight >= 0.0) || std::isinf(weight)) {
    fail_data("ridge: the weight of row {} is {}, expected a finite number >= 0", rows_seen, weight);
  }
  MomentKey key{group, pattern_of(labels, rows_seen)};
  const auto present = attributes_of(key.pattern);
  if (present.empty()) return;
  if (present.size() == 1 || has_room(key)) {
    push(bucket(key), row, labels, weight);
    return;
  }
  for (const std::int64_t k : present) {
    key.pattern.assign(key.pattern.size(), '0');
    key.pattern[static_cast<std::size_t>(k)] = '1';
    push(bucket(key), row, labels, weight);
  }
}

void RidgeAccumulator::Impl::pack_labels(const Bucket& bucket) {
  const Columns& columns = bucket.columns;
  const auto n_rows = static_cast<std::int64_t>(bucket.weights.size());
  const auto n_labels = static_cast<std::int64_t>(columns.attributes.size());
  const std::int64_t end = gram::TileMatrix::row_tiles_for(columns.count()) * gram::kTileRows;
  for (std::int64_t column = columns.first_label(); column < end; ++column) {
    const std::int64_t label = column - columns.first_label();
    double* out = packed.data() + (column / kPanel) * kBlockRows * kPanel + column % kPanel;
    for (std::int64_t r = 0; r < n_rows; ++r) {
      const double value = label < n_labels ? bucket.labels[r * n_labels + label] : 0.0;
      out[r * kPanel] = column == columns.one() ? 1.0 : value;
    }
  }
}

void RidgeAccumulator::Impl::scale_rows(const Bucket& bucket, std::int64_t begin, std::int64_t end) {
  const auto n_rows = static_cast<std::int64_t>(bucket.weights.size());
  for (std::int64_t panel = begin / kPanel; panel < end / kPanel; ++panel) {
    for (std::int64_t i = 0; i < n_rows * kPanel; ++i) {
      const std::int64_t at = panel * kBlockRows * kPanel + i;
      scaled[at] = packed[at] * bucket.weights[static_cast<std::size_t>(i / kPanel)];
    }
  }
}

template <class T>
void RidgeAccumulator::Impl::check_finite(const Bucket& bucket, const Waiting<T>& waiting) const {
  // A value that is not finite stays in the sums of squares, so looking at the diagonal is enough.
  for (std::int64_t j = 0; j < n_features; ++j) {
    if (std::isfinite(bucket.sums.at(j, j))) continue;
    for (std::size_t r = 0; r < waiting.rows.size(); ++r) {
      float value = 0.0F;
      if constexpr (std::is_same_v<T, float>) {
        value = waiting.rows[r][j];
      } else {
        value = waiting.rows[r][j].to_float();
      }
      if (!std::isfinite(value)) {
        fail_data(
            "ridge: the embedding of row {} is {} in column {}, expected a finite number; prepare this shard "
            "again",
            bucket.row_numbers[r], value, j);
      }
    }
    fail_data("ridge: the sum of squares of embedding column {} overflows; scale the embeddings", j);
  }
}

template <class T>
void RidgeAccumulator::Impl::flush(Bucket& bucket, Waiting<T>& waiting) {
  constexpr std::int64_t kPackColumns = 128;
  constexpr std::int64_t kTilesPerTask = 8;
  if (waiting.rows.empty()) return;
  const auto n_rows = static_cast<std::int64_t>(waiting.rows.size());
  const std::int64_t row_tiles = bucket.sums.row_tiles();
  const auto size = static_cast<std::size_t>(row_tiles * gram::kTileRows * kBlockRows);
  if (packed.size() < size) packed.resize(size);
  if (options.weighted && scaled.size() < size) scaled.resize(size);

  const std::span<const T* const> rows(waiting.rows);
  pool.run((n_features + kPackColumns - 1) / kPackColumns, [&](std::int64_t task) {
    const std::int64_t begin = task * kPackColumns;
    gram::pack(rows, begin, std::min(begin + kPackColumns, n_features), packed.data());
  });
  pack_labels(bucket);
  const double* left = packed.data();
  if (options.weighted) {
    pool.run(row_tiles,
             [&](std::int64_t i) { scale_rows(bucket, i * gram::kTileRows, (i + 1) * gram::kTileRows); });
    left = scaled.data();
  }
  const std::int64_t n_tasks = (row_tiles + kTilesPerTask - 1) / kTilesPerTask;
  pool.run(n_tasks, [&](std::int64_t task) {
    // The last row tiles reach furthest right: largest tasks first.
    const std::int64_t begin = (n_tasks - 1 - task) * kTilesPerTask;
    gram::accumulate(n_rows, left, packed.data(), begin, std::min(begin + kTilesPerTask, row_tiles),
                     bucket.sums);
  });
  check_finite(bucket, waiting);
  bucket.n_rows += n_rows;
  waiting.clear();
  bucket.row_numbers.clear();
  bucket.labels.clear();
  bucket.weights.clear();
}

template <class T>
void RidgeAccumulator::Impl::add_block(MatrixView<const T> embeddings, MatrixView<const float> labels,
                                       std::span<const RowGroup> groups, std::span<const float> row_weights) {
  check_block(embeddings.rows, embeddings.cols, labels, groups.size(), row_weights.size());
  for (std::int64_t r = 0; r < embeddings.rows; ++r, ++rows_seen) {
    const RowGroup group = groups[static_cast<std::size_t>(r)];
    if (group == kSkipRow) continue;
    if (group >= options.n_groups)
      fail_internal("ridge: row group {}, expected 0 to {}", group, options.n_groups - 1);
    const double weight = options.weighted ? row_weights[static_cast<std::size_t>(r)] : 1.0;
    add_row(embeddings.row(r).data(), labels.row(r), group, weight);
  }
  for (auto& [key, bucket] : buckets) {
    std::visit([&](auto& waiting) { waiting.keep_rows(static_cast<std::size_t>(n_features)); },
               bucket.waiting);
  }
}

RidgeAccumulator::RidgeAccumulator(std::int64_t n_features, std::int64_t n_attributes,
                                   const AccumulatorOptions& options)
    : impl_(std::make_unique<Impl>(n_features, n_attributes, options)) {
  if (n_features < 1 || n_attributes < 1) {
    fail_data("ridge: {} features and {} attributes, expected at least one of each", n_features,
              n_attributes);
  }
  if (options.n_groups < 2 || options.n_groups > 255) {
    fail_usage("ridge: n_groups is {}, expected 2 to 255", options.n_groups);
  }
}
RidgeAccumulator::~RidgeAccumulator() = default;
RidgeAccumulator::RidgeAccumulator(RidgeAccumulator&&) noexcept = default;
RidgeAccumulator& RidgeAccumulator::operator=(RidgeAccumulator&&) noexcept = default;

void RidgeAccumulator::add_block(MatrixView<const BFloat16> embeddings, MatrixView<const float> labels,
                                 std::span<const RowGroup> groups, std::span<const float> weights) {
  impl_->add_block(embeddings, labels, groups, weights);
}
void RidgeAccumulator::add_block(MatrixView<const float> embeddings, MatrixView<const float> labels,
                                 std::span<const RowGroup> groups, std::span<const float> weights) {
  impl_->add_block(embeddings, labels, groups, weights);
}

std::int64_t RidgeAccumulator::rows_seen() const noexcept { return impl_->rows_seen; }

RidgeMoments RidgeAccumulator::finish() {
  RidgeMoments moments(impl_->n_features, impl_->n_attributes, impl_->options.n_groups,
                       impl_->options.weighted);
  while (!impl_->buckets.empty()) {
    const auto first = impl_->buckets.begin();
    Bucket& bucket = first->second;
    impl_->flush_any(bucket);
    const std::int64_t n = bucket.columns.used();
    MomentBlock block{.n_rows = bucket.n_rows,
                      .lower = std::vector<double>(static_cast<std::size_t>(n * (n + 1) / 2))};
    // A row tile at a time, whose rows share their cache lines.
    impl_->pool.run((n + gram::kTileRows - 1) / gram::kTileRows, [&](std::int64_t task) {
      const std::int64_t end = std::min((task + 1) * gram::kTileRows, n);
      for (std::int64_t i = task * gram::kTileRows; i < end; ++i) {
        copy_row(bucket, i, block.lower.data() + i * (i + 1) / 2);
      }
    });
    moments.blocks().emplace(first->first, std::move(block));
    impl_->buckets.erase(first);  // frees the tiles before the next block is made
  }
  std::fill(impl_->patterns_of_group.begin(), impl_->patterns_of_group.end(), 0);
  impl_->rows_seen = 0;
  return moments;
}

}  // namespace armorm
