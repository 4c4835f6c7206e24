// The added tokens of tokenizer.json: their ids, and their occurrences in a text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "text/tokenizer/bpe_model.h"
#include "text/tokenizer/normalizer.h"
#include "text/tokenizer/regex.h"

namespace armorm::text::tokenizer {

struct AddedToken {
  std::string content;
  std::string shown;  // result of id_to_token: the content, normalized if the token is
  std::int32_t id = -1;
  bool single_word = false;
  bool lstrip = false;
  bool rstrip = false;
  bool normalized = false;
  bool special = false;
  bool restricted = false;  // data cannot produce it: special, or named by restrict()
};

// Finds which strings of a set begin at a position.
class TokenTrie {
 public:
  // walk() reports `index`; among equal patterns the first wins, empty ones never match.
  void add(std::string_view pattern, std::int32_t index);
  bool empty() const { return nodes_.size() == 1; }
  struct Hit {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::int32_t index = -1;  // -1: no match
  };
  // Calls sink(end, index) for every pattern that begins at `at`.
  template <class Sink>
  void walk(std::string_view text, std::size_t at, std::size_t end, Sink&& sink) const {
    if (at >= end || !first_[static_cast<unsigned char>(text[at])]) return;
    std::size_t node = 0;
    for (std::size_t i = at; i < end; ++i) {
      node = child(node, static_cast<unsigned char>(text[i]));
      if (node == 0) return;
      if (nodes_[node].index >= 0) sink(i + 1, nodes_[node].index);
    }
  }

 private:
  struct Node {
    std::int32_t index = -1;
    std::vector<std::pair<unsigned char, std::uint32_t>> children;
  };
  std::size_t child(std::size_t node, unsigned char byte) const;
  std::vector<Node> nodes_{1};
  bool first_[256] = {};
};

class AddedTokens {
 public:
  AddedTokens() = default;
  // Assigns the ids that `tokenizers` assigns when it reads the file: the id of the content in the model's
  // vocabulary, else the next free one after the model's size and the previous tokens. The "id" field is not
  // used.
  AddedTokens(const JsonView& list, const BpeModel& model, const Normalizer* normalizer);

  struct Part {
    std::int32_t id = -1;  // -1: plain text
    Span span;
  };
  // Marks tokens that have a role although the file does not list them as special. Names that are not tokens
  // are ignored.
  void restrict(const std::unordered_set<std::string>& contents);
  // The contents of the tokens that occur in `text` and are not white space alone.
  std::unordered_set<std::string> found_in(std::string_view text) const;

  // Cuts `text` at its tokens. Restricted tokens count only where all of their bytes are in `trusted`
  // (sorted, disjoint; lstrip and rstrip may extend beyond it), like `tokenizers` with encode_special_tokens
  // where nothing is trusted. `normalized` selects one of the two sets of tokens.
  std::vector<Part> split(std::string_view text, const std::vector<Span>& trusted, bool normalized) const;
  bool has_normalized() const { return !normalized_.empty(); }

  std::optional<std::int32_t> token_to_id(std::string_view token) const;
  const AddedToken* by_id(std::int32_t id) const;
  std::int32_t size_with(const BpeModel& model) const;
  // True when the text of a restricted token overlaps one of `ranges`.
  bool restricted_touches(std::string_view text, const std::vector<Span>& ranges) const;

 private:
  void assign_ids(std::vector<AddedToken>& tokens, const BpeModel& model);
  bool fits_word(std::string_view text, const TokenTrie::Hit& hit) const;
  TokenTrie::Hit next(const TokenTrie& trie, std::string_view text, Span range,
                      const std::vector<Span>& trusted) const;
  bool any_free(bool normalized) const;

  std::vector<AddedToken> tokens_;  // special ones first, as matching prefers them
  std::unordered_map<std::string, std::int32_t> ids_;
  std::unordered_map<std::int32_t, AddedToken> by_id_;
  TokenTrie plain_, normalized_, restricted_;
  bool free_plain_ = false, free_normalized_ = false;  // is there a token that data may produce?
};

}  // namespace armorm::text::tokenizer
