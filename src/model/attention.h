// Causal attention over concatenated sequences without padding.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace armorm::model {

struct AttentionOptions {
  double scale = 1.0;        // of the dot products, before the soft cap
  double softcap = 0.0;      // c * tanh(score / c); 0 = none
  std::int64_t window = 0;   // keys visible to a query, its own included; 0 = all before it
  bool fixed_order = false;  // a row's bits must not depend on the other blocks
};

// Query rows [q_begin, q_begin + q_count) attend to key rows [kv_begin, kv_begin + kv_count). The last query
// has the position of the last key, the one before it that of the key before, and so on; each query sees keys
// up to its own position.
struct AttentionBlock {
  std::int64_t q_begin = 0;
  std::int64_t q_count = 0;
  std::int64_t kv_begin = 0;
  std::int64_t kv_count = 0;
};

struct AttentionPlan {
  std::vector<AttentionBlock> blocks;  // together they cover every query row once, in order
  std::int64_t max_q = 0;              // largest q_count
  std::int64_t max_kv = 0;             // largest kv_count
  // For kernels that read the blocks on the device, int32: [blocks + 1] first query rows, [blocks + 1] first
  // key rows, [blocks] key counts. Undefined on CPU.
  at::Tensor q_starts;
  at::Tensor kv_starts;
  at::Tensor kv_counts;
};

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
