// Packs chunks of rows and adds them to the sums of their buckets, on all threads.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "core/worker_pool.h"
#include "linear/dense/gram_kernel.h"

namespace armorm::linear {

// Columns of a packed chunk: the features padded to full panels, then the labels present and a one.
struct Columns {
  std::int64_t n_features = 0;
  std::vector<std::int64_t> attributes;  // of the labels present

  std::int64_t first_label() const {
    return (n_features + dense::kPanel - 1) / dense::kPanel * dense::kPanel;
  }
  std::int64_t one() const { return first_label() + static_cast<std::int64_t>(attributes.size()); }
  std::int64_t count() const { return one() + 1; }
  std::int64_t used() const { return n_features + static_cast<std::int64_t>(attributes.size()) + 1; }
  std::int64_t position(std::int64_t used_column) const {
    return used_column < n_features ? used_column : first_label() + used_column - n_features;
  }
};

// The sums of one row group and label pattern.
struct PatternSums {
  explicit PatternSums(Columns columns_) : columns(std::move(columns_)), sums(columns.count()) {}

  Columns columns;
  dense::TileMatrix sums;
  std::int64_t n_rows = 0;
};

// At most kBlockRows rows of one row group and label pattern.
template <class T>
struct Chunk {
  std::vector<const T*> rows;
  std::vector<std::int64_t> row_numbers;
  std::vector<double> labels;  // [rows, P]
  std::vector<double> weights;
  std::vector<T> kept;  // rows copied out of the caller's block, the first n_kept of `rows`
  std::size_t n_kept = 0;
  PatternSums* target = nullptr;
};

// A chunk is packed in parts, then added in stripes of its target. Every part and every stripe is a task:
// some threads add one chunk while others pack the next ones, without a barrier between chunks. Chunks of the
// same target are added in their order, stripe by stripe, so the sums do not depend on the number of threads.
class ChunkAdder {
 public:
  ChunkAdder(WorkerPool& pool, bool weighted);

  // Number of chunks that keeps all threads busy.
  std::size_t batch_size() const noexcept { return 8 * slots_.size(); }
  template <class T>
  void add(std::span<const Chunk<T>> chunks);

 private:
  struct Slot {
    std::vector<double> packed;
    std::vector<double> scaled;  // packed, each row times its weight
    const double* left(bool weighted) const { return weighted ? scaled.data() : packed.data(); }
  };
  template <class T>
  class Run;

  WorkerPool& pool_;
  bool weighted_;
  std::vector<Slot> slots_;  // packed chunks, used in turn
};

}  // namespace armorm::linear
