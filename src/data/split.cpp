#include "data/split.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <regex>

#include "core/error.h"

namespace armorm::data {
namespace {

constexpr std::size_t kMaxBytes = 1024;  // std::regex recurses once per byte
constexpr std::int64_t kMaxPercent = 100;
constexpr double kPercent = 100.0;

enum : std::size_t { kName = 1, kSlice, kFrom, kFromPercent, kTo, kToPercent, kRounded, kRounding };

// A bound as Python's int() reads it: single underscores may separate digits. Past 64 bits it is the largest
// of its sign, which is past any split.
std::optional<std::int64_t> bound_of(const std::string& text, const std::string& where) {
  if (text.empty()) return std::nullopt;
  static const std::regex number("-?[0-9]+(_[0-9]+)*");
  if (!std::regex_match(text, number))
    fail_data("{}: found the bound \"{}\", expected an integer", where, text);
  std::string digits = text;
  std::erase(digits, '_');
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  using Limits = std::numeric_limits<std::int64_t>;
  if (error == std::errc::result_out_of_range) return digits[0] == '-' ? Limits::min() : Limits::max();
  return value;
}

void check_percent(const std::optional<std::int64_t>& bound, const std::string& where) {
  if (bound && (*bound > kMaxPercent || *bound < -kMaxPercent))
    fail_data("{}: found {}%, expected bounds from -100% to 100%", where, *bound);
}

void check_rounding(const SplitSlice& slice, const std::string& rounding, const std::string& where) {
  if (rounding != "closest" && rounding != "pct1_dropremainder")
    fail_data("{}: found the rounding \"{}\", expected closest or pct1_dropremainder", where, rounding);
  if (!slice.percent)
    fail_data("{}: found the rounding \"{}\" without per cents; leave it out", where, rounding);
}

std::optional<SplitSlice> parse_slice(const std::string& text, const std::string& where) {
  static const std::regex form(R"(([A-Za-z0-9_\x80-\xff]+(?:\.[A-Za-z0-9_\x80-\xff]+)*))"
                               R"((\[(?:(-?[0-9_]+)(%)?)?:(?:(-?[0-9_]+)(%)?)?\])?(\(([^)]*)\))?)");
  std::smatch match;
  if (!std::regex_match(text, match, form)) return std::nullopt;
  SplitSlice slice;
  slice.name = match[kName];
  slice.from = bound_of(match[kFrom], where);
  slice.to = bound_of(match[kTo], where);
  slice.percent = match[kFromPercent].matched || match[kToPercent].matched;
  if (slice.percent) check_percent(slice.from, where);
  if (slice.percent) check_percent(slice.to, where);
  if (match[kRounded].matched) check_rounding(slice, match[kRounding], where);
  slice.drop_remainder = match[kRounding] == "pct1_dropremainder";
  return slice;
}

std::vector<std::string> summands_of(const std::string& text) {
  std::vector<std::string> summands{""};
  for (const char c : text) {
    if (c == '+')
      summands.emplace_back();
    else
      summands.back() += c;
  }
  return summands;
}

// `datasets` compares each item with the sum so far, whose rounding is that of the first item.
void check_equal_rounding(const std::vector<SplitSlice>& slices, const std::string& where) {
  for (const SplitSlice& slice : slices)
    if (slices[0].percent && slice.percent && slice.drop_remainder != slices[0].drop_remainder)
      fail_data("{}: found two kinds of rounding in one sum, expected one", where);
}

std::int64_t to_rows(std::int64_t percent, const SplitSlice& slice, std::int64_t rows,
                     const std::string& where) {
  if (!slice.drop_remainder)
    return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(percent * rows) / kPercent));
  if (rows < kMaxPercent) {
    fail_data("{}: found {} rows, expected at least 100 with pct1_dropremainder, which would drop them all",
              where, rows);
  }
  return percent * (rows / kMaxPercent);
}

// `bound` from the start of the split; `absent` without a bound.
std::int64_t place_of_bound(const std::optional<std::int64_t>& bound, std::int64_t absent,
                            const SplitSlice& slice, std::int64_t rows, const std::string& where) {
  if (!bound) return absent;
  const std::int64_t row = slice.percent ? to_rows(*bound, slice, rows, where) : *bound;
  return row < 0 ? std::max<std::int64_t>(rows + row, 0) : std::min(row, rows);
}

}  // namespace

std::optional<std::vector<SplitSlice>> parse_split(const std::string& text, const std::string& where) {
  if (text.size() > kMaxBytes) return std::nullopt;
  std::vector<SplitSlice> slices;
  for (const std::string& summand : summands_of(text)) {
    const std::optional<SplitSlice> slice = parse_slice(summand, where);
    if (!slice) return std::nullopt;
    slices.push_back(*slice);
  }
  check_equal_rounding(slices, where);
  return slices;
}

RowRange rows_of(const SplitSlice& slice, std::int64_t rows, const std::string& where) {
  const std::int64_t begin = place_of_bound(slice.from, 0, slice, rows, where);
  const std::int64_t end = place_of_bound(slice.to, rows, slice, rows, where);
  if (begin > end) fail_data("{}: a slice begins at row {}, after its end at row {}", where, begin, end);
  return {begin, end};
}

}  // namespace armorm::data
