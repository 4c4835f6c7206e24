#include "armorm/reward_scorer.h"

#include <fmt/core.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "core/parallel.h"
#include "core/stop_point.h"
#include "core/utf8.h"
#include "data/json_messages.h"
#include "model/torch_errors.h"
#include "stages/scoring/scorer.h"

namespace armorm {
namespace {

constexpr std::size_t kWindow = 1024;  // conversations scored at once, which bounds the memory

Message checked(const Message& message, std::size_t position) {
  if (message.json.empty()) {
    if (!is_utf8(message.role) || !is_utf8(message.content))
      fail_data("message {}: is not UTF-8; convert its role and content", position);
    return message;
  }
  const std::string where = fmt::format("conversation: message {}: json", position);
  data::JsonReader json(message.json, where);
  Message read = data::read_message(json, position, {[] { return "conversation"; }});
  json.expect_end();
  return read;
}

Conversation checked(const Conversation& conversation) {
  if (conversation.empty()) fail_data("the conversation is empty, expected at least one message");
  Conversation messages;
  for (const Message& message : conversation) messages.push_back(checked(message, messages.size()));
  return messages;
}

std::vector<stages::scoring::ScoreRow> encode_all(const stages::scoring::Scorer& scorer,
                                                  std::span<const Conversation> conversations) {
  std::vector<stages::scoring::ScoreRow> rows(conversations.size());
  parallel_for(std::ssize(rows), scorer.threads(), [&](std::int64_t i) {
    const auto index = static_cast<std::size_t>(i);
    stages::scoring::fill_row(rows[index], [&](stages::scoring::ScoreRow& row) {
      scorer.encode_row(checked(conversations[index]), row);
    });
  });
  return rows;
}

// Row `row` of a row-major matrix with k columns.
std::vector<float> row_of(const std::vector<float>& matrix, std::size_t row, std::size_t k) {
  const auto begin = matrix.begin() + static_cast<std::ptrdiff_t>(row * k);
  return {begin, begin + static_cast<std::ptrdiff_t>(k)};
}

ConversationScore result_of(const stages::scoring::ScoreRow& row, const gating::HeadScores& scores,
                            std::size_t k) {
  ConversationScore result;
  result.error = row.error;
  result.tokens = std::ssize(row.tokens);
  result.special_in_content = row.special_in_content;
  result.no_final_answer = row.no_final_answer;
  if (!result.ok()) return result;
  result.score = scores.score[row.result];
  result.rewards = row_of(scores.rewards, row.result, k);
  result.gate = row_of(scores.gate, row.result, k);
  result.contributions = row_of(scores.contributions, row.result, k);
  result.coefficients = row_of(scores.coefficients, row.result, k);
  return result;
}

}  // namespace

struct RewardScorer::Impl {
  Impl(ScorerOptions given, const StopRequested& stop_requested)
      : options(std::move(given)), scorer(options, stop_requested) {}

  ScorerOptions options;
  stages::scoring::Scorer scorer;
  std::mutex mutex;  // the scorer serves one call at a time
};

RewardScorer::RewardScorer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RewardScorer::RewardScorer(RewardScorer&&) noexcept = default;
RewardScorer& RewardScorer::operator=(RewardScorer&&) noexcept = default;
RewardScorer::~RewardScorer() = default;

RewardScorer RewardScorer::load(const ScorerOptions& options, const StopRequested& stop_requested) {
  const StopScope scope(&stop_requested);
  options.validate();
  std::unique_ptr<Impl> impl;
  model::translate_torch_errors([&] {
    impl = std::make_unique<Impl>(options, stop_requested);
    impl->scorer.begin_loading();
    impl->scorer.finish_loading();
  });
  return RewardScorer(std::move(impl));
}

const std::vector<std::string>& RewardScorer::attributes() const noexcept {
  return impl_->scorer.attributes();
}

std::string RewardScorer::device_name() const { return impl_->scorer.device_name(); }

std::vector<ConversationScore> RewardScorer::score(std::span<const Conversation> conversations) const {
  std::vector<ConversationScore> results;
  results.reserve(conversations.size());
  model::translate_torch_errors([&] {
    for (std::size_t first = 0; first < conversations.size(); first += kWindow) {
      const std::size_t count = std::min(kWindow, conversations.size() - first);
      std::vector<stages::scoring::ScoreRow> rows =
          encode_all(impl_->scorer, conversations.subspan(first, count));
      const std::lock_guard lock(impl_->mutex);
      const gating::HeadScores scores = impl_->scorer.score(rows);
      for (const stages::scoring::ScoreRow& row : rows)
        results.push_back(result_of(row, scores, attributes().size()));
    }
  });
  return results;
}

ConversationScore RewardScorer::score(const Conversation& conversation) const {
  return score(std::span(&conversation, 1)).front();
}

}  // namespace armorm
