#include "stats/rank_correlation.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.h"
#include "stats/statistics.h"

namespace armorm::stats {
namespace {

__extension__ using Int128 = __int128;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kMaxValues = std::size_t{1} << 30;  // twice a rank fits 32 bits

constexpr int kDigitBits = 11;
constexpr int kDigits = 3;  // 3 x 11 bits cover the 32 bits of a key
constexpr std::size_t kDigitValues = std::size_t{1} << kDigitBits;
using Histograms = std::array<std::array<std::uint32_t, kDigitValues>, kDigits>;

// Maps floats to unsigned integers of the same order; both zeros get the same value.
std::uint32_t key_of(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value + 0.0F);
  return bits ^ ((0U - (bits >> 31U)) | 0x80000000U);  // branch-free: random signs would be mispredicted
}

// An item holds its key in the high 32 bits and a payload in the low 32 bits.
std::uint32_t key_in(std::uint64_t item) { return static_cast<std::uint32_t>(item >> 32U); }
std::size_t digit_in(std::uint64_t item, int digit) {
  return (item >> (32 + digit * kDigitBits)) & (kDigitValues - 1);
}

Histograms count_digits(const std::vector<std::uint64_t>& items) {
  Histograms counts{};
  for (const std::uint64_t item : items)
    for (int d = 0; d < kDigits; ++d) ++counts[static_cast<std::size_t>(d)][digit_in(item, d)];
  return counts;
}

// Sorts by key; a digit that all items share needs no pass.
void radix_sort(std::vector<std::uint64_t>& items, std::vector<std::uint64_t>& other) {
  Histograms counts = count_digits(items);
  other.resize(items.size());
  for (int d = 0; d < kDigits; ++d) {
    auto& starts = counts[static_cast<std::size_t>(d)];
    if (starts[digit_in(items.front(), d)] == items.size()) continue;
    std::uint32_t start = 0;
    for (std::uint32_t& entry : starts) start += std::exchange(entry, start);
    for (const std::uint64_t item : items) other[starts[digit_in(item, d)]++] = item;
    items.swap(other);
  }
}

struct Sums {
  double xy = 0.0;
  double xx = 0.0;
};

// Below this many values the sums, at most its cube, fit 64 bits.
constexpr std::size_t kSmall = std::size_t{1} << 20;

// Sums of centred doubled ranks: positions begin + 1 .. end of equal keys share the doubled rank begin + 1 +
// end.
template <class Integer>
Sums sum_over(const std::vector<std::uint64_t>& sorted) {
  Integer xy = 0;
  Integer xx = 0;
  const auto centre = static_cast<std::int64_t>(sorted.size()) + 1;
  for (std::size_t begin = 0; begin < sorted.size();) {
    std::size_t end = begin;
    std::int64_t y = 0;
    const std::uint32_t key = key_in(sorted[begin]);
    for (; end < sorted.size() && key_in(sorted[end]) == key; ++end)
      y += static_cast<std::int32_t>(static_cast<std::uint32_t>(sorted[end]));
    const std::int64_t x = static_cast<std::int64_t>(begin + 1 + end) - centre;
    xy += static_cast<Integer>(x) * y;
    xx += static_cast<Integer>(x) * x * static_cast<std::int64_t>(end - begin);
    begin = end;
  }
  return {static_cast<double>(xy), static_cast<double>(xx)};
}

}  // namespace

RankCorrelation::RankCorrelation(std::span<const float> y) { take_ranks(average_ranks(y)); }

// Lengths are far below 2^53, where doubles are exact.
RankCorrelation::RankCorrelation(std::span<const std::int64_t> y) {
  take_ranks(average_ranks(std::vector<double>(y.begin(), y.end())));
}

void RankCorrelation::take_ranks(const std::vector<double>& ranks) {
  if (ranks.size() > kMaxValues)
    fail_internal("rank correlation of {} values, expected up to {}", ranks.size(), kMaxValues);
  nan_ = !ranks.empty() && std::isnan(ranks[0]);
  if (nan_) return;
  const auto centre = static_cast<std::int64_t>(ranks.size()) + 1;
  Int128 squares = 0;
  for (const double rank : ranks) {
    const std::int64_t value = static_cast<std::int64_t>(2.0 * rank) - centre;
    squares += static_cast<Int128>(value) * value;
    centred_.push_back(static_cast<std::int32_t>(value));
  }
  sum_of_squares_ = static_cast<double>(squares);
  constant_ = squares == 0;
}

double RankCorrelation::with(std::span<const float> x, Workspace& workspace) const {
  if (nan_) return kNaN;
  if (x.size() != centred_.size())
    fail_internal("rank correlation: {} and {} values, expected equal numbers", x.size(), centred_.size());
  if (x.size() < 2 || constant_) return kNaN;
  std::vector<std::uint64_t>& items = workspace.items;
  items.resize(x.size());
  std::size_t nans = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    nans += x[i] != x[i] ? 1 : 0;
    items[i] = (static_cast<std::uint64_t>(key_of(x[i])) << 32U) | static_cast<std::uint32_t>(centred_[i]);
  }
  if (nans > 0) return kNaN;
  radix_sort(items, workspace.sorted);
  const Sums sums = items.size() < kSmall ? sum_over<std::int64_t>(items) : sum_over<Int128>(items);
  if (sums.xx == 0) return kNaN;
  return std::clamp(sums.xy / (std::sqrt(sums.xx) * std::sqrt(sum_of_squares_)), -1.0, 1.0);
}

}  // namespace armorm::stats
