// The patterns of tokenizer.json through PCRE2 (JIT, UTF, Unicode properties at the version of unicode16.h).
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer/json_view.h"

namespace armorm::text::tokenizer {

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

class Regex {
 public:
  // A pattern in Oniguruma's syntax. The data error for one that does not compile or has no equivalent names
  // `where`.
  Regex(const std::string& pattern, const JsonView& where);
  // For patterns of the program itself: internal error when the pattern does not compile.
  explicit Regex(const std::string& pattern);

  // All matches, leftmost first, not overlapping. `text` must be valid UTF-8.
  std::vector<Span> find_all(std::string_view text) const;

  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

 private:
  struct Code;
  std::unique_ptr<Code> code_;
};

}  // namespace armorm::text::tokenizer
