// Hand-written scanners that cut exactly where three well-known patterns match. Every character is a letter,
// a number, White_Space or other, so the class of one or two characters determines the first matching
// alternative; the patterns cover every text without gaps.
#pragma once

#include <string_view>

#include "text/tokenizer/unicode16.h"

namespace armorm::text::tokenizer {

inline constexpr std::string_view kLlama3Pattern =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
    "\\s+(?!\\S)|\\s+";
inline constexpr std::string_view kQwen2Pattern =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|"
    "\\s+(?!\\S)|\\s+";
inline constexpr std::string_view kGpt2Pattern =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

class FastScanner {
 public:
  enum class Kind { llama3, qwen2, gpt2 };
  FastScanner(Kind kind, std::string_view text)
      : table_(CharTable::instance()), text_(text), kind_(kind), max_digits_(kind == Kind::llama3 ? 3 : 1) {}

  // End of the match that begins at `at` < text.size().
  std::size_t next(std::size_t at) const { return kind_ == Kind::gpt2 ? next_gpt2(at) : next_llama(at); }

 private:
  struct Char {
    CharClass cls;
    std::size_t end;
  };
  Char look(std::size_t at) const {
    const CodePoint c = decode_utf8(text_, at);
    return {table_.of(c.value), at + c.size};
  }
  bool is(std::size_t at, CharClass cls) const { return at < text_.size() && look(at).cls == cls; }
  std::size_t skip(std::size_t at, CharClass cls) const {
    while (at < text_.size()) {
      const Char c = look(at);
      if (c.cls != cls) break;
      at = c.end;
    }
    return at;
  }
  static bool is_newline(char c) { return c == '\r' || c == '\n'; }

  // 's 't 're 've 'm 'll 'd after the apostrophe at `at`; `at` itself when there is none. With any_case, 's'
  // also matches U+017F, the long s.
  std::size_t contraction(std::size_t at, bool any_case) const {
    const auto letter = [&](std::size_t k) {
      if (at + k >= text_.size()) return '\0';
      const char c = text_[at + k];
      return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    };
    switch (letter(1)) {
      case 's':
      case 't':
      case 'm':
      case 'd':
        return at + 2;
      case 'r':
      case 'v':
        return letter(2) == 'e' ? at + 3 : at;
      case 'l':
        return letter(2) == 'l' ? at + 3 : at;
      default:
        return any_case && text_.substr(at + 1, 2) == "\xc5\xbf" ? at + 3 : at;
    }
  }

  // \s+(?!\S)|\s+ on the run of White_Space [at, end).
  std::size_t space_run(std::size_t at, std::size_t end) const {
    if (end == text_.size()) return end;
    const std::size_t last = previous_char(text_, end);
    return last > at ? last : end;
  }

  std::size_t next_llama(std::size_t at) const {
    const Char first = look(at);
    const char c = text_[at];
    if (first.cls == CharClass::letter) return skip(first.end, CharClass::letter);
    if (c == '\'') {
      const std::size_t end = contraction(at, true);
      if (end != at) return end;
    }
    if (first.cls == CharClass::number) return digits(first.end);
    if (!is_newline(c) && is(first.end, CharClass::letter)) return skip(first.end, CharClass::letter);
    if (first.cls == CharClass::other) return others(first.end);
    if (c == ' ' && is(first.end, CharClass::other)) return others(first.end);
    const std::size_t end = skip(first.end, CharClass::space);
    for (std::size_t i = end; i > at; --i) {
      if (is_newline(text_[i - 1])) return i;
    }
    return space_run(at, end);
  }
  std::size_t digits(std::size_t at) const {
    for (int count = 1; count < max_digits_ && is(at, CharClass::number); ++count) at = look(at).end;
    return at;
  }
  std::size_t others(std::size_t at) const {
    at = skip(at, CharClass::other);
    while (at < text_.size() && is_newline(text_[at])) ++at;
    return at;
  }

  std::size_t next_gpt2(std::size_t at) const {
    const Char first = look(at);
    if (text_[at] == '\'') {
      const std::size_t end = contraction(at, false);
      if (end != at) return end;
    }
    if (first.cls != CharClass::space) return skip(first.end, first.cls);
    if (text_[at] == ' ' && first.end < text_.size()) {
      const Char second = look(first.end);
      if (second.cls != CharClass::space) return skip(second.end, second.cls);
    }
    return space_run(at, skip(first.end, CharClass::space));
  }

  const CharTable& table_;
  std::string_view text_;
  Kind kind_;
  int max_digits_;
};

}  // namespace armorm::text::tokenizer
