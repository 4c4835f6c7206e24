#include "text/jinja/lexer.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "text/jinja/failure.h"
#include "text/jinja/python_unicode.h"

namespace armorm::text::jinja {
namespace {

// jinja2 recognises \r\n, \r and \n, and drops one newline at the end of the source.
std::string normalize_newlines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text.push_back(source[i]);
    } else {
      text.push_back('\n');
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    }
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

std::size_t rstrip_size(std::string_view text) {
  std::size_t keep = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    at += c.size;
    if (!is_space(c.value)) keep = at;
  }
  return keep;
}

bool is_word(char32_t c) { return c == U'_' || is_alpha(c) || is_numeric(c); }
bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalize_newlines(source)) {}
  std::vector<Token> run();

 private:
  std::string_view rest() const { return std::string_view(source_).substr(at_); }
  bool at(std::string_view text) const { return rest().starts_with(text); }
  void advance(std::size_t count);
  void skip_spaces();
  void push(Token::Kind kind, std::string text = {}) { tokens_.push_back({kind, line_, std::move(text)}); }
  void push_data(std::string_view text, char sign, bool strip_line);
  bool lex_root();
  std::size_t find_opening() const;
  void lex_comment();
  bool lex_raw();
  std::size_t match_raw_begin() const;
  bool match_raw_end(std::size_t begin, std::size_t& end, char& sign) const;
  void close_block(std::size_t tag_size);
  void lex_tag(bool block);
  bool lex_tag_end(bool block);
  void lex_number();
  std::size_t number_size(bool& real) const;
  void lex_name();
  void lex_string();
  void lex_symbol();

  std::string source_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::string brackets_;
  std::vector<Token> tokens_;
};

void Lexer::advance(std::size_t count) {
  line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                       source_.begin() + static_cast<std::ptrdiff_t>(at_ + count), '\n'));
  at_ += count;
  if (count > 0) line_starting_ = source_[at_ - 1] == '\n';
}

void Lexer::skip_spaces() {
  while (at_ < source_.size()) {
    const CodePoint c = code_point_at(source_, at_);
    if (!is_space(c.value)) return;
    advance(c.size);
  }
}

// Text before a tag: "-" strips all white space before the tag; otherwise blanks between the start of the
// line and a block or comment are dropped, unless "+" keeps them.
void Lexer::push_data(std::string_view text, char sign, bool strip_line) {
  std::string_view kept = text;
  if (sign == '-') {
    kept = text.substr(0, rstrip_size(text));
  } else if (sign != '+' && strip_line) {
    const std::size_t newline = text.rfind('\n');
    const std::size_t line_begin = newline == std::string_view::npos ? 0 : newline + 1;
    if ((line_begin > 0 || line_starting_) && rstrip_size(text.substr(line_begin)) == 0) {
      kept = text.substr(0, line_begin);
    }
  }
  if (!kept.empty()) push(Token::Kind::data, std::string(kept));
}

std::size_t Lexer::find_opening() const {
  for (std::size_t i = source_.find('{', at_); i != std::string::npos; i = source_.find('{', i + 1)) {
    if (i + 1 < source_.size() && (source_[i + 1] == '{' || source_[i + 1] == '%' || source_[i + 1] == '#'))
      return i;
  }
  return std::string::npos;
}

// Consumes text up to and including the next tag; false at the end.
bool Lexer::lex_root() {
  const std::size_t begin = find_opening();
  if (begin == std::string::npos) {
    if (at_ < source_.size()) push(Token::Kind::data, std::string(rest()));
    return false;
  }
  const char kind = source_[begin + 1];
  const char next = begin + 2 < source_.size() ? source_[begin + 2] : '\0';
  const char sign = next == '-' || next == '+' ? next : '\0';
  push_data(rest().substr(0, begin - at_), sign, kind != '{');
  advance(begin - at_);
  if (kind == '%' && lex_raw()) return true;
  advance(sign == '\0' ? 2 : 3);
  if (kind == '#') {
    lex_comment();
  } else {
    lex_tag(kind == '%');
  }
  return true;
}

// After the closing "%}" or "#}" of `tag_size` bytes: "-" drops all white space, "+" nothing, otherwise one
// newline is dropped.
void Lexer::close_block(std::size_t tag_size) {
  const char sign = source_[at_];
  advance(tag_size);
  if (sign == '-') {
    skip_spaces();
  } else if (sign != '+' && at("\n")) {
    advance(1);
  }
}

void Lexer::lex_comment() {
  const std::size_t end = source_.find("#}", at_);
  if (end == std::string::npos) fail_at(line_, "the comment is not closed");
  const bool has_sign = end > at_ && (source_[end - 1] == '-' || source_[end - 1] == '+');
  advance(end - at_ - (has_sign ? 1 : 0));
  close_block(has_sign ? 3 : 2);
}

// Length in bytes of "{% raw %}" at at_, 0 when there is none.
std::size_t Lexer::match_raw_begin() const {
  std::size_t i = at_ + 2;
  const auto spaces = [&] {
    while (i < source_.size()) {
      const CodePoint c = code_point_at(source_, i);
      if (!is_space(c.value)) return;
      i += c.size;
    }
  };
  if (i < source_.size() && (source_[i] == '-' || source_[i] == '+')) ++i;
  spaces();
  if (source_.compare(i, 3, "raw") != 0) return 0;
  i += 3;
  spaces();
  if (source_.compare(i, 2, "%}") == 0) return i + 2 - at_;
  if (source_.compare(i, 3, "-%}") != 0) return 0;
  i += 3;
  spaces();
  return i - at_;
}

bool Lexer::match_raw_end(std::size_t begin, std::size_t& end, char& sign) const {
  std::size_t i = begin + 2;
  const auto spaces = [&] {
    while (i < source_.size() && is_space(code_point_at(source_, i).value))
      i += code_point_at(source_, i).size;
  };
  sign = i < source_.size() && (source_[i] == '-' || source_[i] == '+') ? source_[i++] : '\0';
  spaces();
  if (source_.compare(i, 6, "endraw") != 0) return false;
  i += 6;
  spaces();
  end = i;
  return source_.compare(i, 2, "%}") == 0 || source_.compare(i, 3, "-%}") == 0 ||
         source_.compare(i, 3, "+%}") == 0;
}

bool Lexer::lex_raw() {
  const std::size_t size = match_raw_begin();
  if (size == 0) return false;
  advance(size);
  for (std::size_t i = source_.find("{%", at_); i != std::string::npos; i = source_.find("{%", i + 1)) {
    std::size_t end = 0;
    char sign = '\0';
    if (!match_raw_end(i, end, sign)) continue;
    push_data(rest().substr(0, i - at_), sign, true);
    advance(end - at_);
    close_block(source_[at_] == '%' ? 2 : 3);
    return true;
  }
  if (at_ == source_.size()) return true;  // jinja2 accepts an empty one without its end
  fail_at(line_, "the raw block is not closed");
}

bool Lexer::lex_tag_end(bool block) {
  if (!brackets_.empty()) return false;
  if (!block) {
    const bool minus = at("-}}");
    if (!minus && !at("}}")) return false;
    push(Token::Kind::output_end);
    advance(minus ? 3 : 2);
    if (minus) skip_spaces();
    return true;
  }
  const bool sign = at("-%}") || at("+%}");
  if (!sign && !at("%}")) return false;
  push(Token::Kind::block_end);
  close_block(sign ? 3 : 2);
  return true;
}

void Lexer::lex_tag(bool block) {
  push(block ? Token::Kind::block_begin : Token::Kind::output_begin);
  const int opened = line_;
  while (!lex_tag_end(block)) {
    if (at_ >= source_.size()) fail_at(opened, "the tag is not closed");
    const CodePoint c = code_point_at(source_, at_);
    if (is_space(c.value)) {
      advance(c.size);
    } else if (is_ascii_digit(source_[at_])) {
      lex_number();
    } else if (is_word(c.value)) {
      lex_name();
    } else if (c.value == U'"' || c.value == U'\'') {
      lex_string();
    } else {
      lex_symbol();
    }
  }
}

// End of the digits from `i`, with single underscores between them.
std::size_t digits_end(std::string_view text, std::size_t i, bool (*is_one)(char)) {
  const auto one = [&](std::size_t k) { return k < text.size() && is_one(text[k]); };
  while (one(i) || (i > 0 && i < text.size() && text[i] == '_' && one(i + 1))) ++i;
  return i;
}

std::size_t Lexer::number_size(bool& real) const {
  const std::string_view text = rest();
  real = false;
  if (text[0] == '0' && text.size() > 2) {
    const char base = static_cast<char>(text[1] | 0x20);
    const auto binary = [](char c) { return c == '0' || c == '1'; };
    const auto octal = [](char c) { return c >= '0' && c <= '7'; };
    const auto hex = [](char c) { return is_ascii_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); };
    const auto is_one = base == 'b' ? +binary : base == 'o' ? +octal : base == 'x' ? +hex : nullptr;
    if (is_one != nullptr && (is_one(text[2]) || text[2] == '_')) return digits_end(text, 2, is_one);
  }
  const auto digit = [](std::size_t i, std::string_view s) { return i < s.size() && is_ascii_digit(s[i]); };
  std::size_t end = digits_end(text, 0, is_ascii_digit);
  const std::size_t whole = end;
  if (at_ > 0 && source_[at_ - 1] == '.') return whole;
  if (end < text.size() && text[end] == '.' && digit(end + 1, text))
    end = digits_end(text, end + 1, is_ascii_digit);
  if (end < text.size() && (text[end] | 0x20) == 'e') {
    const std::size_t sign = end + 1 < text.size() && (text[end + 1] == '+' || text[end + 1] == '-') ? 1 : 0;
    if (digit(end + 1 + sign, text)) end = digits_end(text, end + 1 + sign, is_ascii_digit);
  }
  real = end != whole;
  return end;
}

void Lexer::lex_number() {
  bool real = false;
  std::size_t size = number_size(real);
  std::string digits(rest().substr(0, size));
  std::erase(digits, '_');
  // jinja2's lexer reads "007" as the integers 0, 0 and 7, which its parser refuses.
  if (!real && digits.size() > 1 && digits[0] == '0' && is_ascii_digit(digits[1]) &&
      digits.find_first_not_of('0') != std::string::npos) {
    fail_at(line_, "an integer cannot start with 0");
  }
  push(real ? Token::Kind::real : Token::Kind::integer, std::move(digits));
  advance(size);
}

void Lexer::lex_name() {
  std::size_t end = at_;
  while (end < source_.size() && is_word(code_point_at(source_, end).value))
    end += code_point_at(source_, end).size;
  push(Token::Kind::name, source_.substr(at_, end - at_));
  advance(end - at_);
}

void Lexer::lex_string() {
  const char quote = source_[at_];
  std::size_t end = at_ + 1;
  while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
  if (end >= source_.size()) fail_at(line_, "the string is not closed");
  push(Token::Kind::string, unescape(std::string_view(source_).substr(at_ + 1, end - at_ - 1), line_));
  advance(end + 1 - at_);
}

void Lexer::lex_symbol() {
  static constexpr std::array<std::string_view, 27> kSymbols = {
      "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]",
      "(",  ")",  "{",  "}",  ">",  "<",  "=", ".", ":", "|", ",", ";", ""};
  const auto* const symbol = std::find_if(kSymbols.begin(), kSymbols.end(), [&](auto s) { return at(s); });
  if (symbol->empty()) fail_at(line_, fmt::format("unexpected character '{}'", source_[at_]));
  const char c = symbol->front();
  if (c == '(') brackets_.push_back(')');
  if (c == '[') brackets_.push_back(']');
  if (c == '{') brackets_.push_back('}');
  if (c == ')' || c == ']' || c == '}') {
    if (brackets_.empty()) fail_at(line_, fmt::format("unexpected '{}'", c));
    if (brackets_.back() != c)
      fail_at(line_, fmt::format("unexpected '{}', expected '{}'", c, brackets_.back()));
    brackets_.pop_back();
  }
  push(Token::Kind::symbol, std::string(*symbol));
  advance(symbol->size());
}

std::vector<Token> Lexer::run() {
  while (lex_root()) {
  }
  push(Token::Kind::end);
  return std::move(tokens_);
}

}  // namespace

void fail_at(int line, const std::string& message) {
  throw Failure(fmt::format("line {}: {}", line, message));
}

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace armorm::text::jinja
