#include "text/tokenizer/oniguruma.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "core/utf8.h"
#include "text/tokenizer/unicode16.h"

namespace armorm::text::tokenizer {
namespace {

constexpr int kMaxNesting = 50;
constexpr std::size_t kMaxTranslated = 1 << 20;  // far above what PCRE2 compiles

// White_Space as items of a class; PCRE2's own \s also has U+180E.
constexpr std::string_view kSpaceItems =
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}"
    "\\x{202f}\\x{205f}\\x{3000}";

[[noreturn]] void refuse(std::string_view construct) {
  throw UnknownConstruct(fmt::format("{} has no known equivalent in PCRE2", construct));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// What matches one character: items of a PCRE2 class, and classes that cannot be written as its items.
struct CharSet {
  std::string items;
  std::vector<std::string> others;

  std::string positive() const {
    std::string text = items.empty() ? std::string() : "[" + items + "]";
    if (others.empty()) return text.empty() ? "(?!)" : text;
    for (const std::string& other : others) text += (text.empty() ? "" : "|") + other;
    return "(?:" + text + ")";
  }
  std::string negative() const {
    if (others.empty() && !items.empty()) return "[^" + items + "]";
    return "(?:(?!" + positive() + ")(?s:.))";
  }
};

struct Property {
  std::string_view name;
  std::string (*items)();
};

// Their code points newer than PCRE2's tables come with them.
constexpr Property kProperties[] = {
    {"L", [] { return "\\p{L}" + newer_letters(); }},
    {"N", [] { return "\\p{N}" + newer_numbers(); }},
    {"M", [] { return "\\p{M}" + newer_marks(); }},
    {"Nd", [] { return "\\p{Nd}" + newer_digits(); }},
    {"Lu", [] { return "\\p{Lu}" + newer_in("Lu"); }},
    {"Ll", [] { return "\\p{Ll}" + newer_in("Ll"); }},
    {"Lt", [] { return "\\p{Lt}" + newer_in("Lt"); }},
    {"Lm", [] { return "\\p{Lm}" + newer_in("Lm"); }},
    {"Lo", [] { return "\\p{Lo}" + newer_in("Lo"); }},
    {"S", [] { return "\\p{S}" + newer_in("S"); }},
    {"P", [] { return "\\p{P}" + newer_in("P"); }},
    {"Pc", [] { return std::string("\\p{Pc}"); }},
    {"Z", [] { return std::string("\\p{Z}"); }},
    {"Zs", [] { return std::string("\\p{Zs}"); }},
    {"Cc", [] { return std::string("\\p{Cc}"); }},
    {"Han", [] { return "\\p{Han}" + newer_in("Han"); }},
    {"Hiragana", [] { return "\\p{Hiragana}" + newer_in("Hiragana"); }},
    {"Katakana", [] { return "\\p{Katakana}" + newer_in("Katakana"); }},
    {"Hangul", [] { return std::string("\\p{Hangul}"); }},
    {"Latin", [] { return "\\p{Latin}" + newer_in("Latin"); }},
    {"Cyrillic", [] { return "\\p{Cyrillic}" + newer_in("Cyrillic"); }},
};

std::string alphabetic_items() { return "\\p{Alphabetic}" + newer_letters() + newer_in("Alphabetic marks"); }

// Inside brackets. Outside, Oniguruma takes Latin-1 from another table, which has six more numbers.
std::string word_items() {
  return "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}" + newer_letters() + newer_marks() + newer_digits();
}
std::string bare_word_items() { return word_items() + "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"; }

// The set of \s, \w, \d, \h or a negation of one; nullopt for other escapes.
std::optional<CharSet> class_escape(char c, bool in_brackets) {
  CharSet set;
  switch (c | 0x20) {
    case 's':
      set.items = kSpaceItems;
      break;
    case 'w':
      set.items = in_brackets ? word_items() : bare_word_items();
      break;
    case 'd':
      set.items = "\\p{Nd}" + newer_digits();
      break;
    case 'h':
      set.items = "0-9a-fA-F";
      break;
    default:
      return std::nullopt;
  }
  if (c >= 'a') return set;
  return CharSet{"", {set.negative()}};
}

std::string literal(char32_t c) {
  if (c < 0x80 && is_alnum(static_cast<char>(c))) return std::string(1, static_cast<char>(c));
  return fmt::format("\\x{{{:x}}}", static_cast<unsigned>(c));
}

class Translator {
 public:
  explicit Translator(std::string_view pattern) : p_(pattern) {}

  std::string run() {
    if (p_.starts_with("(?i)")) {
      groups_.back().ignore_case = true;
      out_ = "(?i)";
      at_ = 4;
    }
    while (at_ < p_.size()) {
      const bool repeats = peek() == '*' || peek() == '+' || peek() == '?';
      if (repeats && !repeatable_) throw UnknownConstruct("a repeat follows nothing that can be repeated");
      step();
      if (out_.size() > kMaxTranslated) throw UnknownConstruct("the pattern is too long");
    }
    if (groups_.size() != 1) throw UnknownConstruct("a parenthesis is not closed");
    return out_;
  }

 private:
  enum class GroupKind { plain, look, other };  // plain: (?:
  struct Group {
    GroupKind kind = GroupKind::other;
    bool ignore_case = false;
    bool dot_all = false;
    int items = 0;                 // of the current alternative
    bool has_bare_anchor = false;  // an alternative is an anchor alone
  };

  bool ignore_case() const { return groups_.back().ignore_case; }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < p_.size() ? p_[at_ + ahead] : '\0'; }
  bool starts(std::string_view text) const { return p_.substr(at_).starts_with(text); }

  void step() {
    const char c = p_[at_];
    if (c == '(') return open();
    if (c == ')') return close();
    if (c == '[') {
      ++at_;
      return set(read_class(0));
    }
    if (c == '\\') return escape();
    if (c == '{') return interval();
    if (c == '*' || c == '+' || c == '?') return quantifier();
    ++at_;
    switch (c) {
      case '.':
        return add(groups_.back().dot_all ? "(?s:.)" : "[^\\n]");
      case '^':
      case '$':
        return add(std::string(1, c), false);
      case '|':
        return alternative();
      default:
        --at_;
        return put_literal(next_char());
    }
  }

  void add(const std::string& text, bool repeatable = true) {
    out_ += text;
    last_literal_ = 0;
    repeatable_ = repeatable;
    ++groups_.back().items;
  }
  void set(const CharSet& chars) { add(chars.positive()); }

  // Oniguruma folds letters to several letters; these are the ones that ASCII letters take part in.
  void put_literal(char32_t c) {
    if (ignore_case() && c >= 0x80) refuse("a letter outside ASCII under (?i)");
    const char32_t lower = c < 0x80 && c >= 'A' && c <= 'Z' ? c + 32 : c;
    if (ignore_case()) {
      for (const std::string_view pair : {"ss", "ff", "fi", "fl", "st"})
        if (last_literal_ == static_cast<char32_t>(pair[0]) && lower == static_cast<char32_t>(pair[1]))
          refuse(fmt::format("\"{}\" under (?i), which also matches one letter there,", pair));
    }
    out_ += literal(c);
    last_literal_ = lower;
    repeatable_ = true;
    ++groups_.back().items;
  }

  char32_t next_char() {
    const CodePoint c = decode_utf8(p_, at_);
    at_ += c.size;
    return c.value;
  }

  void quantifier() {
    out_ += p_[at_++];
    last_literal_ = 0;
    if (peek() == '?' || peek() == '+') out_ += p_[at_++];
  }

  void interval() {
    std::size_t i = at_ + 1;
    const auto number = [&]() -> std::optional<int> {
      const std::size_t begin = i;
      while (i < p_.size() && is_digit(p_[i]) && i - begin < 6) ++i;
      if (i == begin) return std::nullopt;
      return std::stoi(std::string(p_.substr(begin, i - begin)));
    };
    const auto low = number();
    const bool comma = i < p_.size() && p_[i] == ',';
    if (comma) ++i;
    const auto high = comma ? number() : low;
    if (i >= p_.size() || p_[i] != '}' || (!low && !high)) return put_brace();
    if (low && high && *low > *high) refuse("a repeat {n,m} with n above m");
    if (!repeatable_) throw UnknownConstruct("a repeat follows nothing that can be repeated");
    at_ = i + 1;
    if (peek() == '+') refuse("{n,m}+");
    if (peek() == '?' && !comma) refuse("{n}?");
    add(comma ? fmt::format("{{{},{}}}", low.value_or(0), high ? std::to_string(*high) : "")
              : fmt::format("{{{}}}", low.value_or(0)));
    if (peek() == '?') out_ += p_[at_++];
  }

  void put_brace() {
    ++at_;
    put_literal('{');
  }

  void open() {
    if (groups_.size() > kMaxNesting) throw UnknownConstruct("groups are nested too deep");
    Group group = groups_.back();
    group.kind = GroupKind::look;
    for (const std::string_view text : {"(?=", "(?!", "(?<=", "(?<!"})
      if (starts(text)) return enter(text, text.size(), group);
    group.kind = GroupKind::plain;
    if (starts("(?:")) return enter("(?:", 3, group);
    group.kind = GroupKind::other;
    if (starts("(?>")) return enter("(?>", 3, group);
    if (starts("(?")) return open_flags(group);
    if (peek(1) == '*') refuse("(*");
    enter("(?:", 1, group);
  }

  void open_flags(Group group) {
    bool on = true;
    std::size_t i = at_ + 2;
    for (; i < p_.size() && p_[i] != ':'; ++i) {
      if (p_[i] == '-') {
        on = false;
      } else if (p_[i] == 'i') {
        group.ignore_case = on;
      } else if (p_[i] == 'm') {
        group.dot_all = on;
      } else {
        refuse(fmt::format("the group {}", p_.substr(at_, i + 1 - at_)));
      }
    }
    if (i >= p_.size()) throw UnknownConstruct("a parenthesis is not closed");
    enter(group.ignore_case ? "(?i:" : "(?-i:", i + 1 - at_, group);
  }

  void enter(std::string_view text, std::size_t size, Group group) {
    out_ += text;
    at_ += size;
    group.has_bare_anchor = false;
    groups_.push_back(group);
    end_alternative();
  }

  // What follows can neither be a repeat nor continue a letter.
  void end_alternative() {
    Group& group = groups_.back();
    group.has_bare_anchor = group.has_bare_anchor || (group.items == 1 && !repeatable_);
    group.items = 0;
    last_literal_ = 0;
    repeatable_ = false;
  }

  void alternative() {
    out_ += '|';
    end_alternative();
  }

  void close() {
    if (groups_.size() == 1) throw UnknownConstruct("a parenthesis is not opened");
    ++at_;
    end_alternative();
    const Group group = groups_.back();
    groups_.pop_back();
    add(")", group.kind == GroupKind::other || (group.kind == GroupKind::plain && !group.has_bare_anchor));
  }

  void escape() {
    const char c = peek(1);
    if (const auto chars = class_escape(c, false)) {
      at_ += 2;
      return set(*chars);
    }
    if (c == 'p' || c == 'P') return set(property(false));
    const std::string word = "[" + bare_word_items() + "]";
    switch (c) {
      case 'A':
      case 'Z':
      case 'z':
        add(std::string(p_.substr(at_, 2)), false);
        break;
      case 'b':
        add(fmt::format("(?:(?<={0})(?!{0})|(?<!{0})(?={0}))", word), false);
        break;
      case 'B':
        add(fmt::format("(?:(?<={0})(?={0})|(?<!{0})(?!{0}))", word), false);
        break;
      case 'N':
        add("[^\\n]");
        break;
      case 'O':
        add("(?s:.)");
        break;
      case 'R':
        add("(?>\\r\\n|[\\n-\\r\\x{85}\\x{2028}\\x{2029}])");
        break;
      default:
        return put_literal(escaped_char());
    }
    at_ += 2;
  }

  // The character of \n, \x{..}, \u...., \. and the like.
  char32_t escaped_char() {
    const char c = peek(1);
    at_ += 2;
    switch (c) {
      case 't':
        return '\t';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 'f':
        return '\f';
      case 'v':
        return '\v';
      case 'a':
        return '\a';
      case 'e':
        return 0x1b;
      case 'x':
        return peek() == '{' ? braced_hex() : hex(2, 0x7f);
      case 'u':
        return hex(4, 0xffff);
      default:
        break;
    }
    if (c == '\0' || is_alnum(c)) refuse(fmt::format("\\{}", c == '\0' ? "" : std::string(1, c)));
    at_ -= 1;
    return next_char();
  }

  char32_t hex(std::size_t digits, char32_t highest) {
    const std::string_view text = p_.substr(at_, digits);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (text.size() != digits || error != std::errc() || end != text.data() + digits || value > highest ||
        (value >= 0xd800 && value < 0xe000))
      refuse(fmt::format("the escape before \"{}\"", text));
    at_ += digits;
    return value;
  }

  char32_t braced_hex() {
    const std::size_t close = p_.find('}', at_);
    if (close == std::string_view::npos || close == at_ + 1 || close - at_ > 9) refuse("\\x{");
    ++at_;
    const char32_t value = hex(close - at_, 0x10ffff);
    ++at_;
    return value;
  }

  CharSet property(bool in_brackets) {
    const bool capital = peek(1) == 'P';
    if (peek(2) != '{') refuse(fmt::format("\\{} without braces", peek(1)));
    const std::size_t close = p_.find('}', at_);
    if (close == std::string_view::npos) throw UnknownConstruct("the name of a property is not closed");
    const std::string_view spelled = p_.substr(at_, close + 1 - at_);
    std::string_view name = p_.substr(at_ + 3, close - at_ - 3);
    const bool caret = name.starts_with('^');
    if (caret) name.remove_prefix(1);
    const auto* found = std::find_if(std::begin(kProperties), std::end(kProperties),
                                     [&](const Property& property) { return property.name == name; });
    if (found == std::end(kProperties)) refuse(spelled);
    const bool negated = capital != caret;
    if (ignore_case() && (name == "Lu" || name == "Ll" || name == "Lt" || (in_brackets && negated)))
      refuse(fmt::format("{} under (?i)", spelled));
    at_ = close + 1;
    CharSet chars{found->items(), {}};
    if (ignore_case() && in_brackets) chars.items += other_case(name);
    if (!negated) return chars;
    return {"", {chars.negative()}};
  }

  // U+0345 is a mark whose other cases are letters. Oniguruma folds properties only in brackets.
  static std::string_view other_case(std::string_view property) {
    if (property == "L") return "\\x{345}";
    return property == "M" ? "\\x{399}\\x{3b9}\\x{1fbe}" : "";
  }

  // [:name:] at the place; nullopt if there is none.
  std::optional<CharSet> posix() {
    if (!starts("[:")) return std::nullopt;
    const std::size_t close = p_.find(":]", at_);
    if (close == std::string_view::npos) refuse("[: in a character class");
    const std::string_view spelled = p_.substr(at_, close + 2 - at_);
    std::string_view name = p_.substr(at_ + 2, close - at_ - 2);
    const bool negated = name.starts_with('^');
    if (negated) name.remove_prefix(1);
    std::string items;
    if (name == "alpha") items = alphabetic_items();
    if (name == "alnum") items = alphabetic_items() + "\\p{Nd}" + newer_digits();
    if (name == "space") items = kSpaceItems;
    if (name == "digit") items = "\\p{Nd}" + newer_digits();
    if (name == "word") items = word_items();
    if (name == "xdigit") items = "0-9a-fA-F";
    if (name == "ascii") items = "\\x{0}-\\x{7f}";
    if (items.empty()) refuse(spelled);
    at_ = close + 2;
    CharSet chars{items, {}};
    if (!negated) return chars;
    return CharSet{"", {chars.negative()}};
  }

  // From behind the opening bracket to behind the closing one.
  CharSet read_class(int depth) {
    if (depth > kMaxNesting) throw UnknownConstruct("character classes are nested too deep");
    const bool negated = peek() == '^';
    if (negated) ++at_;
    if (peek() == ']') refuse("] at the start of a character class");
    std::optional<CharSet> left;
    CharSet chars;
    while (peek() != ']') {
      if (at_ >= p_.size()) throw UnknownConstruct("a character class is not closed");
      if (starts("&&")) {
        at_ += 2;
        left = intersect(left, chars);
        chars = {};
      } else {
        read_item(chars, depth);
      }
    }
    ++at_;
    if (ignore_case() && (left || (negated && depth > 0)))
      refuse("a nested [^ or && in a character class under (?i)");
    chars = intersect(left, chars);
    if (!negated) return chars;
    return {"", {chars.negative()}};
  }

  static CharSet intersect(const std::optional<CharSet>& left, const CharSet& right) {
    if (!left) return right;
    return {"", {"(?:(?=" + left->positive() + ")" + right.positive() + ")"}};
  }

  void read_item(CharSet& chars, int depth) {
    if (auto named = posix()) return merge(chars, *named);
    if (peek() == '[') {
      ++at_;
      return merge(chars, read_class(depth + 1));
    }
    if (peek() == '\\') {
      if (const auto known = class_escape(peek(1), true)) {
        at_ += 2;
        merge(chars, *known);
        return check_no_range();
      }
      if (peek(1) == 'p' || peek(1) == 'P') {
        merge(chars, property(true));
        return check_no_range();
      }
    }
    read_range(chars);
  }

  void check_no_range() const {
    if (peek() == '-' && peek(1) != ']') refuse("- behind a set of characters");
  }

  void read_range(CharSet& chars) {
    const char32_t first = class_char();
    if (peek() != '-' || peek(1) == ']' || starts("-&&")) {
      chars.items += literal(first);
      return;
    }
    ++at_;
    if (peek() == '[' ||
        (peek() == '\\' && (class_escape(peek(1), true) || peek(1) == 'p' || peek(1) == 'P')))
      refuse("a range that ends in a character class");
    const char32_t last = class_char();
    if (first > last) throw UnknownConstruct("a range of characters is empty");
    chars.items += literal(first) + "-" + literal(last);
    check_no_range();
  }

  char32_t class_char() {
    char32_t c = 0;
    if (peek() != '\\') {
      c = next_char();
    } else if (peek(1) == 'b') {
      at_ += 2;
      c = '\b';
    } else {
      c = escaped_char();
    }
    if (ignore_case() && c >= 0x80) refuse("a letter outside ASCII under (?i)");
    return c;
  }

  static void merge(CharSet& chars, const CharSet& more) {
    chars.items += more.items;
    chars.others.insert(chars.others.end(), more.others.begin(), more.others.end());
  }

  std::string_view p_;
  std::size_t at_ = 0;
  std::string out_;
  bool repeatable_ = false;
  char32_t last_literal_ = 0;     // in small letters; 0 after anything else
  std::vector<Group> groups_{1};  // the open ones; the first is the pattern itself
};

}  // namespace

std::string to_pcre2(std::string_view pattern) { return Translator(pattern).run(); }

}  // namespace armorm::text::tokenizer
