// Causal attention over concatenated sequences without padding.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/common/attention_plan.h"

namespace armorm::model {

// Fills the derived fields of a plan whose blocks are set.
void finish_plan(AttentionPlan& plan, at::Device device);

// q [queries, heads, d]; k, v [keys, kv_heads, d] with heads a multiple of kv_heads; rows may be strided,
// heads are contiguous. Result [queries, heads, d], contiguous.
at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionPlan& plan, const AttentionOptions& options);

// Rows [begin, begin + count) of x. With fixed_order a contiguous copy: libraries also choose algorithms by a
// tensor's alignment and strides.
at::Tensor rows_of(const at::Tensor& x, std::int64_t begin, std::int64_t count, bool fixed_order);

// The same through ATen's scaled_dot_product_attention, one block after another, for devices and types
// without a packed kernel. No soft cap. With fixed_order the bits of a block are the same in every pack; the
// bits of a row can still change with the shape of its block.
at::Tensor sdpa_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const AttentionPlan& plan, const AttentionOptions& options);

// The same through ATen's FlashAttention, for sequences of any length in one launch. Requires CUDA, 16-bit
// elements, heads of a multiple of 8 up to 256, and no soft cap.
bool flash_takes(at::ScalarType type, std::int64_t head_dim, double softcap);  // on CUDA
bool supports_flash(const at::Tensor& q, const AttentionOptions& options);
at::Tensor flash_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const AttentionPlan& plan, const AttentionOptions& options);

}  // namespace armorm::model
