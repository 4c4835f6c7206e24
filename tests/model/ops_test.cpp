// The fast operations compared with the plain ones of reference_ops.h, over shapes that fill and cross their
// tiles.
#include "model/ops.h"

#include <ATen/ATen.h>

#include "model/attention.h"
#include "model/gpu_test_support.h"
#include "model/kernels_test_support.h"
#include "model/reference_ops.h"
#include "support/test_support.h"

namespace armorm::model {
namespace {

// The same numbers on every device.
struct Random {
  at::Device device;

  at::Tensor operator()(at::IntArrayRef shape, at::ScalarType type, std::uint64_t seed,
                        double spread = 1.0) const {
    at::Generator generator = at::detail::createCPUGenerator(seed);
    return (at::randn(shape, generator, at::kFloat) * spread).to(type).to(device);
  }
};

// The largest difference, relative to the largest value of the reference.
double difference(const at::Tensor& a, const at::Tensor& b) {
  REQUIRE(a.sizes() == b.sizes());
  REQUIRE(a.scalar_type() == b.scalar_type());
  const double largest = b.to(at::kDouble).abs().max().item<double>();
  const at::Tensor apart = (a.to(at::kDouble) - b.to(at::kDouble)).abs().max();
  return apart.item<double>() / std::max(largest, 1e-3);
}

// bfloat16 results may round to the neighbouring value: half a step of 2^-8 in either direction.
double bound(at::ScalarType type) { return type == at::kFloat ? 2e-6 : 1.0 / 128; }

const at::ScalarType kTypes[] = {at::kFloat, at::kBFloat16};
const std::int64_t kWidths[] = {2, 16, 31, 48, 1024, 1031, 8200};

void check_rms_norm(at::Device device) {
  const Random random{device};
  for (const at::ScalarType type : kTypes) {
    for (const std::int64_t width : kWidths) {
      CAPTURE(type, width);
      const at::Tensor x = random({7, width}, type, 1, 3.0);
      const at::Tensor weight = random({width}, at::kFloat, 2);

      CHECK(difference(rms_norm(x, weight, 1e-5), reference::rms_norm(x, weight, 1e-5)) <= bound(type));
    }
  }
}

void check_add_rms_norm(at::Device device) {
  const Random random{device};
  for (const at::ScalarType type : kTypes) {
    for (const std::int64_t width : kWidths) {
      CAPTURE(type, width);
      at::Tensor residual = random({5, width}, type, 1, 3.0);
      at::Tensor plain = residual.clone();
      const at::Tensor delta = random({5, width}, type, 2);
      const at::Tensor weight = random({width}, at::kFloat, 3);
      const at::Tensor normed = add_rms_norm(residual, delta, weight, 1e-6);
      CHECK(difference(normed, reference::add_rms_norm(plain, delta, weight, 1e-6)) <= bound(type));
      CHECK(at::equal(residual, plain));
    }
  }
}

void check_rope(at::Device device) {
  const Random random{device};
  for (const at::ScalarType type : kTypes) {
    for (const std::int64_t dim : {2, 12, 20, 64, 130}) {
      CAPTURE(type, dim);
      const at::Tensor whole = random({9, 5, dim}, type, 1);
      const at::Tensor angles = random({9, dim / 2}, at::kFloat, 2, 10.0);
      at::Tensor fast = whole.clone();
      at::Tensor plain = whole.clone();
      at::Tensor fast_heads = fast.narrow(1, 0, 3);
      at::Tensor plain_heads = plain.narrow(1, 0, 3);

      rope_inplace(fast_heads, angles.cos(), angles.sin());
      reference::rope_inplace(plain_heads, angles.cos(), angles.sin());
      CHECK(difference(fast, plain) <= bound(type));
      CHECK(at::equal(fast.narrow(1, 3, 2), whole.narrow(1, 3, 2)));
    }
  }
}

// The rows of a wider matrix, as in the model: the heads beside those stay.
void check_norm_rope(at::Device device) {
  const Random random{device};
  for (const at::ScalarType type : kTypes) {
    for (const std::int64_t dim : {2, 12, 20, 64, 128, 130, 256}) {
      CAPTURE(type, dim);
      const at::Tensor all = random({9, 5, dim}, type, 1, 3.0);
      const at::Tensor angles = random({9, dim / 2}, at::kFloat, 2, 10.0);
      const at::Tensor weight = random({dim}, at::kFloat, 3);
      at::Tensor fast = all.clone();
      at::Tensor plain = all.clone();
      at::Tensor fast_heads = fast.narrow(1, 1, 3);
      at::Tensor plain_heads = plain.narrow(1, 1, 3);

      norm_rope_inplace(fast_heads, weight, 1e-5, angles.cos(), angles.sin());
      reference::norm_rope_inplace(plain_heads, weight, 1e-5, angles.cos(), angles.sin());
      CHECK(difference(fast, plain) <= bound(type));
      for (const std::int64_t other : {0, 4}) CHECK(at::equal(fast.select(1, other), all.select(1, other)));
    }
  }
}

void check_gated_activation(at::Device device) {
  const Random random{device};
  for (const at::ScalarType type : kTypes) {
    for (const Activation activation : {Activation::silu, Activation::gelu_tanh}) {
      for (const std::int64_t width : kWidths) {
        CAPTURE(type, width, activation == Activation::silu);
        for (const double spread : {0.01, 1.0, 40.0}) {
          const at::Tensor x = random({6, 2 * width}, type, 1, spread);
          CHECK(difference(gated_activation(x, activation), reference::gated_activation(x, activation)) <=
                bound(type));
        }
      }
    }
  }
}

struct Shape {
  std::int64_t heads, kv_heads, dim;
};

// Sequences of many lengths, a block that continues a prefix, and single queries among their keys.
AttentionPlan mixed_plan(at::Device device) {
  AttentionPlan plan;
  std::int64_t q = 0;
  std::int64_t kv = 0;
  const auto add = [&](std::int64_t q_count, std::int64_t kv_count) {
    plan.blocks.push_back({q, q_count, kv, kv_count});
    q += q_count;
    kv += kv_count;
  };
  for (const std::int64_t length : {1, 2, 15, 16, 17, 127, 128, 129, 300}) add(length, length);
  add(20, 210);
  add(1, 131);
  add(1, 1);
  add(70, 135);
  finish_plan(plan, device);
  return plan;
}

void check_attention(at::Device device) {
  const test::WithoutCudnnAttention without_cudnn;
  const Random random{device};
  const AttentionPlan plan = mixed_plan(device);
  const auto& last = plan.blocks.back();
  for (const at::ScalarType type : kTypes) {
    const double most = device.is_cuda() && type == at::kFloat ? test::kCudaAttentionBound : 2 * bound(type);
    for (const Shape& shape :
         {Shape{4, 2, 12}, Shape{3, 1, 20}, Shape{8, 8, 64}, Shape{70, 1, 2}, Shape{6, 2, 128}}) {
      // Queries and keys are views of one wider matrix, as in the model.
      const std::int64_t queries = last.q_begin + last.q_count;
      const std::int64_t keys = last.kv_begin + last.kv_count;
      const at::Tensor q = random({queries, shape.heads + 1, shape.dim}, type, 1).narrow(1, 0, shape.heads);
      const at::Tensor kv = random({keys, 2 * shape.kv_heads, shape.dim}, type, 2);
      const at::Tensor k = kv.narrow(1, 0, shape.kv_heads);
      const at::Tensor v = kv.narrow(1, shape.kv_heads, shape.kv_heads);
      for (const AttentionOptions& options :
           {AttentionOptions{.scale = 0.3}, AttentionOptions{.scale = 2.0, .softcap = 5.0},
            AttentionOptions{.scale = 0.5, .window = 1}, AttentionOptions{.scale = 0.5, .window = 100},
            AttentionOptions{.scale = 0.5, .softcap = 3.0, .window = 130}}) {
        CAPTURE(type, shape.heads, shape.kv_heads, shape.dim, options.softcap, options.window);
        const at::Tensor plain = reference::packed_attention(q, k, v, plan, options);
        CHECK(difference(packed_attention(q, k, v, plan, options), plain) <= most);
        if (options.softcap == 0.0) {
          CHECK(difference(sdpa_attention(q, k, v, plan, options), plain) <= most);
        }
      }
    }
  }
}

void check_low_scores(at::Device device) {
  const Random random{device};
  AttentionPlan plan;
  plan.blocks = {{0, 200, 0, 200}};
  finish_plan(plan, device);
  const at::Tensor q = at::full({200, 1, 16}, 30.0, at::kFloat).to(device);
  const at::Tensor k =
      at::full({200, 1, 16}, -30.0, at::kFloat).to(device) + random({200, 1, 16}, at::kFloat, 1);
  const at::Tensor v = random({200, 1, 16}, at::kFloat, 2);
  const AttentionOptions options{.scale = 1.0};
  CHECK(difference(packed_attention(q, k, v, plan, options),
                   reference::packed_attention(q, k, v, plan, options)) <= 1e-4);
}

}  // namespace

TEST_CASE("on the CPU, rms_norm equals the plain one", "[unit]") { check_rms_norm(at::kCPU); }

TEST_CASE("the plain norm is that of float64", "[unit]") {
  const Random random{at::kCPU};
  for (const std::int64_t width : kWidths) {
    CAPTURE(width);
    const at::Tensor x = random({7, width}, at::kFloat, 1, 3.0);
    const at::Tensor weight = random({width}, at::kFloat, 2);
    const at::Tensor wide = x.to(at::kDouble);
    const at::Tensor exact = wide / (wide.pow(2).mean(-1, true) + 1e-5).sqrt() * weight.to(at::kDouble);
    CHECK(difference(reference::rms_norm(x, weight, 1e-5), exact.to(at::kFloat)) <= 1e-6);
  }
}

TEST_CASE("on the CPU, add_rms_norm equals the plain one and updates the residual", "[unit]") {
  check_add_rms_norm(at::kCPU);
}

TEST_CASE("on the CPU, rope equals the plain one, in rows of a wider matrix too", "[unit]") {
  check_rope(at::kCPU);
  check_norm_rope(at::kCPU);
}

TEST_CASE("on the CPU, gated activations equal the plain ones, far values included", "[unit]") {
  check_gated_activation(at::kCPU);
}

TEST_CASE("on the CPU, attention equals the plain one", "[unit]") {
  test::with_every_kernels(Precision::bf16, false, [] { check_attention(at::kCPU); });
}

TEST_CASE("on the CPU, attention keeps its scale when all scores are far below zero", "[unit]") {
  test::with_every_kernels(Precision::bf16, false, [] { check_low_scores(at::kCPU); });
}

TEST_CASE("on CUDA, rms_norm equals the plain one", "[gpu]") {
  if (const char* why = test::why_no_kernels()) ARMORM_SKIP(why);
  check_rms_norm(at::Device(at::kCUDA, 0));
}

TEST_CASE("on CUDA, add_rms_norm equals the plain one and updates the residual", "[gpu]") {
  if (const char* why = test::why_no_kernels()) ARMORM_SKIP(why);
  check_add_rms_norm(at::Device(at::kCUDA, 0));
}

TEST_CASE("on CUDA, rope equals the plain one, in rows of a wider matrix too", "[gpu]") {
  if (const char* why = test::why_no_kernels()) ARMORM_SKIP(why);
  check_rope(at::Device(at::kCUDA, 0));
  check_norm_rope(at::Device(at::kCUDA, 0));
}

TEST_CASE("on CUDA, gated activations equal the plain ones, far values included", "[gpu]") {
  if (const char* why = test::why_no_kernels()) ARMORM_SKIP(why);
  check_gated_activation(at::Device(at::kCUDA, 0));
}

TEST_CASE("on CUDA, a row's plain norm has the same bits among any number of rows", "[gpu]") {
  if (!test::has_cuda()) ARMORM_SKIP("no CUDA device");
  const Random random{at::Device(at::kCUDA, 0)};
  for (const std::int64_t width : kWidths) {
    CAPTURE(width);
    const at::Tensor x = random({3000, width}, at::kFloat, 1);
    const at::Tensor weight = random({width}, at::kFloat, 2);
    const at::Tensor all = reference::rms_norm(x, weight, 1e-5);
    for (const std::int64_t n : {1, 2, 17, 400})
      CHECK(at::equal(reference::rms_norm(x.narrow(0, 5, n), weight, 1e-5), all.narrow(0, 5, n)));
  }
}

TEST_CASE("on CUDA, attention equals the plain one", "[gpu]") {
  if (!test::has_cuda()) ARMORM_SKIP("no CUDA device");
  check_attention(at::Device(at::kCUDA, 0));
}

TEST_CASE("on CUDA, attention keeps its scale when all scores are far below zero", "[gpu]") {
  if (!test::has_cuda()) ARMORM_SKIP("no CUDA device");
  check_low_scores(at::Device(at::kCUDA, 0));
}

}  // namespace armorm::model
