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
  Rope(const ModelConfig& config, at::Device device);

  // A token's frequencies can depend on the length of its sequence ("dynamic" scaling); true when some
  // sequence is long enough for that.
  bool depends_on_length(std::int64_t sequence_length) const;

  // positions [tokens]; sequence_lengths [tokens]: of the sequence that each token is in, prefix included.
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
