// The regular expressions of tokenizer.json are those of Oniguruma (its own syntax, UTF-8); this program runs
// PCRE2, where the same text often means something else. https://github.com/kkos/oniguruma/blob/master/doc/RE
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace armorm::text::tokenizer {

// A construct that is not valid in Oniguruma, or for which no equal pattern of PCRE2 is known.
class UnknownConstruct : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A pattern for PCRE2 with PCRE2_UTF, PCRE2_UCP, PCRE2_MULTILINE and a line feed as the newline that has the
// matches of `pattern` in Oniguruma. Throws UnknownConstruct, which names the construct.
std::string to_pcre2(std::string_view pattern);

}  // namespace armorm::text::tokenizer
