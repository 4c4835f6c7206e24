// What a plan of packed attention depends on: sizes of the pack, rounded up so that few plans serve all
// packs, and the layout of its tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/common/attention_plan.h"

namespace armorm::model {

struct PackedShape {
  std::int64_t sequences = 0;   // blocks, rounded up
  std::int64_t longest_q = 0;   // queries of a block, rounded up
  std::int64_t longest_kv = 0;  // keys of a block, rounded up
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t q_row = 0;  // elements from a row to the next
  std::int64_t k_row = 0;
  std::int64_t v_row = 0;
  std::int64_t window = 0;  // as in AttentionOptions; 0 also where it hides nothing
  double scale = 1.0;
  double softcap = 0.0;

  auto operator<=>(const PackedShape&) const = default;
};

// Number of blocks that a plan for `blocks` takes: a power of two, at least 16.
std::int64_t rounded_sequences(std::int64_t blocks);

// Of q [queries, heads, d] and k, v [keys, kv_heads, d], for which why_no_shape() is "".
PackedShape packed_shape(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const AttentionPlan& plan, const AttentionOptions& options);

// Why no plan is made for these tensors, or "". Single queries have a kernel of their own in FlashAttention.
std::string_view why_no_shape(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const AttentionPlan& plan);

// "64 sequences of at most 512 queries and 1024 keys, heads 32/8 of 128, window 0, soft cap 0"
std::string text_of(const PackedShape& shape);

// int32 [4, columns + 1] on the host, columns >= blocks: first query row, first key row, queries and keys of
// each block. Blocks beyond the last are empty and begin where it ends.
at::Tensor block_table(const std::vector<AttentionBlock>& blocks, std::int64_t columns);

}  // namespace armorm::model
