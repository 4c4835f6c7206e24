// Byte-level and SentencePiece-style BPE from a Hugging Face tokenizer.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer/rendered_text.h"

namespace armorm::text::tokenizer {

using TokenId = std::int32_t;

// All const members are thread-safe.
class Tokenizer {
 public:
  // Reads tokenizer.json as transformers' AutoTokenizer does with config.json, tokenizer_config.json and
  // special_tokens_map.json (pretrained.h).
  // `turn_markers`: tokens with a role, whatever the file says. data error that names the file and the field
  // when a component is not supported.
  static Tokenizer load(const std::filesystem::path& model_folder,
                        std::span<const std::string_view> turn_markers = {});
  static Tokenizer from_json(std::string_view tokenizer_json, std::string_view origin,
                             std::span<const std::string_view> turn_markers = {});

  // The same ids as `tokenizers.Tokenizer.encode(text, add_special_tokens)`.
  std::vector<TokenId> encode(std::string_view text, bool add_special_tokens) const;

  // Like encode, but an added token with a role matches only where none of its bytes come from the data. A
  // token has a role if tokenizer.json lists it as special, the special-token names include it, it marks
  // turns, or protect_literals() or protect_ids() give it one. Other added tokens (words, HTML tags, runs of
  // white space) also match in data, like `tokenizers` with encode_special_tokens.
  std::vector<TokenId> encode(const RenderedText& text, bool add_special_tokens) const;

  // Gives further tokens a role: those that the literals of the chat template contain (white space aside), or
  // those of chat_control_tokens where tokenizer_config.json lists them, as transformers'
  // sanitize_control_tokens does.
  void protect_literals(const std::vector<std::string>& literals);
  // Gives the added tokens of a pattern a role.
  void protect_ids(std::span<const TokenId> ids);
  bool has_added(std::span<const TokenId> ids) const;  // whether one of them is an added token

  // True when the string of a token with a role occurs in data bytes or overlaps them.
  bool has_special_in_data(const RenderedText& text) const;

  std::string decode(const std::vector<TokenId>& ids) const;  // special tokens kept
  std::optional<TokenId> token_to_id(std::string_view token) const;
  std::optional<std::string> id_to_token(TokenId id) const;
  bool is_special(TokenId id) const;  // an added token marked "special"
  std::int64_t vocab_size() const;    // including added tokens

  // "bos_token" -> "<|begin_of_text|>" and so on: the names that a chat template can refer to.
  const std::map<std::string, std::string>& special_tokens() const;
  std::optional<TokenId> bos_id() const;

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace armorm::text::tokenizer
