#include "model/common/packed_shape.h"

#include <ATen/ATen.h>

#include "model/attention.h"
#include "support/test_support.h"

namespace armorm::model {
namespace {

using Catch::Matchers::Contains;

struct Tensors {
  at::Tensor q, k, v;
};

// Views of one matrix, as in the model.
Tensors tensors_of(std::int64_t rows, std::int64_t heads, std::int64_t kv_heads, std::int64_t dim,
                   at::ScalarType type = at::kBFloat16) {
  const at::Tensor qkv = at::zeros({rows, heads + 2 * kv_heads, dim}, type);
  return {qkv.narrow(1, 0, heads), qkv.narrow(1, heads, kv_heads), qkv.narrow(1, heads + kv_heads, kv_heads)};
}

AttentionPlan plan_of(std::vector<AttentionBlock> blocks) {
  AttentionPlan plan;
  plan.blocks = std::move(blocks);
  finish_plan(plan, at::kCPU);
  return plan;
}

PackedShape shape_of(const AttentionPlan& plan, const AttentionOptions& options) {
  const Tensors t = tensors_of(8, 4, 2, 64);
  return packed_shape(t.q, t.k, t.v, plan, options);
}

using Rows = std::vector<std::vector<int>>;

Rows rows_of(const at::Tensor& table) {
  Rows rows;
  for (std::int64_t i = 0; i < table.size(0); ++i) {
    const int* row = table[i].const_data_ptr<int>();
    rows.emplace_back(row, row + table.size(1));
  }
  return rows;
}

std::string why_no(const Tensors& t, const AttentionPlan& plan) {
  return std::string(why_no_shape(t.q, t.k, t.v, plan));
}

}  // namespace

TEST_CASE("a plan's sizes are few and hold the pack", "[unit]") {
  const PackedShape shape = shape_of(plan_of({{0, 129, 0, 300}, {129, 4, 300, 4}}), {});
  CHECK(shape.sequences == 16);
  CHECK(shape.longest_q == 256);
  CHECK(shape.longest_kv == 1024);
  CHECK(shape_of(plan_of({{0, 3, 0, 3}}), {}).longest_q == 128);
  CHECK(shape_of(plan_of({{0, 8192, 0, 8192}}), {}).longest_q == 8192);
  CHECK(shape_of(plan_of({{0, 3, 0, 1025}}), {}).longest_kv == 4096);
  CHECK(shape_of(plan_of({{0, 3000, 0, 3000}}), {}).longest_kv == 4096);
  CHECK(shape_of(plan_of({{0, 5000, 0, 5000}}), {}).longest_kv == 16384);
  CHECK(shape_of(plan_of(std::vector<AttentionBlock>(17, {0, 1, 0, 1})), {}).sequences == 32);
  CHECK(rounded_sequences(32768) == 32768);
}

TEST_CASE("packs of similar sizes share a plan, other options do not", "[unit]") {
  const AttentionPlan one = plan_of({{0, 600, 0, 600}});
  const AttentionPlan other = plan_of({{0, 700, 0, 1000}, {700, 5, 1000, 5}});
  const AttentionOptions options{.scale = 0.5, .softcap = 50.0};
  CHECK(shape_of(one, options) == shape_of(other, options));
  CHECK(shape_of(one, options) != shape_of(one, {.scale = 0.5}));
  CHECK(shape_of(one, options) != shape_of(one, {.scale = 0.25, .softcap = 50.0}));
  CHECK(shape_of(one, options) != shape_of(plan_of({{0, 2000, 0, 2000}}), options));
}

TEST_CASE("a window that hides no key is none", "[unit]") {
  const AttentionPlan plan = plan_of({{0, 600, 0, 600}, {600, 9, 600, 9}});
  CHECK(shape_of(plan, {.window = 599}).window == 599);
  CHECK(shape_of(plan, {.window = 600}).window == 0);
  CHECK(shape_of(plan, {.window = 4096}) == shape_of(plan, {}));
}

TEST_CASE("a shape has the heads and rows of its tensors", "[unit]") {
  const Tensors t = tensors_of(8, 4, 2, 64);
  const PackedShape shape = packed_shape(t.q, t.k.contiguous(), t.v, plan_of({{0, 8, 0, 8}}), {});
  CHECK(shape.heads == 4);
  CHECK(shape.kv_heads == 2);
  CHECK(shape.head_dim == 64);
  CHECK(shape.q_row == 8 * 64);
  CHECK(shape.k_row == 2 * 64);
  CHECK(shape.v_row == 8 * 64);
  CHECK_THAT(text_of(shape), Contains("16 sequences") && Contains("heads 4/2 of 64"));
}

TEST_CASE("tensors without a plan say why", "[unit]") {
  const AttentionPlan plan = plan_of({{0, 8, 0, 8}});
  CHECK(why_no(tensors_of(8, 4, 2, 64), plan).empty());
  CHECK(why_no(tensors_of(8, 4, 2, 256), plan).empty());
  CHECK_THAT(why_no(tensors_of(8, 4, 2, 64), plan_of({{0, 1, 0, 8}})), Contains("single queries"));
  CHECK_THAT(why_no(tensors_of(8, 4, 2, 64, at::kFloat), plan), Contains("bfloat16"));
  CHECK_THAT(why_no(tensors_of(8, 4, 2, 60), plan), Contains("multiple of 8"));
  CHECK_THAT(why_no(tensors_of(8, 4, 2, 264), plan), Contains("up to 256"));

  Tensors strided = tensors_of(8, 4, 2, 64);
  strided.k = at::zeros({8, 2, 128}, at::kBFloat16).narrow(2, 0, 64);
  CHECK_THAT(why_no(strided, plan), Contains("not contiguous"));
  Tensors odd = tensors_of(8, 4, 2, 64);
  odd.v = at::zeros({8 * 128 + 1}, at::kBFloat16).narrow(0, 1, 8 * 128).view({8, 2, 64});
  CHECK_THAT(why_no(odd, plan), Contains("aligned"));

  Tensors far = tensors_of(8, 4, 2, 64);
  far.q = at::empty({1 << 23, 4, 64}, at::TensorOptions(at::kMeta).dtype(at::kBFloat16));
  CHECK_THAT(why_no(far, plan), Contains("32 bits"));
  AttentionPlan many;
  many.blocks.resize(32769, {0, 2, 0, 2});
  finish_plan(many, at::kCPU);
  CHECK_THAT(why_no(tensors_of(8, 4, 2, 64), many), Contains("32768"));
}

TEST_CASE("a table lists the blocks, and empty ones behind them", "[unit]") {
  const at::Tensor table = block_table({{0, 3, 0, 5}, {3, 2, 5, 2}}, 4);
  const Rows expected{{0, 3, 5, 5, 5}, {0, 5, 7, 7, 7}, {3, 2, 0, 0, 0}, {5, 2, 0, 0, 0}};
  CHECK(rows_of(table) == expected);
}

TEST_CASE("a table without spare columns ends with the last row", "[unit]") {
  const at::Tensor table = block_table({{0, 3, 0, 5}, {3, 2, 5, 2}}, 2);
  const Rows expected{{0, 3, 5}, {0, 5, 7}, {3, 2, 0}, {5, 2, 0}};
  CHECK(rows_of(table) == expected);
}

TEST_CASE("blocks whose keys overlap keep their first rows", "[unit]") {
  // Single queries over the keys of one sequence.
  const at::Tensor table = block_table({{0, 1, 0, 4}, {1, 1, 0, 6}, {2, 1, 10, 3}}, 3);
  const Rows expected{{0, 1, 2, 3}, {0, 0, 10, 13}, {1, 1, 1, 0}, {4, 6, 3, 0}};
  CHECK(rows_of(table) == expected);
}

}  // namespace armorm::model
