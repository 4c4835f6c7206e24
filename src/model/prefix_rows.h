// The keys and values of a sequence's first tokens, as the layers of a backbone computed them.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace armorm::model {

// Shared between a cache and the passes that use it; never changed once made.
struct PrefixRows {
  // By layer, [tokens, 2 * kv_heads, head_dim]: the keys' heads, normalised and rotated, then the values'.
  // Each has storage of its own, of exactly this size.
  std::vector<at::Tensor> layers;
};

}  // namespace armorm::model
