// The trained head of an ArmoRM: from two hidden states of a conversation to its score.
//
//   rewards = W e + b                                          e: final hidden state of the last token
//   gate    = logit_scale * softmax(mlp(p) / temperature)      p: final hidden state of the token where the
//   prompt ends score   = sum_k gate_k * (rewards T)_k
#pragma once

#include <cstdint>
#include <vector>

#include "core/matrix_view.h"
#include "gating/gate.h"

namespace armorm::gating {

struct RewardHead {
  std::int64_t hidden_size = 0;   // D
  std::int64_t n_attributes = 0;  // K
  std::vector<float> weight;      // W [K, D]
  std::vector<float> bias;        // b [K]; empty = 0
  std::vector<float> transform;   // T [K, K]; empty = the identity
  GateParameters gate;
  double temperature = 10.0;
};

// Row-major, one row per conversation.
struct HeadScores {
  std::vector<float> rewards;        // [B, K] before debiasing
  std::vector<float> gate;           // [B, K]
  std::vector<float> contributions;  // [B, K]: gate_k * (rewards T)_k
  std::vector<float> coefficients;   // [B, K]: (T gate)_k, the score per unit of reward k
  std::vector<float> score;          // [B]
};

// embeddings, prompts [B, D]. In float32, like the scoring during training. Every sum has a fixed order:
// scores are bit-identical however rows are batched. internal error when shapes do not fit.
HeadScores score_states(const RewardHead& head, MatrixView<const float> embeddings,
                        MatrixView<const float> prompts, int threads);

}  // namespace armorm::gating
