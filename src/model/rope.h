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
  Rope(ModelConfig config, at::Device device);

  // Whether the frequencies depend on the length of the sequence ("dynamic" scaling, sequence long enough).
  bool depends_on_length(std::int64_t sequence_length) const;

  // positions [tokens]; sequence_lengths [tokens]: length of each token's sequence, prefix included.
  RopeTable table(const std::vector<std::int64_t>& positions,
                  const std::vector<std::int64_t>& sequence_lengths) const;

 private:
  at::Tensor inverse_frequencies(std::int64_t sequence_length) const;  // float32 [head_dim / 2]
  at::Tensor per_token_frequencies(const std::vector<std::int64_t>& sequence_lengths) const;

  ModelConfig config_;
  at::Device device_;
  at::Tensor frequencies_;
};

}  // namespace armorm::model
