#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>
#include <utility>
#include <variant>

#include "core/error.h"
#include "core/phase.h"
#include "core/worker_pool.h"
#include "linear/chunk_adder.h"
#include "linear/dense/gram_kernel.h"
#include "linear/dense/large_array.h"
#include "linear/ridge_moments.h"
#include "linear/row_chunk.h"

namespace armorm::linear {
namespace {

using dense::kBlockRows;

struct Bucket : PatternSums {
  using PatternSums::PatternSums;
  // Rows that wait until a chunk of kBlockRows is full. Rows of the caller's block are referenced, not
  // copied; keep_rows() copies the remaining ones before the caller's block becomes invalid.
  std::variant<Chunk<BFloat16>, Chunk<float>> waiting;
};

template <class T>
void keep_rows(Chunk<T>& chunk, std::size_t n_features) {
  for (; chunk.n_kept < chunk.rows.size(); ++chunk.n_kept) {
    T* target = chunk.kept.data() + chunk.n_kept * n_features;
    std::memcpy(static_cast<void*>(target), chunk.rows[chunk.n_kept], n_features * sizeof(T));
    chunk.rows[chunk.n_kept] = target;
  }
}

template <class T>
void reserve_chunk(Chunk<T>& chunk) {
  const auto n = static_cast<std::size_t>(kBlockRows);
  chunk.rows.reserve(n);
  chunk.row_numbers.reserve(n);
  chunk.labels.reserve(n * chunk.target->columns.attributes.size());
  chunk.weights.reserve(n);
}

// Copies row i of the lower triangle without the padding of the panels.
void copy_row(const Bucket& bucket, std::int64_t i, double* out) {
  const Columns& columns = bucket.columns;
  const std::int64_t row = columns.position(i);
  bucket.sums.copy_row(row, std::min(i + 1, columns.n_features), out);
  for (std::int64_t j = columns.n_features; j <= i; ++j) out[j] = bucket.sums.at(row, columns.position(j));
}

MomentBlock block_of(const Bucket& bucket) {
  const std::int64_t n = bucket.columns.used();
  MomentBlock block{.n_rows = bucket.n_rows,
                    .lower = dense::large_vector(static_cast<std::size_t>(n * (n + 1) / 2))};
  for (std::int64_t i = 0; i < n; ++i) copy_row(bucket, i, block.lower.data() + i * (i + 1) / 2);
  return block;
}

std::vector<std::int64_t> attributes_of(const std::string& pattern) {
  std::vector<std::int64_t> present;
  for (std::size_t k = 0; k < pattern.size(); ++k) {
    if (pattern[k] == '1') present.push_back(static_cast<std::int64_t>(k));
  }
  return present;
}

// Of few features nearly all work is with labels, in float64.
dense::GramKernel default_kernel(std::int64_t n_features) {
  constexpr std::int64_t kMinFeatures = 128;
  return n_features < kMinFeatures ? dense::GramKernel::float64 : dense::best_gram_kernel();
}

}  // namespace

struct RidgeAccumulator::Impl {
  Impl(std::int64_t n_features_, std::int64_t n_attributes_, const AccumulatorOptions& options_)
      : n_features(n_features_),
        n_attributes(n_attributes_),
        options(options_),
        single_buckets(static_cast<std::size_t>(options_.n_groups * n_attributes_)),
        pool(options_.n_threads),
        adder(pool, options_.weighted, options_.kernel.value_or(default_kernel(n_features_))) {}

  template <class T>
  void add_block(MatrixView<const T> embeddings, MatrixView<const float> labels,
                 std::span<const RowGroup> groups, std::span<const float> row_weights);
  void check_block(std::int64_t rows, std::int64_t cols, MatrixView<const float> labels, std::size_t n_groups,
                   std::size_t n_weights) const;
  std::int64_t read_pattern(std::span<const float> labels);
  template <class T>
  void add_row(const T* row, std::span<const float> labels, RowGroup group, double weight,
               std::vector<Chunk<T>>& full);
  Bucket& bucket_of_key();
  Bucket& single_bucket(std::int64_t attribute);
  template <class T>
  void push(Bucket& bucket, const T* row, std::span<const float> labels, double weight,
            std::vector<Chunk<T>>& full);
  template <class T>
  void add_chunks(std::vector<Chunk<T>>& chunks);
  void add_waiting(Bucket& bucket);
  template <class T>
  void add_all_waiting();
  template <class T>
  void keep_waiting();
  template <class T>
  void check_finite(std::span<const Chunk<T>> chunks) const;

  std::int64_t n_features;
  std::int64_t n_attributes;
  AccumulatorOptions options;
  std::map<MomentKey, Bucket> buckets;
  std::vector<Bucket*> single_buckets;  // [groups, attributes] of patterns of one label, once looked up
  std::vector<std::int64_t> patterns_of_group = std::vector<std::int64_t>(256);
  std::int64_t rows_seen = 0;
  MomentKey key;  // key of the current row
  // Free buffers for kept rows.
  std::tuple<std::vector<std::vector<BFloat16>>, std::vector<std::vector<float>>> spare_buffers;
  WorkerPool pool;
  ChunkAdder adder;
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

// Sets key.pattern and counts the labels present.
std::int64_t RidgeAccumulator::Impl::read_pattern(std::span<const float> labels) {
  key.pattern.assign(labels.size(), '0');
  std::int64_t n_present = 0;
  for (std::size_t k = 0; k < labels.size(); ++k) {
    if (std::isnan(labels[k])) continue;
    if (std::isinf(labels[k])) {
      fail_data("ridge: label {} of row {} is infinite, expected a number or NaN for a missing label", k,
                rows_seen);
    }
    key.pattern[k] = '1';
    ++n_present;
  }
  return n_present;
}

Bucket& RidgeAccumulator::Impl::bucket_of_key() {
  if (const auto found = buckets.find(key); found != buckets.end()) return found->second;
  ++patterns_of_group[key.group];
  return buckets.emplace(key, Bucket({n_features, attributes_of(key.pattern)})).first->second;
}

// That of key.group; changes key.pattern. A key is as long as there are attributes, so comparing keys for
// each label of a row would cost the square of that number.
Bucket& RidgeAccumulator::Impl::single_bucket(std::int64_t attribute) {
  Bucket*& known = single_buckets[static_cast<std::size_t>(key.group * n_attributes + attribute)];
  if (known == nullptr) {
    key.pattern.assign(static_cast<std::size_t>(n_attributes), '0');
    key.pattern[static_cast<std::size_t>(attribute)] = '1';
    known = &bucket_of_key();
  }
  return *known;
}

template <class T>
void RidgeAccumulator::Impl::push(Bucket& bucket, const T* row, std::span<const float> labels, double weight,
                                  std::vector<Chunk<T>>& full) {
  if (!std::holds_alternative<Chunk<T>>(bucket.waiting)) {
    add_waiting(bucket);
    bucket.waiting = Chunk<T>();
  }
  auto& waiting = std::get<Chunk<T>>(bucket.waiting);
  waiting.target = &bucket;
  if (waiting.rows.empty()) reserve_chunk(waiting);
  waiting.rows.push_back(row);
  waiting.row_numbers.push_back(rows_seen);
  for (const std::int64_t k : bucket.columns.attributes)
    waiting.labels.push_back(labels[static_cast<std::size_t>(k)]);
  waiting.weights.push_back(weight);
  if (static_cast<std::int64_t>(waiting.rows.size()) < kBlockRows) return;
  full.push_back(std::exchange(waiting, {}));
  if (full.size() == adder.batch_size()) add_chunks(full);
}

template <class T>
void RidgeAccumulator::Impl::add_row(const T* row, std::span<const float> labels, RowGroup group,
                                     double weight, std::vector<Chunk<T>>& full) {
  if (!(weight >= 0.0) || std::isinf(weight)) {
    fail_data("ridge: the weight of row {} is {}, expected a finite number >= 0", rows_seen, weight);
  }
  key.group = group;
  const std::int64_t n_present = read_pattern(labels);
  if (n_present == 0) return;
  const bool has_own_sums = n_present == 1 || patterns_of_group[group] < options.max_patterns;
  if (has_own_sums || buckets.contains(key)) return push(bucket_of_key(), row, labels, weight, full);
  for (const std::int64_t k : attributes_of(key.pattern)) push(single_bucket(k), row, labels, weight, full);
}

// A value that is not finite stays in the sums of squares, so checking the diagonals is enough.
template <class T>
void RidgeAccumulator::Impl::check_finite(std::span<const Chunk<T>> chunks) const {
  const auto bad = [](const PatternSums& target, std::int64_t j) {
    return !std::isfinite(target.sums.at(j, j));
  };
  const auto first_bad = [&](const PatternSums& target) {
    std::int64_t j = 0;
    while (j < n_features && !bad(target, j)) ++j;
    return j;
  };
  std::vector<const PatternSums*> checked;
  const auto found = std::find_if(chunks.begin(), chunks.end(), [&](const Chunk<T>& chunk) {
    if (std::ranges::find(checked, chunk.target) != checked.end()) return false;
    checked.push_back(chunk.target);
    return first_bad(*chunk.target) < n_features;
  });
  if (found == chunks.end()) return;
  for (const Chunk<T>& chunk : chunks) {
    for (std::int64_t j = 0; j < n_features; ++j) {
      for (std::size_t r = 0; bad(*chunk.target, j) && r < chunk.rows.size(); ++r) {
        const double value = to_double(chunk.rows[r][j]);
        if (std::isfinite(value)) continue;
        fail_data(
            "ridge: the embedding of row {} is {} in column {}, expected a finite number; prepare this shard "
            "again",
            chunk.row_numbers[r], value, j);
      }
    }
  }
  fail_data("ridge: the sum of squares of embedding column {} overflows; scale the embeddings",
            first_bad(*found->target));
}

// Adds the chunks and returns their buffers.
template <class T>
void RidgeAccumulator::Impl::add_chunks(std::vector<Chunk<T>>& chunks) {
  if (!adder.add(std::span<const Chunk<T>>(chunks))) check_finite(std::span<const Chunk<T>>(chunks));
  for (Chunk<T>& chunk : chunks) {
    if (!chunk.kept.empty())
      std::get<std::vector<std::vector<T>>>(spare_buffers).push_back(std::move(chunk.kept));
  }
  chunks.clear();
}

// Adds the waiting rows of a bucket, in a chunk that is not full.
void RidgeAccumulator::Impl::add_waiting(Bucket& bucket) {
  std::visit(
      [this]<class T>(Chunk<T>& waiting) {
        std::vector<Chunk<T>> chunks;
        if (!waiting.rows.empty()) chunks.push_back(std::exchange(waiting, {}));
        add_chunks(chunks);
      },
      bucket.waiting);
}

// Adds the waiting rows of all buckets, in parallel.
template <class T>
void RidgeAccumulator::Impl::add_all_waiting() {
  std::vector<Chunk<T>> chunks;
  for (auto& [pattern, bucket] : buckets) {
    auto* waiting = std::get_if<Chunk<T>>(&bucket.waiting);
    if (waiting != nullptr && !waiting->rows.empty()) chunks.push_back(std::exchange(*waiting, {}));
  }
  add_chunks(chunks);
}

// Copies the waiting rows out of the caller's block.
template <class T>
void RidgeAccumulator::Impl::keep_waiting() {
  const auto width = static_cast<std::size_t>(n_features);
  auto& spare = std::get<std::vector<std::vector<T>>>(spare_buffers);
  std::vector<Chunk<T>*> chunks;
  for (auto& [pattern, bucket] : buckets) {
    auto* waiting = std::get_if<Chunk<T>>(&bucket.waiting);
    if (waiting == nullptr || waiting->n_kept == waiting->rows.size()) continue;
    chunks.push_back(waiting);
    if (!waiting->kept.empty() || spare.empty()) continue;
    waiting->kept = std::move(spare.back());
    spare.pop_back();
  }
  pool.run(static_cast<std::int64_t>(chunks.size()), [&](std::int64_t i) {
    Chunk<T>& chunk = *chunks[static_cast<std::size_t>(i)];
    chunk.kept.resize(static_cast<std::size_t>(kBlockRows) * width);
    keep_rows(chunk, width);
  });
}

template <class T>
void RidgeAccumulator::Impl::add_block(MatrixView<const T> embeddings, MatrixView<const float> labels,
                                       std::span<const RowGroup> groups, std::span<const float> row_weights) {
  check_block(embeddings.rows, embeddings.cols, labels, groups.size(), row_weights.size());
  constexpr std::int64_t kRowsPerReport = 64;
  std::vector<Chunk<T>> full;
  Phase phase("ridge: sums of products", embeddings.rows);
  for (std::int64_t r = 0; r < embeddings.rows; ++r, ++rows_seen) {
    if (r % kRowsPerReport == 0) phase.advance_to(r);
    const RowGroup group = groups[static_cast<std::size_t>(r)];
    if (group == kSkipRow) continue;
    if (group >= options.n_groups)
      fail_internal("ridge: row group {}, expected 0 to {}", group, options.n_groups - 1);
    const double weight = options.weighted ? row_weights[static_cast<std::size_t>(r)] : 1.0;
    add_row(embeddings.row(r).data(), labels.row(r), group, weight, full);
  }
  add_chunks(full);
  keep_waiting<T>();
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
  impl_->add_all_waiting<BFloat16>();
  impl_->add_all_waiting<float>();
  impl_->spare_buffers = {};
  std::vector<std::pair<Bucket*, MomentBlock*>> copies;
  for (auto& [key, bucket] : impl_->buckets) copies.emplace_back(&bucket, &moments.blocks()[key]);
  // A thread frees the tiles of a bucket before it takes the next one, so that few buckets are in memory
  // twice.
  constexpr std::int64_t kAtOnce = 4;
  const auto n_copies = static_cast<std::int64_t>(copies.size());
  for (std::int64_t first = 0; first < n_copies; first += kAtOnce) {
    impl_->pool.run(std::min(kAtOnce, n_copies - first), [&](std::int64_t i) {
      const auto& [bucket, block] = copies[static_cast<std::size_t>(first + i)];
      *block = block_of(*bucket);
      bucket->sums = dense::TileMatrix();
    });
  }
  impl_->buckets.clear();
  std::fill(impl_->single_buckets.begin(), impl_->single_buckets.end(), nullptr);
  std::fill(impl_->patterns_of_group.begin(), impl_->patterns_of_group.end(), 0);
  impl_->rows_seen = 0;
  return moments;
}

}  // namespace armorm::linear
