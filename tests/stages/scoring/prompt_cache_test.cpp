// RewardScorer with a cache of prompts has the bits of one without, call by call.
#include "armorm/reward_scorer.h"
#include "core/error.h"
#include "stages/scoring/scorer.h"
#include "support/error_of.h"
#include "support/fixed_kernels.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;

namespace {

ScorerOptions options_with(std::uint64_t bytes) {
  return {.model_path = (golden("reward_model") / "llama").string(),
          .device = -1,
          .precision = Precision::bf16,
          .kernels = fixed_kernels(),
          .threads = 2,
          .prompt_cache_bytes = bytes};
}

Conversation answered(int question, int answer) {
  return {{"user", "question " + std::to_string(question) + std::string(60, 'q')},
          {"assistant", "answer " + std::to_string(answer)}};
}

std::vector<stages::scoring::ScoreRow> encoded(const stages::scoring::Scorer& scorer,
                                               const Conversation& conversation) {
  std::vector<stages::scoring::ScoreRow> rows(1);
  scorer.encode(conversation, rows.front());
  return rows;
}

}  // namespace

TEST_CASE("answers that come call by call are scored with the same bits from a cache", "[unit]") {
  if (fixed_kernels() == CpuKernels::libtorch) ARMORM_SKIP(kOnlyLibtorch);
  const RewardScorer plain = RewardScorer::load(options_with(0));
  for (const std::uint64_t bytes : {std::uint64_t{1} << 24, std::uint64_t{1} << 15}) {
    const RewardScorer cached = RewardScorer::load(options_with(bytes));
    for (int i = 0; i < 24; ++i) {
      const Conversation row = answered(i % 3, i);
      const ConversationScore expected = plain.score(row);
      const ConversationScore found = cached.score(row);
      REQUIRE(found.ok());
      CHECK(found.score == expected.score);
      CHECK(found.rewards == expected.rewards);
      CHECK(found.gate == expected.gate);
    }
  }
}

TEST_CASE("a prompt's second answer takes the prompt from the cache", "[unit]") {
  const ScorerOptions options = options_with(std::uint64_t{1} << 24);
  stages::scoring::Scorer scorer(options, {});
  scorer.begin_loading();
  scorer.finish_loading();
  auto first = encoded(scorer, answered(1, 1));
  scorer.score(first);
  CHECK(scorer.stats().cached_tokens == 0);
  auto second = encoded(scorer, answered(1, 2));
  scorer.score(second);
  CHECK(scorer.stats().cached_tokens == second.front().gating);
  CHECK(scorer.stats().cache_hits == 1);
  CHECK(scorer.stats().cache_lookups == 2);
}

TEST_CASE("a cache of more bytes than any machine has is a usage error", "[unit]") {
  const std::string message = error_of([] { options_with(UINT64_MAX).validate(); }, ErrorKind::usage);
  CHECK(message.find("prompt_cache_bytes") != std::string::npos);
}
