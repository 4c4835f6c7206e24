// Added tokens of a tokenizer.json: strings that are found in the text before anything else is done with it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "armorm/text/rendered_text.h"
#include "armorm/text/tokenizer.h"

namespace armorm {

struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool single_word = false;
  bool lstrip = false;
  bool rstrip = false;
  bool special = false;
};

class AddedTokenMatcher {
 public:
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens);

  // Calls text(piece) and token(id) in order: leftmost, longest matches, none of which has a byte in `data`.
  void split(std::string_view text, const std::vector<RenderedText::Range>& data,
             const std::function<void(std::string_view)>& on_text, const std::function<void(TokenId)>& on_token) const;
  // Whether a special token's string has a byte in one of the ranges.
  bool reaches_into(std::string_view text, const std::vector<RenderedText::Range>& data) const;

  const std::vector<AddedToken>& tokens() const noexcept { return tokens_; }

 private:
  const AddedToken* longest_at(std::string_view text, std::size_t at, bool special_only) const;
  std::vector<AddedToken> tokens_;                     // longest content first
  std::vector<std::vector<std::size_t>> by_first_byte_;  // [256]
};

}  // namespace armorm
