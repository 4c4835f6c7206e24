#include "model/reference_ops.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace armorm::model::reference {
namespace {

// Pairwise sums over the last dimension, which is kept. On CUDA the order of at::sum() depends on the number
// of rows, so a row's bits would depend on the rest of its pack.
at::Tensor sum_by_halves(at::Tensor x) {
  for (std::int64_t n = x.size(-1); n > 1; n = x.size(-1)) {
    at::Tensor sums = x.narrow(-1, 0, n / 2) + x.narrow(-1, n / 2, n / 2);
    if (n % 2 == 1) sums.select(-1, 0).add_(x.select(-1, n - 1));
    x = sums;
  }
  return x;
}

// In float32.
at::Tensor normalised(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor scale = at::rsqrt(sum_by_halves(wide.pow(2)) / x.size(-1) + eps);
  return wide * scale * weight;
}

// Rotates `heads`, float32, into x.
void rotate_into(at::Tensor& x, const at::Tensor& heads, const at::Tensor& cos, const at::Tensor& sin) {
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor low = heads.narrow(-1, 0, half);
  const at::Tensor high = heads.narrow(-1, half, half);
  const at::Tensor c = cos.unsqueeze(1);
  const at::Tensor s = sin.unsqueeze(1);
  x.narrow(-1, 0, half).copy_(low * c - high * s);
  x.narrow(-1, half, half).copy_(high * c + low * s);
}

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return normalised(x, weight, eps).to(x.scalar_type());
}

at::Tensor add_rms_norm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight, double eps) {
  residual.add_(delta);
  return reference::rms_norm(residual, weight, eps);
}

void rope_inplace(at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  rotate_into(x, x.to(at::kFloat, false, /*copy=*/true), cos, sin);
}

void norm_rope_inplace(at::Tensor& x, const at::Tensor& weight, double eps, const at::Tensor& cos,
                       const at::Tensor& sin) {
  rotate_into(x, normalised(x, weight, eps), cos, sin);
}

at::Tensor gated_activation(const at::Tensor& gate_up, Activation activation) {
  const std::int64_t size = gate_up.size(-1) / 2;
  const at::Tensor gate = gate_up.narrow(-1, 0, size).to(at::kFloat);
  const at::Tensor up = gate_up.narrow(-1, size, size).to(at::kFloat);
  const at::Tensor activated = activation == Activation::silu ? at::silu(gate) : at::gelu(gate, "tanh");
  return (activated * up).to(gate_up.scalar_type());
}

namespace {

// Scores are held in memory; this limits them to kQueryRows x keys per head.
constexpr std::int64_t kQueryRows = 512;

// True where query i of the block does not see key j. [q_count, kv_count]
at::Tensor hidden_keys(const AttentionBlock& block, std::int64_t window, at::Device device) {
  const auto options = at::TensorOptions().dtype(at::kLong).device(device);
  const at::Tensor query = at::arange(block.kv_count - block.q_count, block.kv_count, options).unsqueeze(1);
  const at::Tensor key = at::arange(block.kv_count, options).unsqueeze(0);
  at::Tensor hidden = key.gt(query);
  if (window > 0) hidden = hidden.logical_or(key.le(query - window));
  return hidden;
}

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionBlock& block,
                  const AttentionOptions& options) {
  const std::int64_t groups = q.size(1) / k.size(1);
  const auto heads_first = [](const at::Tensor& x) { return x.to(at::kFloat).transpose(0, 1); };
  const at::Tensor keys = heads_first(k).repeat_interleave(groups, 0);
  const at::Tensor values = heads_first(v).repeat_interleave(groups, 0);
  at::Tensor scores = at::matmul(heads_first(q), keys.transpose(1, 2)) * options.scale;
  if (options.softcap > 0.0) scores = at::tanh(scores / options.softcap) * options.softcap;
  scores.masked_fill_(hidden_keys(block, options.window, q.device()), -INFINITY);
  return at::matmul(at::softmax(scores, -1), values).transpose(0, 1);
}

// The blocks with at most kQueryRows queries each; earlier slices see fewer keys.
std::vector<AttentionBlock> sliced(const std::vector<AttentionBlock>& blocks) {
  std::vector<AttentionBlock> out;
  for (const AttentionBlock& block : blocks) {
    for (std::int64_t first = 0; first < block.q_count; first += kQueryRows) {
      const std::int64_t count = std::min(kQueryRows, block.q_count - first);
      const std::int64_t keys = block.kv_count - block.q_count + first + count;
      out.push_back({block.q_begin + first, count, block.kv_begin, keys});
    }
  }
  return out;
}

}  // namespace

at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionPlan& plan, const AttentionOptions& options) {
  at::Tensor out = at::empty(q.sizes(), q.options());
  for (const AttentionBlock& block : sliced(plan.blocks)) {
    const at::Tensor queries = rows_of(q, block.q_begin, block.q_count, options.fixed_order);
    const at::Tensor keys = rows_of(k, block.kv_begin, block.kv_count, options.fixed_order);
    const at::Tensor values = rows_of(v, block.kv_begin, block.kv_count, options.fixed_order);
    out.narrow(0, block.q_begin, block.q_count).copy_(attend(queries, keys, values, block, options));
  }
  return out;
}

}  // namespace armorm::model::reference
