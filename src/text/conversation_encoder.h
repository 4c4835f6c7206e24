// The text side of a prepare stage: converts the conversations of one shard to token ids.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/conversation.h"
#include "text/chat_template.h"
#include "text/tokenizer/tokenizer.h"

namespace armorm::text {

// Const members are thread-safe.
class ConversationEncoder {
 public:
  // `template_date`: date for a template that inserts today's date, so that it renders the same on any day.
  ConversationEncoder(const std::filesystem::path& model_folder, bool allow_special_in_content,
                      const std::string& template_date);

  struct Encoded {
    std::vector<tokenizer::TokenId> tokens;
    bool special_in_content = false;  // the data contains a special-token string
  };
  // Uses the tokenizer's own template without a generation prompt; exactly one BOS if the model has one. data
  // error for a token id that the model has no embedding for.
  Encoded encode(const Conversation& conversation) const;

  // A text that a chat template has rendered already, of which nothing is known: every special-token string
  // in it is one. The same ids as encode() where it is the rendering of that conversation, with or without a
  // BOS.
  Encoded encode_rendered(const std::string& text) const;

  // The tokens that would follow are the model's: ends with what the template writes to open an answer.
  std::vector<tokenizer::TokenId> encode_prompt(const Conversation& conversation) const;

  // The tokens of the template's text alone, as transformers' apply_chat_template gives them: without those
  // of the post-processor and end_with().
  std::vector<tokenizer::TokenId> encode_as_written(const Conversation& conversation) const;

  // No content makes the added tokens of the gating pattern: they are read as text there. Those of a pattern
  // of ordinary tokens alone ("[/INST]") can come from any text; gating_position() notices it.
  void protect_pattern(std::span<const tokenizer::TokenId> pattern);

  // Where the pattern that opens the last answer starts in `tokens`, which are those of encode(conversation).
  // data error if no answer is opened by it, if the last one is not (its tokens merged with the prompt's),
  // and if a text makes the same tokens, so that the last occurrence may be another.
  std::int64_t gating_position(const Conversation& conversation, std::span<const tokenizer::TokenId> tokens,
                               std::span<const tokenizer::TokenId> pattern) const;

  // The token at the end of every conversation: the score of some reward models is read there.
  void end_with(tokenizer::TokenId token) noexcept { last_token_ = token; }

  // The number of rows of the model's embedding table; unlimited without this call.
  void limit_ids(std::int64_t embedding_rows) noexcept { embedding_rows_ = embedding_rows; }

  const tokenizer::Tokenizer& tokenizer() const noexcept { return tokenizer_; }
  const std::string& template_sha256() const noexcept { return template_sha256_; }
  const std::string& template_date() const noexcept {
    return template_date_;
  }  // empty if the template does
     // not use the date
  const std::string& tokenizer_sha256() const noexcept { return tokenizer_sha256_; }

 private:
  // With the last token; data error for ids without an embedding.
  std::vector<tokenizer::TokenId> finished(std::vector<tokenizer::TokenId> tokens) const;

  tokenizer::Tokenizer tokenizer_;
  ChatTemplate template_;
  TemplateVariables variables_;
  std::string template_sha256_;
  std::string template_date_;
  std::string tokenizer_sha256_;
  std::optional<tokenizer::TokenId> last_token_;
  bool allow_special_;
  std::int64_t embedding_rows_ = std::numeric_limits<std::int64_t>::max();
};

}  // namespace armorm::text
