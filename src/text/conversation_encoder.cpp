#include "text/conversation_encoder.h"

#include <algorithm>
#include <chrono>
#include <ctime>

#include "core/date.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/strings.h"
#include "text/encode_conversation.h"
#include "text/gating_pattern.h"

namespace armorm::text {

namespace {

// Noon of that day in local time, the time zone of strftime_now().
std::int64_t noon_of(const std::string& date) {
  const std::chrono::year_month_day day = parse_date("`template_date`", date);
  std::tm parts{};
  parts.tm_year = static_cast<int>(day.year()) - 1900;
  parts.tm_mon = static_cast<int>(static_cast<unsigned>(day.month())) - 1;
  parts.tm_mday = static_cast<int>(static_cast<unsigned>(day.day()));
  parts.tm_hour = 12;
  parts.tm_isdst = -1;
  return static_cast<std::int64_t>(std::mktime(&parts));
}

void check_ids(const tokenizer::Tokenizer& tokenizer, const std::vector<tokenizer::TokenId>& ids,
               std::int64_t embedding_rows) {
  const auto outside =
      std::find_if(ids.begin(), ids.end(), [&](tokenizer::TokenId id) { return id >= embedding_rows; });
  if (outside == ids.end()) return;
  fail_data(
      "token {} is '{}' with id {}, expected at most {}, as config.json's vocab_size is {}; the tokenizer is "
      "of "
      "another model, or the embedding was not resized after tokens were added",
      outside - ids.begin(), tokenizer.id_to_token(*outside).value_or("?"), *outside, embedding_rows - 1,
      embedding_rows);
}

bool is_answer(const Message& message) { return message.role == "assistant" || message.role == "model"; }

// The conversation up to its last answer but one, and with it.
Conversation before_last_turn(const Conversation& conversation) {
  const auto last = std::find_if(conversation.rbegin(), conversation.rend(), is_answer);
  if (last == conversation.rend()) return {};
  const auto previous = std::find_if(std::next(last), conversation.rend(), is_answer);
  return {conversation.begin(), previous.base()};
}

}  // namespace

std::vector<tokenizer::TokenId> encode_conversation(const tokenizer::Tokenizer& tokenizer,
                                                    const tokenizer::RenderedText& text) {
  std::vector<tokenizer::TokenId> ids = tokenizer.encode(text, true);
  const auto bos = tokenizer.bos_id();
  if (!bos) return ids;
  const auto first_other =
      std::find_if(ids.begin(), ids.end(), [&](tokenizer::TokenId id) { return id != *bos; });
  if (first_other - ids.begin() > 1) ids.erase(ids.begin() + 1, first_other);
  return ids;
}

ConversationEncoder::ConversationEncoder(const std::filesystem::path& model_folder,
                                         bool allow_special_in_content, const std::string& template_date)
    : tokenizer_(tokenizer::Tokenizer::load(model_folder, turn_markers())),
      template_(ChatTemplate::load(model_folder)),
      template_sha256_(sha256_hex(template_.source())),
      tokenizer_sha256_(sha256_file_hex(model_folder / "tokenizer.json")),
      allow_special_(allow_special_in_content) {
  tokenizer_.protect_literals(template_.literals());
  variables_.special_tokens = tokenizer_.special_tokens();
  if (!template_.reads_clock()) return;
  template_date_ = template_date;
  variables_.now = noon_of(template_date);
}

void ConversationEncoder::protect_pattern(std::span<const tokenizer::TokenId> pattern) {
  tokenizer_.protect_ids(pattern);
}

std::int64_t ConversationEncoder::gating_position(const Conversation& conversation,
                                                  std::span<const tokenizer::TokenId> tokens,
                                                  std::span<const tokenizer::TokenId> pattern) const {
  const std::vector<std::int64_t> starts = gating_pattern_starts(tokens, pattern);
  if (starts.empty())
    fail_data(
        "the rendered conversation holds no start of an assistant's answer (the gating pattern {}); check "
        "the messages' roles and the chat template",
        describe_pattern(tokenizer_, {pattern.begin(), pattern.end()}));
  // A row without a last answer has the gate at the last answer or prompt that there is.
  if (!is_answer(conversation.back())) return starts.back();
  const bool one_each = std::ssize(starts) == std::ranges::count_if(conversation, is_answer);
  if (one_each && tokenizer_.has_added(pattern)) return starts.back();
  const Conversation earlier = before_last_turn(conversation);
  const std::size_t in_earlier =
      earlier.empty() ? 0 : gating_pattern_starts(encode(earlier).tokens, pattern).size();
  if (starts.size() <= in_earlier)
    fail_data(
        "the start of the last answer ({}) became other tokens together with the end of its prompt; leave "
        "out line breaks at the end of the prompt",
        describe_pattern(tokenizer_, {pattern.begin(), pattern.end()}));
  if (starts.size() > in_earlier + 1)
    fail_data(
        "a text of the last turn contains {}, with which the chat template opens an answer; its tokens "
        "cannot be distinguished from the template's; leave the row out",
        describe_pattern(tokenizer_, {pattern.begin(), pattern.end()}));
  return starts.back();
}

std::vector<tokenizer::TokenId> ConversationEncoder::encode_prompt(const Conversation& conversation) const {
  TemplateVariables opening = variables_;
  opening.add_generation_prompt = true;
  return encode_conversation(tokenizer_, template_.render(conversation, opening));
}

std::vector<tokenizer::TokenId> ConversationEncoder::encode_as_written(
    const Conversation& conversation) const {
  return tokenizer_.encode(template_.render(conversation, variables_), false);
}

ConversationEncoder::Encoded ConversationEncoder::encode(const Conversation& conversation) const {
  tokenizer::RenderedText rendered = template_.render(conversation, variables_);
  Encoded encoded;
  encoded.special_in_content = tokenizer_.has_special_in_data(rendered);
  if (allow_special_) rendered.data_ranges.clear();
  encoded.tokens = finished(encode_conversation(tokenizer_, rendered));
  return encoded;
}

ConversationEncoder::Encoded ConversationEncoder::encode_rendered(const std::string& text) const {
  return {finished(encode_conversation(tokenizer_, {text, {}})), false};
}

std::vector<tokenizer::TokenId> ConversationEncoder::finished(std::vector<tokenizer::TokenId> tokens) const {
  if (last_token_ && (tokens.empty() || tokens.back() != *last_token_)) tokens.push_back(*last_token_);
  check_ids(tokenizer_, tokens, embedding_rows_);
  return tokens;
}

}  // namespace armorm::text
