// Converts template source to tokens, with jinja2's whitespace control (trim_blocks and lstrip_blocks on).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace armorm::text::jinja {

struct Token {
  enum class Kind {
    data,
    output_begin,
    output_end,
    block_begin,
    block_end,
    name,
    string,
    integer,
    real,
    symbol,
    end
  };
  Kind kind = Kind::end;
  int line = 1;
  std::string text;  // data: the text; string: unescaped; else as written

  bool is_symbol(std::string_view symbol) const { return kind == Kind::symbol && text == symbol; }
  bool is_name(std::string_view name) const { return kind == Kind::name && text == name; }
};

// Reports a template error at a line of its source.
[[noreturn]] void fail_at(int line, const std::string& message);

// The last token is `end`.
std::vector<Token> tokenize(std::string_view source);

// Value of a string literal, without its quotes.
std::string unescape(std::string_view literal, int line);

}  // namespace armorm::text::jinja
