// The order of training pairs that are shuffled within windows, so that their files are read in long runs.
#pragma once

#include <cstdint>
#include <vector>

namespace armorm::gating {

// An endless sequence of pairs, epoch after epoch. In each epoch every pair comes once:
//   1. The pairs are cut into blocks of `window` / 16 consecutive ones (at least 1; the last block may be
//      shorter), and the order of the blocks is shuffled.
//   2. In that order, each 16 blocks fill a window, whose pairs are shuffled.
// Two pairs are near each other only if their blocks share a window, and batches of one epoch are not
// independent of each other: less random than draws of single pairs. The order depends on the three arguments
// alone; a position is found without those before it. Keeps 8 bytes for each block and each pair of a window.
class ShuffleOrder {
 public:
  static constexpr std::int64_t kBlocks = 16;  // of a window

  ShuffleOrder(std::int64_t pairs, std::int64_t window, std::uint64_t seed);

  std::int64_t window() const { return kBlocks * block_; }
  // The pair, from 0, at a position of the sequence.
  std::int64_t at(std::int64_t position);
  // The same before step 2: in the order in which the windows are filled, so that a pair is at most window()
  // positions from its final one.
  std::int64_t fill_at(std::int64_t position);

 private:
  struct Epoch {
    std::int64_t index = -1;
    std::vector<std::int64_t> blocks;  // in their order
    std::int64_t place_of_short = 0;   // of the last block
  };
  const Epoch& epoch(std::int64_t index);
  std::int64_t window_start(const Epoch& epoch, std::int64_t window) const;
  std::int64_t window_at(const Epoch& epoch, std::int64_t offset) const;
  std::vector<std::int64_t> filled(const Epoch& epoch, std::int64_t window) const;

  std::int64_t pairs_, block_, n_blocks_;
  std::uint64_t seed_;
  Epoch epochs_[2];  // the current one, and the next, into which the filling goes first
  // A window in its shuffled order, and one as it was filled.
  struct Window {
    std::int64_t epoch = -1, window = -1, start = 0;
    std::vector<std::int64_t> pairs;
  };
  std::int64_t find(Window& kept, std::int64_t position, bool shuffled);
  Window shuffled_, filled_;
};

}  // namespace armorm::gating
