#include "model/attention.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "model/common/packed_shape.h"
#include "model/cpu/attention.h"
#include "model/cpu/linear.h"
#include "model/cpu_kernels.h"
#include "model/cudnn.h"
#include "model/reference_ops.h"
#include "model/upload.h"

namespace armorm::model {
namespace {

// [rows, heads, d] -> [kv_heads, heads / kv_heads, rows, d] without a copy. Each group of query heads is one
// batch entry, so it broadcasts over its single key head.
at::Tensor grouped(const at::Tensor& x, std::int64_t kv_heads) {
  return x.unflatten(1, {kv_heads, x.size(1) / kv_heads}).permute({1, 2, 0, 3});
}

// Additive, in the dtype of the scores. [q_count, kv_count]
at::Tensor window_mask(const AttentionBlock& block, std::int64_t window, const at::Tensor& like) {
  const auto options = at::TensorOptions().dtype(at::kLong).device(like.device());
  const at::Tensor query = at::arange(block.kv_count - block.q_count, block.kv_count, options).unsqueeze(1);
  const at::Tensor key = at::arange(block.kv_count, options).unsqueeze(0);
  at::Tensor hidden = key.gt(query);
  if (window > 0) hidden = hidden.logical_or(key.le(query - window));
  return at::zeros({block.q_count, block.kv_count}, like.options()).masked_fill_(hidden, -INFINITY);
}

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionBlock& block,
                  const AttentionOptions& options) {
  const bool windowed = options.window > 0 && options.window < block.kv_count;
  const bool causal = !windowed && block.q_count == block.kv_count;
  std::optional<at::Tensor> mask;
  if (windowed || (!causal && block.q_count > 1)) mask = window_mask(block, options.window, q);
  return at::scaled_dot_product_attention(q, k, v, mask, 0.0, causal && block.q_count > 1, options.scale);
}

}  // namespace

void finish_plan(AttentionPlan& plan, at::Device device) {
  plan.max_q = plan.max_kv = 0;
  for (const AttentionBlock& block : plan.blocks) {
    plan.max_q = std::max(plan.max_q, block.q_count);
    plan.max_kv = std::max(plan.max_kv, block.kv_count);
  }
  if (device.is_cpu()) return;
  const auto count = std::ssize(plan.blocks);
  plan.table = upload(block_table(plan.blocks, rounded_sequences(count)), device);
  plan.q_starts = plan.table[0].narrow(0, 0, count + 1);
  plan.kv_starts = plan.table[1].narrow(0, 0, count + 1);
  plan.kv_counts = plan.table[3].narrow(0, 0, count);
}

at::Tensor rows_of(const at::Tensor& x, std::int64_t begin, std::int64_t count, bool fixed_order) {
  const at::Tensor rows = x.narrow(0, begin, count);
  return fixed_order ? rows.clone(at::MemoryFormat::Contiguous) : rows;
}

at::Tensor sdpa_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const AttentionPlan& plan, const AttentionOptions& options) {
  const std::int64_t kv_heads = k.size(1);
  at::Tensor out = at::empty(q.sizes(), q.options());
  for (const AttentionBlock& block : plan.blocks) {
    const at::Tensor queries =
        grouped(rows_of(q, block.q_begin, block.q_count, options.fixed_order), kv_heads);
    const auto shared = [&](const at::Tensor& x) {
      return grouped(rows_of(x, block.kv_begin, block.kv_count, options.fixed_order), kv_heads)
          .expand({-1, queries.size(1), -1, -1});
    };
    const at::Tensor result = attend(queries, shared(k), shared(v), block, options);
    grouped(out.narrow(0, block.q_begin, block.q_count), kv_heads).copy_(result);
  }
  return out;
}

bool flash_takes(at::ScalarType type, std::int64_t head_dim, double softcap) {
  const bool half = type == at::kBFloat16 || type == at::kHalf;
  return half && head_dim % 8 == 0 && head_dim <= 256 && softcap == 0.0;
}

bool supports_flash(const at::Tensor& q, const AttentionOptions& options) {
  return q.is_cuda() && flash_takes(q.scalar_type(), q.size(2), options.softcap);
}

at::Tensor flash_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const AttentionPlan& plan, const AttentionOptions& options) {
  std::optional<std::int64_t> left;
  std::optional<std::int64_t> right;
  if (options.window > 0) {
    // On some devices a window longer than all keys selects a kernel without a window, which has other tiles.
    left = (options.fixed_order ? std::min(options.window, plan.max_kv) : options.window) - 1;
    right = 0;
  } else if (options.fixed_order && plan.max_q == 1) {
    // For single queries without a window the kernel splits the keys by the number of blocks. A window of all
    // keys prevents that.
    left = plan.max_kv - 1;
    right = 0;
  }
  return std::get<0>(
      at::_flash_attention_forward(q, k, v, plan.q_starts, plan.kv_starts, plan.max_q, plan.max_kv,
                                   /*dropout_p=*/0.0, /*is_causal=*/true,
                                   /*return_debug_mask=*/false, options.scale, left, right, plan.kv_counts));
}

at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionPlan& plan, const AttentionOptions& options) {
  if (q.is_cpu()) {
    if (const auto* kernel = cpu::linear_kernel(kernels_in_use(), q.scalar_type()); kernel != nullptr)
      return cpu::packed_attention(*kernel, q, k, v, plan, options);
  }
  if (options.cudnn) {
    if (std::optional<at::Tensor> result = cudnn_attention(q, k, v, plan, options)) return *result;
  }
  if (supports_flash(q, options)) return flash_attention(q, k, v, plan, options);
  if (options.softcap > 0.0) return reference::packed_attention(q, k, v, plan, options);
  return sdpa_attention(q, k, v, plan, options);
}

}  // namespace armorm::model
