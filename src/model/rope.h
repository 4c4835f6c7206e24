// Rotary position embeddings (arXiv 2104.09864) with the scalings of transformers' modeling_rope_utils.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "model/model_config.h"

namespace armorm::model {

struct RopeTable {
  at::Tensor cos;  // float32 [tokens, head_dim / 2]
  at::Tensor sin;
};

class Rope {
 public:
  // The sizes come from `config`.
  Rope(const ModelConfig& config, RopeParameters parameters, at::Device device);

  // Whether a sequence is long enough for other frequencies than those of short ones ("dynamic" and
  // "longrope" scaling).
  bool depends_on_length(std::int64_t sequence_length) const;

  // positions [tokens]; sequence_lengths [tokens]: length of each token's sequence, prefix included. A head's
  // last head_dim / 2 - rotary_dim / 2 pairs are not turned.
  RopeTable table(const std::vector<std::int64_t>& positions,
                  const std::vector<std::int64_t>& sequence_lengths) const;

 private:
  at::Tensor inverse_frequencies(std::int64_t sequence_length) const;  // float32 [rotary_dim / 2]
  at::Tensor per_token_frequencies(const std::vector<std::int64_t>& sequence_lengths) const;

  RopeParameters parameters_;
  std::int64_t head_dim_;
  std::int64_t rotary_dim_;
  std::int64_t max_positions_;
  at::Device device_;
  at::Tensor frequencies_;
};

}  // namespace armorm::model
