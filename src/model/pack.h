// Converts a PackedBatch to the inputs of the layers: positions, attention plans, row indices.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "model/attention.h"
#include "model/backbone.h"

namespace armorm::model {

struct PackLayout {
  std::vector<std::int64_t> positions;         // [tokens], prefix included
  std::vector<std::int64_t> sequence_lengths;  // [tokens]: length of the token's sequence, prefix included
  at::Tensor tokens;                           // int64 [tokens]
  at::Tensor wanted;                           // int64 [wanted]
  // Indices of token rows that list each sequence's keys one after another. Undefined when no sequence
  // continues another: the token rows then have this order.
  at::Tensor key_rows;
  // Rows that sequences continue. Behind the token rows, key_rows index the first `tokens` of each in turn.
  std::vector<CachedPrefix> cached;
  // Key rows to copy out.
  struct Kept {
    std::int64_t key_begin = 0;
    std::int64_t tokens = 0;
  };
  std::vector<Kept> keep;
  AttentionPlan all;     // plan in which every token is a query
  AttentionPlan pruned;  // plan in which only the wanted tokens are queries
};

// Checks the batch (data error for a token outside the vocabulary, internal error for a violated contract)
// and lays it out. The tensors are on `device`.
PackLayout lay_out(const PackedBatch& batch, std::int64_t vocab_size, at::Device device);

}  // namespace armorm::model
