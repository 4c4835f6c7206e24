#include "linear/chunk_adder.h"

#include <algorithm>
#include <atomic>
#include <memory>

#include "core/dtype.h"

namespace armorm::linear {
namespace {

using dense::kBlockRows;
using dense::kPanel;
using dense::kTileRows;

constexpr std::int64_t kColumnsPerPart = 8 * kTileRows;  // full cache lines of a row
constexpr std::int64_t kTilesPerStripe = 8;  // 8 x 24 columns of a chunk fit the second-level cache

// Counts finished tasks; wait() sleeps until the last one.
class Countdown {
 public:
  void start(std::int64_t n) { left_.store(static_cast<int>(n), std::memory_order_relaxed); }
  void done() {
    if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) left_.notify_all();
  }
  void wait() const {
    for (int left = left_.load(std::memory_order_acquire); left > 0;
         left = left_.load(std::memory_order_acquire)) {
      left_.wait(left, std::memory_order_acquire);
    }
  }

 private:
  std::atomic<int> left_{0};
};

// Columns [begin, end) after the features: the labels present, then a one.
template <class T>
void pack_labels(const Chunk<T>& chunk, std::int64_t begin, std::int64_t end, double* packed) {
  const Columns& columns = chunk.target->columns;
  const auto n_rows = static_cast<std::int64_t>(chunk.rows.size());
  const auto n_labels = static_cast<std::int64_t>(columns.attributes.size());
  for (std::int64_t column = std::max(begin, columns.first_label()); column < end; ++column) {
    const std::int64_t label = column - columns.first_label();
    double* out = packed + (column / kPanel) * kBlockRows * kPanel + column % kPanel;
    for (std::int64_t r = 0; r < n_rows; ++r) {
      const double value = label < n_labels ? chunk.labels[r * n_labels + label] : 0.0;
      out[r * kPanel] = column == columns.one() ? 1.0 : value;
    }
  }
}

void scale_rows(std::span<const double> weights, std::int64_t begin, std::int64_t end, const double* packed,
                double* scaled) {
  for (std::int64_t panel = begin / kPanel; panel < end / kPanel; ++panel) {
    std::int64_t at = panel * kBlockRows * kPanel;
    for (const double weight : weights) {
      for (std::int64_t j = 0; j < kPanel; ++j, ++at) scaled[at] = packed[at] * weight;
    }
  }
}

}  // namespace

// One call of add(). Threads take tasks in list order. A task waits only for earlier tasks, which other
// threads are running, so at least one thread always makes progress.
template <class T>
class ChunkAdder::Run {
 public:
  Run(std::span<const Chunk<T>> chunks, std::vector<Slot>& slots, bool weighted);

  std::int64_t n_tasks() const { return static_cast<std::int64_t>(tasks_.size()); }
  void run_task(std::int64_t i);

 private:
  enum class Step { pack, add };
  struct Task {
    Step step;
    std::size_t chunk;
    std::int64_t piece;  // part or stripe
  };
  struct Progress {
    std::int64_t n_parts = 0;
    std::int64_t n_stripes = 0;
    const Progress* previous = nullptr;  // of the same target
    Countdown unpacked;
    Countdown unadded;
    std::unique_ptr<Countdown[]> stripes;
  };
  Slot& slot(std::size_t chunk) { return slots_[chunk % slots_.size()]; }
  void plan(std::size_t chunk);
  void list_tasks(Step step, std::size_t chunk);
  void pack(std::size_t chunk, std::int64_t part);
  void add(std::size_t chunk, std::int64_t stripe);

  std::span<const Chunk<T>> chunks_;
  std::vector<Slot>& slots_;
  bool weighted_;
  std::vector<Progress> progress_;
  std::vector<Task> tasks_;
};

template <class T>
ChunkAdder::Run<T>::Run(std::span<const Chunk<T>> chunks, std::vector<Slot>& slots, bool weighted)
    : chunks_(chunks), slots_(slots), weighted_(weighted), progress_(chunks.size()) {
  const std::size_t ahead = slots.size() - 1;  // number of chunks that are packed before one is added
  for (std::size_t c = 0; c < chunks.size() + ahead; ++c) {
    if (c < chunks.size()) {
      plan(c);
      list_tasks(Step::pack, c);
    }
    if (c >= ahead) list_tasks(Step::add, c - ahead);
  }
}

template <class T>
void ChunkAdder::Run<T>::plan(std::size_t chunk) {
  const std::int64_t row_tiles = chunks_[chunk].target->sums.row_tiles();
  const auto size = static_cast<std::size_t>(row_tiles * kTileRows * kBlockRows);
  if (slot(chunk).packed.size() < size) slot(chunk).packed.resize(size);
  if (weighted_ && slot(chunk).scaled.size() < size) slot(chunk).scaled.resize(size);
  Progress& progress = progress_[chunk];
  progress.n_parts = (row_tiles * kTileRows + kColumnsPerPart - 1) / kColumnsPerPart;
  progress.n_stripes = (row_tiles + kTilesPerStripe - 1) / kTilesPerStripe;
  progress.unpacked.start(progress.n_parts);
  progress.unadded.start(progress.n_stripes);
  progress.stripes = std::make_unique<Countdown[]>(static_cast<std::size_t>(progress.n_stripes));
  for (std::int64_t s = 0; s < progress.n_stripes; ++s) progress.stripes[s].start(1);
  for (std::size_t c = chunk; c-- > 0 && progress.previous == nullptr;) {
    if (chunks_[c].target == chunks_[chunk].target) progress.previous = &progress_[c];
  }
}

template <class T>
void ChunkAdder::Run<T>::list_tasks(Step step, std::size_t chunk) {
  const Progress& progress = progress_[chunk];
  const std::int64_t n = step == Step::pack ? progress.n_parts : progress.n_stripes;
  // The last stripes are the longest; largest tasks first.
  for (std::int64_t i = n; i-- > 0;) tasks_.push_back({step, chunk, i});
}

template <class T>
void ChunkAdder::Run<T>::run_task(std::int64_t i) {
  const Task& task = tasks_[static_cast<std::size_t>(i)];
  if (task.step == Step::pack) {
    pack(task.chunk, task.piece);
  } else {
    add(task.chunk, task.piece);
  }
}

template <class T>
void ChunkAdder::Run<T>::pack(std::size_t chunk, std::int64_t part) {
  if (chunk >= slots_.size()) progress_[chunk - slots_.size()].unadded.wait();
  const Chunk<T>& rows = chunks_[chunk];
  const Columns& columns = rows.target->columns;
  double* packed = slot(chunk).packed.data();
  const std::int64_t begin = part * kColumnsPerPart;
  const std::int64_t end = std::min(begin + kColumnsPerPart, rows.target->sums.row_tiles() * kTileRows);
  if (begin < columns.n_features)
    dense::pack(std::span<const T* const>(rows.rows), begin, std::min(end, columns.n_features), packed);
  pack_labels(rows, begin, end, packed);
  if (weighted_) scale_rows(rows.weights, begin, end, packed, slot(chunk).scaled.data());
  progress_[chunk].unpacked.done();
}

template <class T>
void ChunkAdder::Run<T>::add(std::size_t chunk, std::int64_t stripe) {
  Progress& progress = progress_[chunk];
  progress.unpacked.wait();
  if (progress.previous != nullptr) progress.previous->stripes[stripe].wait();
  dense::TileMatrix& sums = chunks_[chunk].target->sums;
  const std::int64_t begin = stripe * kTilesPerStripe;
  dense::accumulate(static_cast<std::int64_t>(chunks_[chunk].rows.size()), slot(chunk).left(weighted_),
                    slot(chunk).packed.data(), begin, std::min(begin + kTilesPerStripe, sums.row_tiles()),
                    sums);
  progress.stripes[stripe].done();
  progress.unadded.done();
}

ChunkAdder::ChunkAdder(WorkerPool& pool, bool weighted)
    : pool_(pool), weighted_(weighted), slots_(static_cast<std::size_t>(2 + (pool.n_threads() + 3) / 4)) {}

template <class T>
void ChunkAdder::add(std::span<const Chunk<T>> chunks) {
  if (chunks.empty()) return;
  Run<T> run(chunks, slots_, weighted_);
  pool_.run(run.n_tasks(), [&](std::int64_t i) { run.run_task(i); });
  for (const Chunk<T>& chunk : chunks) chunk.target->n_rows += static_cast<std::int64_t>(chunk.rows.size());
}

template void ChunkAdder::add(std::span<const Chunk<BFloat16>> chunks);
template void ChunkAdder::add(std::span<const Chunk<float>> chunks);

}  // namespace armorm::linear
