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

using Items = std::pmr::vector<std::uint64_t>;

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

Histograms count_digits(const Items& items) {
  Histograms counts{};
  for (const std::uint64_t item : items)
    for (int d = 0; d < kDigits; ++d) ++counts[static_cast<std::size_t>(d)][digit_in(item, d)];
  return counts;
}

// Sorts by key; a digit that all items share needs no pass.
void radix_sort(Items& items, Items& other) {
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

// Calls body(begin, end, x) for each group of equal keys, at positions begin + 1 .. end: they share the
// doubled rank begin + 1 + end, and x is that minus its mean.
template <class Body>
void for_groups(const Items& sorted, const Body& body) {
  const auto centre = static_cast<std::int64_t>(sorted.size()) + 1;
  for (std::size_t begin = 0; begin < sorted.size();) {
    std::size_t end = begin + 1;
    while (end < sorted.size() && key_in(sorted[end]) == key_in(sorted[begin])) ++end;
    body(begin, end, static_cast<std::int64_t>(begin + 1 + end) - centre);
    begin = end;
  }
}

// Sums of centred doubled ranks; the payloads are those of y.
template <class Integer>
Sums sum_over(const Items& sorted) {
  Integer xy = 0;
  Integer xx = 0;
  for_groups(sorted, [&](std::size_t begin, std::size_t end, std::int64_t x) {
    std::int64_t y = 0;
    for (std::size_t i = begin; i < end; ++i)
      y += static_cast<std::int32_t>(static_cast<std::uint32_t>(sorted[i]));
    xy += static_cast<Integer>(x) * y;
    xx += static_cast<Integer>(x) * x * static_cast<std::int64_t>(end - begin);
  });
  return {static_cast<double>(xy), static_cast<double>(xx)};
}

void check_size(std::size_t values) {
  if (values > kMaxValues)
    fail_internal("rank correlation of {} values, expected up to {}", values, kMaxValues);
}

}  // namespace

RankCorrelation::RankCorrelation(std::span<const float> y, std::pmr::memory_resource* memory,
                                 std::pmr::memory_resource* buffers)
    : centred_(memory), nan_(std::ranges::any_of(y, [](float value) { return std::isnan(value); })) {
  check_size(y.size());
  if (!nan_)
    rank(
        y.size(), [y](std::size_t i) { return key_of(y[i]); }, buffers);
}

// Numbers of tokens have 32 bits; of others, ranks of doubles are exact below 2^53.
RankCorrelation::RankCorrelation(std::span<const std::int64_t> y, std::pmr::memory_resource* memory,
                                 std::pmr::memory_resource* buffers)
    : centred_(memory) {
  check_size(y.size());
  const auto fits = [](std::int64_t value) { return static_cast<std::uint32_t>(value) == value; };
  if (std::all_of(y.begin(), y.end(), fits)) {
    rank(
        y.size(), [y](std::size_t i) { return static_cast<std::uint32_t>(y[i]); }, buffers);
  } else {
    take_ranks(average_ranks(std::vector<double>(y.begin(), y.end())));
  }
}

// Sorts keys with their positions, to which the ranks then go.
template <class Key>
void RankCorrelation::rank(std::size_t n, const Key& key, std::pmr::memory_resource* buffers) {
  Workspace workspace(buffers);
  Items& items = workspace.items;
  items.resize(n);
  for (std::size_t i = 0; i < n; ++i) items[i] = (std::uint64_t{key(i)} << 32U) | i;
  if (n > 0) radix_sort(items, workspace.sorted);
  centred_.resize(n);
  Int128 squares = 0;
  for_groups(items, [&](std::size_t begin, std::size_t end, std::int64_t x) {
    squares += static_cast<Int128>(x) * x * static_cast<std::int64_t>(end - begin);
    for (std::size_t i = begin; i < end; ++i)
      centred_[static_cast<std::uint32_t>(items[i])] = static_cast<std::int32_t>(x);
  });
  take_sum(static_cast<double>(squares));
}

void RankCorrelation::take_ranks(const std::vector<double>& ranks) {
  const auto centre = static_cast<std::int64_t>(ranks.size()) + 1;
  Int128 squares = 0;
  centred_.reserve(ranks.size());
  for (const double rank : ranks) {
    const std::int64_t value = static_cast<std::int64_t>(2.0 * rank) - centre;
    squares += static_cast<Int128>(value) * value;
    centred_.push_back(static_cast<std::int32_t>(value));
  }
  take_sum(static_cast<double>(squares));
}

void RankCorrelation::take_sum(double sum_of_squares) {
  sum_of_squares_ = sum_of_squares;
  constant_ = sum_of_squares == 0.0;
}

template <class Value>
double RankCorrelation::correlation(std::size_t n, const Value& value, Workspace& workspace) const {
  if (nan_) return kNaN;
  if (n != centred_.size())
    fail_internal("rank correlation: {} and {} values, expected equal numbers", n, centred_.size());
  if (n < 2 || constant_) return kNaN;
  Items& items = workspace.items;
  items.resize(n);
  std::size_t nans = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const float x = value(i);
    nans += x != x ? 1 : 0;
    items[i] = (static_cast<std::uint64_t>(key_of(x)) << 32U) | static_cast<std::uint32_t>(centred_[i]);
  }
  if (nans > 0) return kNaN;
  radix_sort(items, workspace.sorted);
  const Sums sums = items.size() < kSmall ? sum_over<std::int64_t>(items) : sum_over<Int128>(items);
  if (sums.xx == 0) return kNaN;
  return std::clamp(sums.xy / (std::sqrt(sums.xx) * std::sqrt(sum_of_squares_)), -1.0, 1.0);
}

double RankCorrelation::with(std::span<const float> x, Workspace& workspace) const {
  return correlation(
      x.size(), [x](std::size_t i) { return x[i]; }, workspace);
}

double RankCorrelation::with_penalised(std::span<const float> x, float penalty, std::span<const float> z,
                                       Workspace& workspace) const {
  if (z.size() != x.size())
    fail_internal("rank correlation: {} and {} values, expected equal numbers", x.size(), z.size());
  return correlation(
      x.size(), [=](std::size_t i) { return x[i] - penalty * z[i]; }, workspace);
}

}  // namespace armorm::stats
