// Spearman's correlation of many samples with one, for searches that evaluate it thousands of times.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace armorm {

// Keeps the ranks of one sample y. A sample x is sorted by radix, with y's ranks carried along, so that no
// ranks of x are ever stored. The result is bit for bit spearman(x, y): the sums are the same exact integers.
class RankCorrelation {
 public:
  // internal error for more than 2^30 values. A NaN in y makes every correlation NaN.
  explicit RankCorrelation(std::span<const float> y);
  explicit RankCorrelation(std::span<const std::int64_t> y);

  // Buffers of one thread.
  struct Workspace {
    std::vector<std::uint64_t> items;
    std::vector<std::uint64_t> sorted;
  };

  // NaN where undefined: a constant side, fewer than two values, a NaN in x. internal error when sizes
  // differ.
  double with(std::span<const float> x, Workspace& workspace) const;

  bool is_constant() const noexcept { return constant_; }

 private:
  void take_ranks(const std::vector<double>& ranks);
  std::vector<std::int32_t> centred_;  // twice the rank less its mean, an integer
  double sum_of_squares_ = 0.0;        // of centred_, exact before it was rounded
  bool constant_ = false;
  bool nan_ = false;
};

}  // namespace armorm
