// Spearman correlation of many samples with one fixed sample, for searches that evaluate it thousands of
// times.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace armorm::stats {

// Keeps the ranks of one sample y. A sample x is radix-sorted together with the ranks of y, so the ranks of x
// are never stored. The result is bit-identical to spearman(x, y): the sums are the same exact integers.
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
  std::vector<std::int32_t> centred_;  // twice the rank minus its mean, an integer
  double sum_of_squares_ = 0.0;        // sum of squares of centred_, exact before rounding to double
  bool constant_ = false;
  bool nan_ = false;
};

}  // namespace armorm::stats
