// The head that scores single conversations, compared with the one that scores pairs in training and with
// plain sums.
#include "gating/reward_head.h"

#include <cmath>
#include <random>

#include "core/dtype.h"
#include "gating/trainer.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::gating;

namespace {

constexpr std::int64_t kD = 70;  // not a multiple of the kernel's lanes
constexpr std::int64_t kK = 5;
constexpr std::int64_t kPairs = 37;

std::vector<float> randoms(std::size_t n, std::uint64_t seed, float scale) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<float> normal(0.0F, scale);
  std::vector<float> out(n);
  for (float& x : out) x = normal(engine);
  return out;
}

RewardHead make_head(std::int64_t n_hidden) {
  RewardHead head;
  head.hidden_size = kD;
  head.n_attributes = kK;
  head.weight = randoms(kK * kD, 1, 0.2F);
  head.bias = randoms(kK, 2, 1.0F);
  head.transform = randoms(kK * kK, 3, 0.5F);
  head.temperature = 1.5;
  head.gate = initial_gate({kD, n_hidden, 24, kK, 1.5}, 2.25, 4);
  return head;
}

struct Pairs {
  std::vector<BFloat16> prompts;  // [N, 2, D]
  std::vector<float> states;      // [2 N, D], exact in bf16
  std::vector<float> prompt_states;
};

Pairs make_pairs() {
  Pairs pairs;
  for (const float x : randoms(2 * kPairs * kD, 5, 1.0F)) {
    pairs.prompts.push_back(BFloat16::from_float(x));
    pairs.prompt_states.push_back(pairs.prompts.back().to_float());
  }
  for (const float x : randoms(2 * kPairs * kD, 6, 1.0F))
    pairs.states.push_back(BFloat16::from_float(x).to_float());
  return pairs;
}

}  // namespace

TEST_CASE("a conversation's score is that of the training's own scoring", "[unit]") {
  for (const std::int64_t n_hidden : {0, 1, 3}) {
    CAPTURE(n_hidden);
    const RewardHead head = make_head(n_hidden);
    const Pairs pairs = make_pairs();
    const HeadScores scores = score_states(head, {pairs.states.data(), 2 * kPairs, kD},
                                           {pairs.prompt_states.data(), 2 * kPairs, kD}, 3);

    std::vector<float> debiased;  // rewards in double, then T
    for (std::int64_t row = 0; row < 2 * kPairs; ++row) {
      double rewards[kK];
      for (std::int64_t k = 0; k < kK; ++k) {
        rewards[k] = head.bias[k];
        for (std::int64_t d = 0; d < kD; ++d)
          rewards[k] += static_cast<double>(head.weight[k * kD + d]) * pairs.states[row * kD + d];
        CHECK(scores.rewards[row * kK + k] == Approx(rewards[k]).margin(2e-6));
      }
      for (std::int64_t k = 0; k < kK; ++k) {
        double sum = 0.0;
        for (std::int64_t j = 0; j < kK; ++j) sum += rewards[j] * head.transform[j * kK + k];
        debiased.push_back(static_cast<float>(sum));
      }
    }
    std::vector<std::int64_t> rows, chosen_prompt, rejected_prompt;
    for (std::int64_t i = 0; i < kPairs; ++i) {
      rows.push_back(i);
      chosen_prompt.push_back(2 * i);
      rejected_prompt.push_back(2 * i + 1);
    }
    const PairData data{{debiased.data(), kPairs, kK, 2 * kK},
                        {debiased.data() + kK, kPairs, kK, 2 * kK},
                        {pairs.prompts.data(), 2 * kPairs, kD},
                        chosen_prompt,
                        rejected_prompt};
    const PairScores trained =
        score_pairs(head.gate, data, rows, GateSoftmax::attributes, head.temperature, -1);
    const std::pmr::vector<float> weights = gate_weights(head.gate, data, rows, head.temperature, -1);
    for (std::int64_t i = 0; i < kPairs; ++i) {
      CHECK(scores.score[2 * i] == Approx(trained.chosen[i]).epsilon(1e-5).margin(1e-5));
      CHECK(scores.score[2 * i + 1] == Approx(trained.rejected[i]).epsilon(1e-5).margin(1e-5));
      for (std::int64_t k = 0; k < kK; ++k)
        CHECK(scores.gate[2 * i * kK + k] ==
              Approx(weights[i * kK + k] * head.gate.logit_scale).epsilon(1e-5));
    }
  }
}

TEST_CASE("contributions and coefficients add up to the score", "[unit]") {
  const RewardHead head = make_head(2);
  const Pairs pairs = make_pairs();
  const HeadScores scores =
      score_states(head, {pairs.states.data(), kPairs, kD}, {pairs.prompt_states.data(), kPairs, kD}, 1);
  for (std::int64_t row = 0; row < kPairs; ++row) {
    double contributions = 0.0, weighted = 0.0, gate = 0.0;
    for (std::int64_t i = row * kK; i < (row + 1) * kK; ++i) {
      contributions += scores.contributions[i];
      weighted += static_cast<double>(scores.coefficients[i]) * scores.rewards[i];
      gate += scores.gate[i];
    }
    CHECK(contributions == Approx(scores.score[row]).margin(2e-6));
    CHECK(weighted == Approx(scores.score[row]).margin(1e-5));
    CHECK(gate == Approx(head.gate.logit_scale));
  }
}

TEST_CASE("a conversation's head has the same bits in any company", "[unit]") {
  const RewardHead head = make_head(3);
  const Pairs pairs = make_pairs();
  const HeadScores whole =
      score_states(head, {pairs.states.data(), kPairs, kD}, {pairs.prompt_states.data(), kPairs, kD}, 4);
  for (std::int64_t row = 0; row < kPairs; ++row) {
    const HeadScores alone = score_states(head, {pairs.states.data() + row * kD, 1, kD},
                                          {pairs.prompt_states.data() + row * kD, 1, kD}, 1);
    CHECK(alone.score[0] == whole.score[row]);
    for (std::int64_t k = 0; k < kK; ++k) CHECK(alone.gate[k] == whole.gate[row * kK + k]);
  }
  RewardHead plain = head;
  plain.transform.clear();
  plain.bias.clear();
  const HeadScores raw =
      score_states(plain, {pairs.states.data(), 1, kD}, {pairs.prompt_states.data(), 1, kD}, 1);
  CHECK(raw.contributions[0] == Approx(raw.gate[0] * raw.rewards[0]));
  CHECK(raw.coefficients[1] == raw.gate[1]);
  CHECK_THROWS(score_states(head, {pairs.states.data(), 1, kD - 1}, {pairs.prompt_states.data(), 1, kD}, 1));
}
