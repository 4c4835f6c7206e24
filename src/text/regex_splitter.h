// Splits text with a regular expression of a tokenizer.json, through PCRE2 with Unicode properties.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace armorm {

// Const members are thread-safe.
class RegexSplitter {
 public:
  // data error naming `origin` when PCRE2 does not accept the pattern.
  RegexSplitter(const std::string& pattern, const std::string& origin);
  ~RegexSplitter();
  RegexSplitter(RegexSplitter&&) noexcept;

  // Every match and every stretch between matches, in order (the behaviour "Isolated"). `text` is valid UTF-8.
  void split(std::string_view text, const std::function<void(std::string_view)>& piece) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The pattern with \s spelled out as Unicode's White_Space: PCRE2's own \s holds one character more (U+180E).
std::string with_unicode_whitespace(const std::string& pattern);

}  // namespace armorm
