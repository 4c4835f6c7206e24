#include "linear/chunk_adder.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <type_traits>

#include "core/dtype.h"

namespace armorm::linear {
namespace {

using dense::GramKernel;
using dense::IntegerColumns;
using dense::kBlockRows;
using dense::kGroup;
using dense::kPanel;
using dense::kPanelStride;
using dense::kTileRows;

constexpr std::int64_t kColumnsPerPart = 8 * kTileRows;  // full cache lines of a row
constexpr std::int64_t kTilesPerStripe = 8;  // 8 x 24 columns of a chunk fit the second-level cache
static_assert(kColumnsPerPart % kGroup == 0 && kTilesPerStripe * kTileRows % kGroup == 0);

// With more labels or more wide columns, the border costs more than integers gain.
std::int64_t most_in_border(std::int64_t n_features) { return std::max(kPanel, n_features / 8); }

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

// Those with the same right group are neighbours.
std::vector<IntegerColumns::Pair> pairs_of_stripe(std::int64_t stripe, std::int64_t n_groups) {
  constexpr std::int64_t kGroups = kTilesPerStripe * kTileRows / kGroup;
  const std::int64_t end = std::min((stripe + 1) * kGroups, n_groups);
  std::vector<IntegerColumns::Pair> pairs;
  for (std::int64_t right = 0; right < end; ++right) {
    for (std::int64_t left = std::max(stripe * kGroups, right); left < end; ++left)
      pairs.push_back({left, right});
  }
  return pairs;
}

// Columns [begin, end) after the features: the labels present, then a one.
template <class T>
void pack_labels(const Chunk<T>& chunk, std::int64_t begin, std::int64_t end, double* packed) {
  const Columns& columns = chunk.target->columns;
  const auto n_rows = static_cast<std::int64_t>(chunk.rows.size());
  const auto n_labels = static_cast<std::int64_t>(columns.attributes.size());
  for (std::int64_t column = std::max(begin, columns.first_label()); column < end; ++column) {
    const std::int64_t label = column - columns.first_label();
    double* out = packed + column / kPanel * kPanelStride + column % kPanel;
    for (std::int64_t r = 0; r < n_rows; ++r) {
      const double value = label < n_labels ? chunk.labels[r * n_labels + label] : 0.0;
      out[r * kPanel] = column == columns.one() ? 1.0 : value;
    }
  }
}

void scale_rows(std::span<const double> weights, std::int64_t begin, std::int64_t end, const double* packed,
                double* scaled) {
  for (std::int64_t panel = begin / kPanel; panel < end / kPanel; ++panel) {
    std::int64_t at = panel * kPanelStride;
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
  Run(std::span<const Chunk<T>> chunks, ChunkAdder& adder);

  std::int64_t n_tasks() const { return static_cast<std::int64_t>(tasks_.size()); }
  void run_task(std::int64_t i);
  // Whether all chunks were added in integers, which are finite. Bfloat16 squares do not overflow.
  bool all_finite() const {
    return std::all_of(progress_.begin(), progress_.end(), [](const Progress& p) { return p.suited; });
  }

 private:
  enum class Step { pack, border, add };
  struct Task {
    Step step;
    std::size_t chunk;
    std::int64_t piece;  // part or stripe
  };
  struct Progress {
    std::int64_t n_parts = 0;
    std::int64_t n_stripes = 0;
    const Progress* previous = nullptr;  // of the same target
    bool integers = false;               // packed as integers
    std::once_flag joined;
    bool suited = false;  // added as integers, known once joined
    Countdown unpacked;
    Countdown unbordered;
    Countdown unadded;
    std::unique_ptr<Countdown[]> stripes;
  };
  Slot& slot(std::size_t chunk) { return adder_.slots_[chunk % adder_.slots_.size()]; }
  void plan(std::size_t chunk);
  bool wants_integers(const Columns& columns) const;  // always the same sums; only the speed depends on it
  void list_tasks(Step step, std::size_t chunk);
  void pack(std::size_t chunk, std::int64_t part);
  void pack_features(std::size_t chunk, std::int64_t begin, std::int64_t end);
  bool join(std::size_t chunk);
  void multiply_border(std::size_t chunk, std::int64_t part);
  void add(std::size_t chunk, std::int64_t stripe);
  void add_integers(std::size_t chunk, std::int64_t stripe);

  std::span<const Chunk<T>> chunks_;
  ChunkAdder& adder_;
  std::vector<Progress> progress_;
  std::vector<Task> tasks_;
};

template <class T>
ChunkAdder::Run<T>::Run(std::span<const Chunk<T>> chunks, ChunkAdder& adder)
    : chunks_(chunks), adder_(adder), progress_(chunks.size()) {
  // Number of chunks that are packed before one is added. The slot that the next one is packed to was free
  // before.
  const std::size_t ahead = adder.slots_.size() - 2;
  for (std::size_t c = 0; c < chunks.size() + ahead; ++c) {
    if (c < chunks.size()) {
      plan(c);
      list_tasks(Step::pack, c);
    }
    if (c > 0 && c <= chunks.size() && progress_[c - 1].integers) list_tasks(Step::border, c - 1);
    if (c >= ahead) list_tasks(Step::add, c - ahead);
  }
}

template <class T>
bool ChunkAdder::Run<T>::wants_integers(const Columns& columns) const {
  if (!std::is_same_v<T, BFloat16> || adder_.weighted_ || adder_.kernel_ == GramKernel::float64) return false;
  if (columns.count() - columns.first_label() > most_in_border(columns.n_features)) return false;
  const std::int64_t unsuited = adder_.n_unsuited_.load(std::memory_order_relaxed);
  return unsuited < 4 || unsuited <= adder_.n_suited_.load(std::memory_order_relaxed);
}

template <class T>
void ChunkAdder::Run<T>::plan(std::size_t chunk) {
  const PatternSums& target = *chunks_[chunk].target;
  const std::int64_t row_tiles = target.sums.row_tiles();
  Progress& progress = progress_[chunk];
  progress.n_parts = (row_tiles * kTileRows + kColumnsPerPart - 1) / kColumnsPerPart;
  progress.n_stripes = (row_tiles + kTilesPerStripe - 1) / kTilesPerStripe;
  progress.integers = wants_integers(target.columns);
  slot(chunk).reserve(static_cast<std::size_t>(row_tiles * kTileRows * kBlockRows), adder_.weighted_);
  if (progress.integers) slot(chunk).integers.reserve(adder_.kernel_, target.columns.n_features);
  progress.unpacked.start(progress.n_parts);
  progress.unbordered.start(progress.integers ? progress.n_parts : 0);
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
  const std::int64_t n = step == Step::add ? progress.n_stripes : progress.n_parts;
  // The last stripes are the longest; largest tasks first.
  for (std::int64_t i = n; i-- > 0;) tasks_.push_back({step, chunk, i});
}

template <class T>
void ChunkAdder::Run<T>::run_task(std::int64_t i) {
  const Task& task = tasks_[static_cast<std::size_t>(i)];
  if (task.step == Step::pack) {
    pack(task.chunk, task.piece);
  } else if (task.step == Step::border) {
    multiply_border(task.chunk, task.piece);
  } else {
    add(task.chunk, task.piece);
  }
}

template <class T>
void ChunkAdder::Run<T>::pack(std::size_t chunk, std::int64_t part) {
  const std::size_t n_slots = adder_.slots_.size();
  if (chunk >= n_slots) progress_[chunk - n_slots].unadded.wait();
  const Chunk<T>& rows = chunks_[chunk];
  const std::int64_t begin = part * kColumnsPerPart;
  const std::int64_t end = std::min(begin + kColumnsPerPart, rows.target->sums.row_tiles() * kTileRows);
  pack_features(chunk, begin, std::min(end, rows.target->columns.n_features));
  pack_labels(rows, begin, end, slot(chunk).packed.data());
  if (adder_.weighted_)
    scale_rows(rows.weights, begin, end, slot(chunk).packed.data(), slot(chunk).scaled.data());
  progress_[chunk].unpacked.done();
}

template <class T>
void ChunkAdder::Run<T>::pack_features(std::size_t chunk, std::int64_t begin, std::int64_t end) {
  if (begin >= end) return;
  const std::span<const T* const> rows(chunks_[chunk].rows);
  if constexpr (std::is_same_v<T, BFloat16>) {
    if (progress_[chunk].integers) {
      for (std::int64_t first = begin; first < end; first += kGroup)
        slot(chunk).integers.pack(rows, first / kGroup);
      return;
    }
  }
  dense::pack(rows, begin, end, slot(chunk).packed.data() + begin / kPanel * kPanelStride);
}

// Waits until the chunk is packed. Returns whether it is added in integers; if not, it is packed again.
template <class T>
bool ChunkAdder::Run<T>::join(std::size_t chunk) {
  Progress& progress = progress_[chunk];
  progress.unpacked.wait();
  if constexpr (std::is_same_v<T, BFloat16>) {
    std::call_once(progress.joined, [&] {
      const Chunk<T>& rows = chunks_[chunk];
      Slot& mine = slot(chunk);
      const std::int64_t n_features = rows.target->columns.n_features;
      progress.suited = mine.integers.all_finite() && mine.integers.n_wide() <= most_in_border(n_features);
      ++(progress.suited ? adder_.n_suited_ : adder_.n_unsuited_);
      if (progress.suited) {
        mine.border.reset(rows, mine.integers, mine.packed.data());
      } else {
        dense::pack(std::span<const T* const>(rows.rows), 0, n_features, mine.packed.data());
      }
    });
  }
  return progress.suited;
}

template <class T>
void ChunkAdder::Run<T>::multiply_border(std::size_t chunk, std::int64_t part) {
  if (join(chunk)) slot(chunk).border.multiply(part * kColumnsPerPart, (part + 1) * kColumnsPerPart);
  progress_[chunk].unbordered.done();
}

template <class T>
void ChunkAdder::Run<T>::add(std::size_t chunk, std::int64_t stripe) {
  Progress& progress = progress_[chunk];
  progress.unpacked.wait();
  progress.unbordered.wait();
  if (progress.previous != nullptr) progress.previous->stripes[stripe].wait();
  if (progress.suited) {
    add_integers(chunk, stripe);
  } else {
    dense::TileMatrix& sums = chunks_[chunk].target->sums;
    const std::int64_t begin = stripe * kTilesPerStripe;
    dense::accumulate(static_cast<std::int64_t>(chunks_[chunk].rows.size()),
                      slot(chunk).left(adder_.weighted_), slot(chunk).packed.data(), begin,
                      std::min(begin + kTilesPerStripe, sums.row_tiles()), sums);
  }
  progress.stripes[stripe].done();
  progress.unadded.done();
}

// Pairs of groups of the lower triangle, then rows of labels.
template <class T>
void ChunkAdder::Run<T>::add_integers(std::size_t chunk, std::int64_t stripe) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    constexpr std::int64_t kRows = kTilesPerStripe * kTileRows;
    const Chunk<T>& rows = chunks_[chunk];
    const Slot& mine = slot(chunk);
    dense::TileMatrix& sums = rows.target->sums;
    const auto place = [&](const IntegerColumns::Pair& pair) {
      return dense::GroupPlace{pair.left * kGroup, pair.right * kGroup, rows.target->columns.first_label()};
    };
    const auto pairs = pairs_of_stripe(stripe, mine.integers.n_groups());
    mine.integers.multiply(rows.rows, pairs, [&](std::size_t n, dense::GroupProducts& products) {
      if (n + 1 < pairs.size()) dense::prefetch_tiles(place(pairs[n + 1]), sums);
      mine.border.put_wide(mine.integers, pairs[n].left, pairs[n].right, products);
      dense::add_to_tiles(products, place(pairs[n]), sums);
    });
    mine.border.add_labels(stripe * kRows, (stripe + 1) * kRows, sums);
  }
}

void ChunkAdder::Slot::reserve(std::size_t wanted, bool weighted) {
  if (size >= wanted) return;
  size = wanted;
  packed = dense::LargeArray(size);
  if (weighted) scaled = dense::LargeArray(size);
}

ChunkAdder::ChunkAdder(WorkerPool& pool, bool weighted, GramKernel kernel)
    : pool_(pool),
      weighted_(weighted),
      kernel_(kernel),
      slots_(static_cast<std::size_t>(3 + (pool.n_threads() + 3) / 4)) {}

template <class T>
bool ChunkAdder::add(std::span<const Chunk<T>> chunks) {
  if (chunks.empty()) return true;
  Run<T> run(chunks, *this);
  pool_.run(run.n_tasks(), [&](std::int64_t i) { run.run_task(i); });
  for (const Chunk<T>& chunk : chunks) chunk.target->n_rows += static_cast<std::int64_t>(chunk.rows.size());
  return run.all_finite();
}

template bool ChunkAdder::add(std::span<const Chunk<BFloat16>> chunks);
template bool ChunkAdder::add(std::span<const Chunk<float>> chunks);

}  // namespace armorm::linear
