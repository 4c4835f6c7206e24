// The softmax of attention over tiles of keys, one row at a time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace armorm::model::cpu {

inline constexpr std::int64_t kKeyTile = 128;

// Of the keys of a row so far; the weights are relative to the maximum.
struct SoftmaxState {
  float maximum = 0.0F;
  float total = 0.0F;  // of the weights
};

struct ScoreScale {
  float scale = 1.0F;
  float softcap = 0.0F;  // score = softcap * tanh(scale * score / softcap) where above 0
};

// Turns the scores [from, to) of kKeyTile into weights; the weights of the other keys become 0. Returns the
// factor that the row's earlier sums must be multiplied by. `weights` may be `scores`.
float weigh_keys(const float* scores, std::int64_t from, std::int64_t to, const ScoreScale& scale,
                 SoftmaxState& state, float* weights);
float weigh_keys(const float* scores, std::int64_t from, std::int64_t to, const ScoreScale& scale,
                 SoftmaxState& state, at::BFloat16* weights);

void scale_row(float* row, float factor, std::int64_t n);
void write_scaled(const float* row, float factor, std::int64_t n, float* out);
void write_scaled(const float* row, float factor, std::int64_t n, at::BFloat16* out);

}  // namespace armorm::model::cpu
