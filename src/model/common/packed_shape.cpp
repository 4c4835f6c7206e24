#include "model/common/packed_shape.h"

#include <ATen/ops/zeros.h>
#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <limits>

namespace armorm::model {
namespace {

constexpr std::int64_t kLeastSequences = 16;
constexpr std::int64_t kMostSequences = 32768;
constexpr std::int64_t kLeastRows = 128;  // a kernel's tile
constexpr std::int64_t kLeastKeys = 1024;
constexpr std::int64_t kMostHeadDim = 256;
constexpr std::int64_t kAlignment = 16;  // bytes

// Powers of two. Building a plan compiles a kernel, for about a second; an empty tile of queries takes a
// microsecond of one multiprocessor.
std::int64_t rounded(std::int64_t n, std::int64_t least) {
  return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(std::max(n, least))));
}

// Powers of four: kernels loop over keys, so a larger number costs nothing.
std::int64_t rounded_keys(std::int64_t keys, std::int64_t longest_q) {
  std::int64_t rounded_up = kLeastKeys;
  while (rounded_up < std::max(keys, longest_q)) rounded_up *= 4;
  return rounded_up;
}

bool aligned(const at::Tensor& x) {
  const std::int64_t row_bytes = x.stride(0) * x.element_size();
  return reinterpret_cast<std::uintptr_t>(x.const_data_ptr()) % kAlignment == 0 &&
         row_bytes % kAlignment == 0;
}

bool heads_are_contiguous(const at::Tensor& x) { return x.stride(2) == 1 && x.stride(1) == x.size(2); }

// Offsets of rows are int32.
bool offsets_fit(const at::Tensor& x) {
  return x.size(0) * x.stride(0) <= std::numeric_limits<std::int32_t>::max();
}

template <class Test>
bool all_of(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Test& test) {
  return test(q) && test(k) && test(v);
}

}  // namespace

std::int64_t rounded_sequences(std::int64_t blocks) { return rounded(blocks, kLeastSequences); }

PackedShape packed_shape(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const AttentionPlan& plan, const AttentionOptions& options) {
  PackedShape shape;
  shape.sequences = rounded_sequences(std::ssize(plan.blocks));
  shape.longest_q = rounded(plan.max_q, kLeastRows);
  shape.longest_kv = rounded_keys(plan.max_kv, shape.longest_q);
  shape.heads = q.size(1);
  shape.kv_heads = k.size(1);
  shape.head_dim = q.size(2);
  shape.q_row = q.stride(0);
  shape.k_row = k.stride(0);
  shape.v_row = v.stride(0);
  shape.window = options.window < plan.max_kv ? options.window : 0;
  shape.scale = options.scale;
  shape.softcap = options.softcap;
  return shape;
}

std::string_view why_no_shape(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const AttentionPlan& plan) {
  if (plan.max_q <= 1) return "single queries";
  if (q.scalar_type() != at::kBFloat16) return "elements other than bfloat16";
  if (q.size(2) % 8 != 0 || q.size(2) > kMostHeadDim) return "heads that are no multiple of 8 up to 256";
  if (std::ssize(plan.blocks) > kMostSequences) return "more than 32768 sequences";
  if (!all_of(q, k, v, heads_are_contiguous)) return "heads that are not contiguous";
  if (!all_of(q, k, v, offsets_fit)) return "offsets beyond 32 bits";
  if (!all_of(q, k, v, aligned)) return "rows that are not aligned to 16 bytes";
  return "";
}

std::string text_of(const PackedShape& shape) {
  return fmt::format(
      "{} sequences of at most {} queries and {} keys, heads {}/{} of {}, window {}, soft cap {}",
      shape.sequences, shape.longest_q, shape.longest_kv, shape.heads, shape.kv_heads, shape.head_dim,
      shape.window, shape.softcap);
}

at::Tensor block_table(const std::vector<AttentionBlock>& blocks, std::int64_t columns) {
  at::Tensor table = at::zeros({4, columns + 1}, at::kInt);
  auto cells = table.accessor<int, 2>();
  AttentionBlock end;
  for (std::int64_t i = 0; i <= columns; ++i) {
    const bool beyond = i >= std::ssize(blocks);
    const AttentionBlock& block = beyond ? end : blocks[static_cast<std::size_t>(i)];
    cells[0][i] = static_cast<int>(block.q_begin);
    cells[1][i] = static_cast<int>(block.kv_begin);
    cells[2][i] = static_cast<int>(block.q_count);
    cells[3][i] = static_cast<int>(block.kv_count);
    if (!beyond) end = {block.q_begin + block.q_count, 0, block.kv_begin + block.kv_count, 0};
  }
  return table;
}

}  // namespace armorm::model
