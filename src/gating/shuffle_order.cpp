#include "gating/shuffle_order.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

#include "gating/gate_network.h"

namespace armorm::gating {
namespace {

enum Stream : std::uint64_t { kBlockOrder = 0, kWithinWindow = 1 };

// Unbiased and the same on every platform, unlike std::shuffle.
void shuffle(std::vector<std::int64_t>& values, std::uint64_t seed) {
  std::mt19937_64 stream(seed);
  for (std::size_t i = values.size(); i > 1; --i) {
    const std::uint64_t limit = std::mt19937_64::max() - std::mt19937_64::max() % i;
    std::uint64_t draw = stream();
    while (draw >= limit) draw = stream();
    std::swap(values[i - 1], values[draw % i]);
  }
}

}  // namespace

ShuffleOrder::ShuffleOrder(std::int64_t pairs, std::int64_t window, std::uint64_t seed)
    : pairs_(pairs),
      block_(std::max<std::int64_t>(1, std::min(window, pairs) / kBlocks)),
      n_blocks_((pairs + block_ - 1) / block_),
      seed_(seed) {}

const ShuffleOrder::Epoch& ShuffleOrder::epoch(std::int64_t index) {
  Epoch& epoch = epochs_[index % 2];
  if (epoch.index == index) return epoch;
  epoch.index = index;
  epoch.blocks.resize(static_cast<std::size_t>(n_blocks_));
  std::iota(epoch.blocks.begin(), epoch.blocks.end(), std::int64_t{0});
  shuffle(epoch.blocks, stream_seed(stream_seed(seed_, kBlockOrder), static_cast<std::uint64_t>(index)));
  epoch.place_of_short = std::ranges::find(epoch.blocks, n_blocks_ - 1) - epoch.blocks.begin();
  return epoch;
}

// Offset in the epoch of a window's first pair.
std::int64_t ShuffleOrder::window_start(const Epoch& epoch, std::int64_t window) const {
  const std::int64_t before = std::min(window * kBlocks, n_blocks_);
  const std::int64_t missing = n_blocks_ * block_ - pairs_;  // in the last block
  return before * block_ - (epoch.place_of_short < before ? missing : 0);
}

std::int64_t ShuffleOrder::window_at(const Epoch& epoch, std::int64_t offset) const {
  const std::int64_t window = offset / (kBlocks * block_);
  return offset >= window_start(epoch, window + 1) ? window + 1 : window;
}

std::vector<std::int64_t> ShuffleOrder::filled(const Epoch& epoch, std::int64_t window) const {
  std::vector<std::int64_t> pairs;
  const std::int64_t end = std::min((window + 1) * kBlocks, n_blocks_);
  for (std::int64_t i = window * kBlocks; i < end; ++i) {
    const std::int64_t first = epoch.blocks[static_cast<std::size_t>(i)] * block_;
    for (std::int64_t pair = first; pair < std::min(first + block_, pairs_); ++pair) pairs.push_back(pair);
  }
  return pairs;
}

std::int64_t ShuffleOrder::find(Window& kept, std::int64_t position, bool shuffled) {
  const Epoch& now = epoch(position / pairs_);
  const std::int64_t offset = position % pairs_;
  if (const std::int64_t window = window_at(now, offset); kept.epoch != now.index || kept.window != window) {
    kept = {now.index, window, window_start(now, window), filled(now, window)};
    const std::uint64_t stream = stream_seed(seed_, kWithinWindow);
    if (shuffled)
      shuffle(kept.pairs, stream_seed(stream_seed(stream, static_cast<std::uint64_t>(now.index)),
                                      static_cast<std::uint64_t>(window)));
  }
  return kept.pairs[static_cast<std::size_t>(offset - kept.start)];
}

std::int64_t ShuffleOrder::at(std::int64_t position) { return find(shuffled_, position, true); }
std::int64_t ShuffleOrder::fill_at(std::int64_t position) { return find(filled_, position, false); }

}  // namespace armorm::gating
