// From a PackedBatch to what the layers need: positions, attention plans, row indices.
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
  // Where each sequence's keys lie one after another: indices into the token rows. Undefined when the token
  // rows themselves are that, i.e. no sequence continues another.
  at::Tensor key_rows;
  AttentionPlan all;     // every token is a query
  AttentionPlan pruned;  // only the wanted tokens are
};

// Checks the batch (data error for a token outside the vocabulary, internal error for a broken contract) and
// lays it out. The tensors are on `device`.
PackLayout lay_out(const PackedBatch& batch, std::int64_t vocab_size, at::Device device);

}  // namespace armorm::model
