#include "text/jinja/python_unicode.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>

namespace armorm::text::jinja {
namespace {

struct CaseRange {
  std::int32_t begin;
  std::int32_t end;
  std::int32_t step;
  std::int32_t delta;
};
struct CaseSpecial {
  std::int32_t from;
  std::int32_t to[3];
};
struct CodeRange {
  std::int32_t begin;
  std::int32_t end;
};

#include "text/jinja/python_unicode_tables.inc"

bool in_ranges(std::span<const CodeRange> table, char32_t c) {
  const auto value = static_cast<std::int32_t>(c);
  const auto found = std::lower_bound(table.begin(), table.end(), value,
                                      [](const CodeRange& range, std::int32_t v) { return range.end < v; });
  return found != table.end() && found->begin <= value;
}

std::u32string map_case(std::span<const CaseRange> simple, std::span<const CaseSpecial> special, char32_t c) {
  const auto value = static_cast<std::int32_t>(c);
  const auto row = std::lower_bound(simple.begin(), simple.end(), value,
                                    [](const CaseRange& range, std::int32_t v) { return range.end < v; });
  if (row != simple.end() && row->begin <= value && (value - row->begin) % row->step == 0) {
    return {static_cast<char32_t>(value + row->delta)};
  }
  const auto found =
      std::lower_bound(special.begin(), special.end(), value,
                       [](const CaseSpecial& entry, std::int32_t v) { return entry.from < v; });
  if (found == special.end() || found->from != value) return {c};
  std::u32string mapped;
  for (const std::int32_t to : found->to) {
    if (to != 0) mapped.push_back(static_cast<char32_t>(to));
  }
  return mapped;
}

}  // namespace

CodePoint code_point_at(std::string_view text, std::size_t position) {
  const auto lead = static_cast<unsigned char>(text[position]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  constexpr char32_t kReplacement = 0xFFFD;
  if (lead < 0xC2 || lead > 0xF4 || position + size > text.size()) return {kReplacement, 1};
  char32_t value = lead & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if (!is_utf8_continuation(text[position + i])) return {kReplacement, 1};
    value = (value << 6U) | (static_cast<unsigned char>(text[position + i]) & 0x3FU);
  }
  return {value, size};
}

std::size_t count_code_points(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); at += code_point_at(text, at).size) ++count;
  return count;
}

bool is_space(char32_t c) { return is_white_space(c) || (c >= 0x1C && c <= 0x1F); }

bool is_alpha(char32_t c) { return in_ranges(kIsAlpha, c); }
bool is_decimal(char32_t c) { return in_ranges(kIsDecimal, c); }
bool is_digit(char32_t c) { return in_ranges(kIsDigit, c); }
bool is_numeric(char32_t c) { return in_ranges(kIsNumeric, c); }
bool is_upper(char32_t c) { return in_ranges(kIsUpper, c); }
bool is_lower(char32_t c) { return in_ranges(kIsLower, c); }
bool is_title(char32_t c) { return in_ranges(kIsTitle, c); }
bool is_printable(char32_t c) { return in_ranges(kIsPrintable, c); }
bool is_case_ignorable(char32_t c) { return in_ranges(kIsIgnorable, c); }

std::u32string to_upper(char32_t c) { return map_case(kUpper, kUpperSpecial, c); }
std::u32string to_lower(char32_t c) { return map_case(kLower, kLowerSpecial, c); }
std::u32string to_title(char32_t c) { return map_case(kTitle, kTitleSpecial, c); }

}  // namespace armorm::text::jinja
