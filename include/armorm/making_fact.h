// What decides the embeddings of a text. Sets and weights that are used together must have been made alike.
#pragma once

#include <array>
#include <string_view>

namespace armorm {

enum class MakingFact {
  weights_fingerprint,
  config,              // config.json
  tokenizer,           // tokenizer.json
  tokenizer_config,    // tokenizer_config.json, of which the tokens' names and roles decide
  special_tokens_map,  // special_tokens_map.json
  added_tokens,        // added_tokens.json
  chat_template,
  template_date,
  allow_special_in_content,
  precision,
  gating_token_pattern,  // the tokens that open an answer; of pairs
};
constexpr std::array<std::string_view, 11> words_of(MakingFact) {
  return {"weights_fingerprint",      "config",       "tokenizer",           "tokenizer_config",
          "special_tokens_map",       "added_tokens", "chat_template",       "template_date",
          "allow_special_in_content", "precision",    "gating_token_pattern"};
}

}  // namespace armorm
