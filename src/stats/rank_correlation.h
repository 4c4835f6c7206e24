// Spearman correlation of many samples with one fixed sample, for searches that evaluate it thousands of
// times.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace armorm::stats {

// Keeps the ranks of one sample y, 4 bytes a value. A sample x is radix-sorted together with the ranks of y,
// so the ranks of x are never stored. The result is bit-identical to spearman(x, y): the sums are the same
// exact integers.
class RankCorrelation {
 public:
  // Buffers of one thread: 16 bytes a value.
  struct Workspace {
    explicit Workspace(std::pmr::memory_resource* memory = std::pmr::get_default_resource())
        : items(memory), sorted(memory) {}
    std::pmr::vector<std::uint64_t> items;
    std::pmr::vector<std::uint64_t> sorted;
  };

  // The ranks are kept in `memory`, and sorted in `buffers`. internal error for more than 2^30 values. A NaN
  // in y makes every correlation NaN.
  explicit RankCorrelation(std::span<const float> y,
                           std::pmr::memory_resource* memory = std::pmr::get_default_resource(),
                           std::pmr::memory_resource* buffers = std::pmr::get_default_resource());
  explicit RankCorrelation(std::span<const std::int64_t> y,
                           std::pmr::memory_resource* memory = std::pmr::get_default_resource(),
                           std::pmr::memory_resource* buffers = std::pmr::get_default_resource());

  // NaN where undefined: a constant side, fewer than two values, a NaN in x. internal error when sizes
  // differ.
  double with(std::span<const float> x, Workspace& workspace) const;
  // Of the sample x - penalty z, computed in float32.
  double with_penalised(std::span<const float> x, float penalty, std::span<const float> z,
                        Workspace& workspace) const;

  bool is_constant() const noexcept { return constant_; }

 private:
  template <class Key>
  void rank(std::size_t n, const Key& key, std::pmr::memory_resource* buffers);
  void take_ranks(const std::vector<double>& ranks);
  void take_sum(double sum_of_squares);
  template <class Value>
  double correlation(std::size_t n, const Value& value, Workspace& workspace) const;
  std::pmr::vector<std::int32_t> centred_;  // twice the rank minus its mean, an integer
  double sum_of_squares_ = 0.0;             // sum of squares of centred_, exact before rounding to double
  bool constant_ = false;
  bool nan_ = false;
};

}  // namespace armorm::stats
