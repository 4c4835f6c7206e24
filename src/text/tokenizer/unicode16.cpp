#include "text/tokenizer/unicode16.h"

#include <fmt/core.h>
#include <utf8proc.h>

#include <algorithm>
#include <map>
#include <span>
#include <vector>

namespace armorm::text::tokenizer {
namespace {

struct CodeRange {
  char32_t first, last;
};

// Assigned in Unicode 15, 15.1 or 16.
constexpr CodeRange kNewerLetters[] = {
    {0x1c89, 0x1c8a},   {0xa7cb, 0xa7cd},   {0xa7da, 0xa7dc},   {0x105c0, 0x105f3}, {0x10d4a, 0x10d65},
    {0x10d6f, 0x10d85}, {0x10ec2, 0x10ec4}, {0x1123f, 0x11240}, {0x11380, 0x11389}, {0x1138b, 0x1138b},
    {0x1138e, 0x1138e}, {0x11390, 0x113b5}, {0x113b7, 0x113b7}, {0x113d1, 0x113d1}, {0x113d3, 0x113d3},
    {0x11bc0, 0x11be0}, {0x11f02, 0x11f02}, {0x11f04, 0x11f10}, {0x11f12, 0x11f33}, {0x1342f, 0x1342f},
    {0x13441, 0x13446}, {0x13460, 0x143fa}, {0x16100, 0x1611d}, {0x16d40, 0x16d6c}, {0x18cff, 0x18cff},
    {0x1b132, 0x1b132}, {0x1b155, 0x1b155}, {0x1df25, 0x1df2a}, {0x1e030, 0x1e06d}, {0x1e4d0, 0x1e4eb},
    {0x1e5d0, 0x1e5ed}, {0x1e5f0, 0x1e5f0}, {0x2b739, 0x2b739}, {0x2ebf0, 0x2ee5d}, {0x31350, 0x323af},
};
constexpr CodeRange kNewerDigits[] = {
    {0x10d40, 0x10d49}, {0x116d0, 0x116e3}, {0x11bf0, 0x11bf9}, {0x11f50, 0x11f59}, {0x16130, 0x16139},
    {0x16d70, 0x16d79}, {0x1ccf0, 0x1ccf9}, {0x1e4f0, 0x1e4f9}, {0x1e5f1, 0x1e5fa},
};
constexpr CodeRange kNewerOtherNumbers[] = {{0x1d2c0, 0x1d2d3}};
constexpr CodeRange kNewerMarks[] = {
    {0x897, 0x897},     {0xcf3, 0xcf3},     {0xece, 0xece},     {0x10d69, 0x10d6d}, {0x10efc, 0x10eff},
    {0x11241, 0x11241}, {0x113b8, 0x113c0}, {0x113c2, 0x113c2}, {0x113c5, 0x113c5}, {0x113c7, 0x113ca},
    {0x113cc, 0x113d0}, {0x113d2, 0x113d2}, {0x113e1, 0x113e2}, {0x11f00, 0x11f01}, {0x11f03, 0x11f03},
    {0x11f34, 0x11f3a}, {0x11f3e, 0x11f42}, {0x11f5a, 0x11f5a}, {0x13440, 0x13440}, {0x13447, 0x13455},
    {0x1611e, 0x1612f}, {0x1e08f, 0x1e08f}, {0x1e4ec, 0x1e4ef}, {0x1e5ee, 0x1e5ef},
};

// Marks and compatibility characters missing in the normalization tables of `tokenizers`.
constexpr CodeRange kInert[] = {
    {0x7fd, 0x7fd},     {0x898, 0x89f},     {0x8ca, 0x8d3},     {0x9fe, 0x9fe},     {0xc3c, 0xc3c},
    {0xd3b, 0xd3c},     {0xeba, 0xeba},     {0x1715, 0x1715},   {0x1abf, 0x1ace},   {0x1df6, 0x1dfa},
    {0x32ff, 0x32ff},   {0xa7f2, 0xa7f4},   {0xa82c, 0xa82c},   {0xab69, 0xab69},   {0x10781, 0x10785},
    {0x10787, 0x107b0}, {0x107b2, 0x107ba}, {0x10d24, 0x10d27}, {0x10eab, 0x10eac}, {0x10efd, 0x10eff},
    {0x10f46, 0x10f50}, {0x10f82, 0x10f85}, {0x11070, 0x11070}, {0x1133b, 0x1133b}, {0x1145e, 0x1145e},
    {0x11839, 0x1183a}, {0x11930, 0x11930}, {0x11935, 0x11935}, {0x11938, 0x11938}, {0x1193d, 0x1193e},
    {0x11943, 0x11943}, {0x119e0, 0x119e0}, {0x11a34, 0x11a34}, {0x11a47, 0x11a47}, {0x11a99, 0x11a99},
    {0x11d42, 0x11d42}, {0x11d44, 0x11d45}, {0x11d97, 0x11d97}, {0x11f41, 0x11f42}, {0x16ff0, 0x16ff1},
    {0x1e030, 0x1e06d}, {0x1e08f, 0x1e08f}, {0x1e130, 0x1e136}, {0x1e2ae, 0x1e2ae}, {0x1e2ec, 0x1e2ef},
    {0x1e4ec, 0x1e4ef}, {0x1f16c, 0x1f16c}, {0x1fbf0, 0x1fbf9},
};

// Assigned after Unicode 14, by property.
const std::map<std::string_view, std::vector<CodeRange>>& newer_by_property() {
  static const std::map<std::string_view, std::vector<CodeRange>> table{
      {"Alphabetic marks",
       {{0x897, 0x897},
        {0xcf3, 0xcf3},
        {0x10d69, 0x10d69},
        {0x10efc, 0x10efc},
        {0x11241, 0x11241},
        {0x113b8, 0x113c0},
        {0x113c2, 0x113c2},
        {0x113c5, 0x113c5},
        {0x113c7, 0x113ca},
        {0x113cc, 0x113cd},
        {0x11f00, 0x11f01},
        {0x11f03, 0x11f03},
        {0x11f34, 0x11f3a},
        {0x11f3e, 0x11f40},
        {0x1611e, 0x1612e},
        {0x1e08f, 0x1e08f}}},
      {"Lu", {{0x1c89, 0x1c89}, {0xa7cb, 0xa7cc}, {0xa7da, 0xa7da}, {0xa7dc, 0xa7dc}, {0x10d50, 0x10d65}}},
      {"Ll", {{0x1c8a, 0x1c8a}, {0xa7cd, 0xa7cd}, {0xa7db, 0xa7db}, {0x10d70, 0x10d85}, {0x1df25, 0x1df2a}}},
      {"Lm",
       {{0x10d4e, 0x10d4e},
        {0x10d6f, 0x10d6f},
        {0x16d40, 0x16d42},
        {0x16d6b, 0x16d6c},
        {0x1e030, 0x1e06d},
        {0x1e4eb, 0x1e4eb}}},
      {"Lo",
       {{0x105c0, 0x105f3}, {0x10d4a, 0x10d4d}, {0x10d4f, 0x10d4f}, {0x10ec2, 0x10ec4}, {0x1123f, 0x11240},
        {0x11380, 0x11389}, {0x1138b, 0x1138b}, {0x1138e, 0x1138e}, {0x11390, 0x113b5}, {0x113b7, 0x113b7},
        {0x113d1, 0x113d1}, {0x113d3, 0x113d3}, {0x11bc0, 0x11be0}, {0x11f02, 0x11f02}, {0x11f04, 0x11f10},
        {0x11f12, 0x11f33}, {0x1342f, 0x1342f}, {0x13441, 0x13446}, {0x13460, 0x143fa}, {0x16100, 0x1611d},
        {0x16d43, 0x16d6a}, {0x18cff, 0x18cff}, {0x1b132, 0x1b132}, {0x1b155, 0x1b155}, {0x1e4d0, 0x1e4ea},
        {0x1e5d0, 0x1e5ed}, {0x1e5f0, 0x1e5f0}, {0x2b739, 0x2b739}, {0x2ebf0, 0x2ee5d}, {0x31350, 0x323af}}},
      {"S",
       {{0x2427, 0x2429},   {0x2ffc, 0x2fff},   {0x31e4, 0x31e5},   {0x31ef, 0x31ef},   {0x10d8e, 0x10d8f},
        {0x1cc00, 0x1ccef}, {0x1cd00, 0x1ceb3}, {0x1f6dc, 0x1f6dc}, {0x1f774, 0x1f776}, {0x1f77b, 0x1f77f},
        {0x1f7d9, 0x1f7d9}, {0x1f8b2, 0x1f8bb}, {0x1f8c0, 0x1f8c1}, {0x1fa75, 0x1fa77}, {0x1fa87, 0x1fa89},
        {0x1fa8f, 0x1fa8f}, {0x1faad, 0x1faaf}, {0x1fabb, 0x1fabf}, {0x1fac6, 0x1fac6}, {0x1face, 0x1facf},
        {0x1fada, 0x1fadc}, {0x1fadf, 0x1fadf}, {0x1fae8, 0x1fae9}, {0x1faf7, 0x1faf8}, {0x1fbcb, 0x1fbef}}},
      {"P",
       {{0x1b4e, 0x1b4f},
        {0x1b7f, 0x1b7f},
        {0x10d6e, 0x10d6e},
        {0x113d4, 0x113d5},
        {0x113d7, 0x113d8},
        {0x11b00, 0x11b09},
        {0x11be1, 0x11be1},
        {0x11f43, 0x11f4f},
        {0x16d6d, 0x16d6f},
        {0x1e5ff, 0x1e5ff}}},
      {"Han", {{0x2b739, 0x2b739}, {0x2ebf0, 0x2ee5d}, {0x31350, 0x323af}}},
      {"Hiragana", {{0x1b132, 0x1b132}}},
      {"Katakana", {{0x1b155, 0x1b155}}},
      {"Latin", {{0xa7cb, 0xa7cd}, {0xa7da, 0xa7dc}, {0x1df25, 0x1df2a}}},
      {"Cyrillic", {{0x1c89, 0x1c8a}, {0x1e030, 0x1e06d}, {0x1e08f, 0x1e08f}}},
  };
  return table;
}

bool contains(std::span<const CodeRange> ranges, char32_t c) {
  const auto after =
      std::upper_bound(ranges.begin(), ranges.end(), c,
                       [](char32_t value, const CodeRange& range) { return value < range.first; });
  return after != ranges.begin() && c <= std::prev(after)->last;
}

std::string class_items(std::span<const CodeRange> ranges) {
  std::string items;
  for (const CodeRange& r : ranges) {
    items +=
        fmt::format("\\x{{{:x}}}-\\x{{{:x}}}", static_cast<unsigned>(r.first), static_cast<unsigned>(r.last));
  }
  return items;
}

CharClass classify(char32_t c) {
  if (is_white_space(c)) return CharClass::space;
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) return CharClass::letter;
  if (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO) return CharClass::number;
  if (contains(kNewerLetters, c)) return CharClass::letter;
  if (contains(kNewerDigits, c) || contains(kNewerOtherNumbers, c)) return CharClass::number;
  return CharClass::other;
}

}  // namespace

CharTable::CharTable() {
  std::map<std::string, std::uint16_t> known;
  for (std::size_t page = 0; page < 0x1100; ++page) {
    std::string block(256, '\0');
    for (std::size_t i = 0; i < 256; ++i) {
      block[i] = static_cast<char>(classify(static_cast<char32_t>(page * 256 + i)));
    }
    const auto [at, fresh] = known.emplace(block, static_cast<std::uint16_t>(known.size()));
    if (fresh) blocks_ += block;
    index_[page] = at->second;
  }
}

const CharTable& CharTable::instance() {
  static const CharTable table;
  return table;
}

bool is_nonspacing_mark(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_MN;
}

bool is_word_char(char32_t c) {
  if (c == 0x200c || c == 0x200d) return true;
  if (contains(kNewerLetters, c) || contains(kNewerMarks, c) || contains(kNewerDigits, c)) return true;
  // Alphabetic symbols: circled and squared letters.
  if ((c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) || (c >= 0x1f150 && c <= 0x1f169) ||
      (c >= 0x1f170 && c <= 0x1f189)) {
    return true;
  }
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return false;
  }
}

void append_lowercase(std::string& out, char32_t c) {
  if (c == 0x130) {
    out += "i\xcc\x87";
    return;
  }
  if (c >= 0x10d50 && c <= 0x10d65) return append_utf8(out, c + 0x20);
  if (c >= 0x16ea0 && c <= 0x16eb8) return append_utf8(out, c + 0x1b);
  switch (c) {
    case 0xa7cb:
      return append_utf8(out, 0x264);
    case 0xa7dc:
      return append_utf8(out, 0x19b);
    case 0x1c89:
    case 0xa7cc:
    case 0xa7ce:
    case 0xa7d2:
    case 0xa7d4:
    case 0xa7da:
      return append_utf8(out, c + 1);
    default:
      append_utf8(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
  }
}

bool is_inert_in_normalization(char32_t c) { return contains(kInert, c); }

const std::string& newer_letters() {
  static const std::string items = class_items(kNewerLetters);
  return items;
}
const std::string& newer_numbers() {
  static const std::string items = newer_digits() + class_items(kNewerOtherNumbers);
  return items;
}
const std::string& newer_digits() {
  static const std::string items = class_items(kNewerDigits);
  return items;
}
std::string newer_in(std::string_view property) {
  const auto found = newer_by_property().find(property);
  return found == newer_by_property().end() ? std::string() : class_items(found->second);
}
const std::string& newer_marks() {
  static const std::string items = class_items(kNewerMarks);
  return items;
}

}  // namespace armorm::text::tokenizer
