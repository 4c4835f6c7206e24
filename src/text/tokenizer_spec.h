// tokenizer.json, checked and reduced to what encoding needs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/added_tokens.h"
#include "text/byte_bpe.h"

namespace armorm {

struct TokenizerSpec {
  std::unordered_map<std::string, TokenId> vocab;        // content as written -> id, added tokens included
  std::unordered_map<std::string, TokenId> byte_vocab;   // raw bytes -> id
  std::vector<ByteBpe::Merge> merges;
  bool ignore_merges = false;
  std::vector<std::string> split_patterns;               // regexes of the pre-tokenizer, applied one after another
  bool add_prefix_space = false;
  std::vector<AddedToken> added_tokens;
  std::vector<TokenId> prefix_ids;                       // what the post-processor writes before the text
  std::vector<TokenId> suffix_ids;
};

// data error naming `origin` and the field.
TokenizerSpec parse_tokenizer(std::string_view json, const std::string& origin);

}  // namespace armorm
