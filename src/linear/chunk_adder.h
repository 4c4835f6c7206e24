// Packs chunks of rows and adds them to the sums of their buckets, on all threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "core/worker_pool.h"
#include "linear/border_products.h"
#include "linear/chunk.h"
#include "linear/dense/integer_columns.h"
#include "linear/dense/large_array.h"

namespace armorm::linear {

// A chunk is packed in parts, then added in stripes of its target. Every part and every stripe is a task:
// some threads add one chunk while others pack the next ones, without a barrier between chunks. Chunks of the
// same target are added in their order, stripe by stripe, so the sums do not depend on the number of threads.
//
// Chunks of bfloat16 rows without weights are multiplied in integers where the processor has fast ones, with
// the same bits (integer_columns.h). Labels and wide columns, the border, are multiplied with all features in
// float64, in parts as well. A chunk with too many wide columns is added in float64.
class ChunkAdder {
 public:
  ChunkAdder(WorkerPool& pool, bool weighted, dense::GramKernel kernel);

  // Number of chunks that keeps all threads busy.
  std::size_t batch_size() const noexcept { return 8 * slots_.size(); }
  // Returns whether all rows are known to be finite.
  template <class T>
  bool add(std::span<const Chunk<T>> chunks);

 private:
  // A packed chunk.
  struct Slot {
    dense::LargeArray packed;
    dense::LargeArray scaled;  // packed, each row times its weight
    std::size_t size = 0;      // of each
    dense::IntegerColumns integers;
    BorderProducts border;
    void reserve(std::size_t wanted, bool weighted);
    const double* left(bool weighted) const { return weighted ? scaled.data() : packed.data(); }
  };
  template <class T>
  class Run;

  WorkerPool& pool_;
  bool weighted_;
  dense::GramKernel kernel_;
  std::atomic<std::int64_t> n_suited_{0};  // chunks that were added in integers
  std::atomic<std::int64_t> n_unsuited_{0};
  std::vector<Slot> slots_;  // used in turn
};

}  // namespace armorm::linear
