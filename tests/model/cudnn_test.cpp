#include "model/cudnn.h"

#include <ATen/ATen.h>

#include "model/attention.h"
#include "model/backbone.h"
#include "model/gpu_test_support.h"
#include "model/reference_ops.h"
#include "support/test_support.h"

namespace armorm::model {
namespace {

using Catch::Matchers::Contains;

constexpr int kHopper = 90;

// An H200, with CUDA's names of its properties.
constexpr const char* kH200 = R"({"deviceVer": 900, "driverVer": 13000, "cudaDeviceId": 0,
  "maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64], "regsPerBlock": 65536,
  "multiProcessorCount": 132, "warpSize": 32, "totalGlobalMem": 150754820096,
  "maxSharedMemoryPerBlock": 49152, "maxSharedMemoryPerBlockOptin": 232448,
  "reservedSharedMemoryPerBlock": 1024, "maxRegistersPerSM": 65536, "maxCtasPerSM": 32,
  "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048, "pciDeviceId": 0, "isTccDriver": 0,
  "supportCoopLaunch": 1, "smClockRateKHz": 1980000, "memClockRateKHz": 3201000, "l2CacheSize": 62914560,
  "deviceName": "NVIDIA H200"})";

struct Heads {
  std::int64_t heads, kv_heads, dim;
};
const Heads kHeads[] = {{8, 8, 64}, {8, 2, 128}, {4, 2, 256}};  // the last are Gemma 2's

const AttentionOptions kMasks[] = {{.scale = 0.125}, {.scale = 0.125, .window = 100}};
const AttentionOptions kSoftcaps[] = {{.scale = 0.5, .softcap = 5.0},
                                      {.scale = 0.5, .softcap = 5.0, .window = 130}};

PackedShape shape_of(const Heads& heads, std::int64_t longest_q, std::int64_t longest_kv,
                     const AttentionOptions& options) {
  const std::int64_t row = (heads.heads + 2 * heads.kv_heads) * heads.dim;
  return {.sequences = 32,
          .longest_q = longest_q,
          .longest_kv = longest_kv,
          .heads = heads.heads,
          .kv_heads = heads.kv_heads,
          .head_dim = heads.dim,
          .q_row = row,
          .k_row = row,
          .v_row = row,
          .window = options.window,
          .scale = options.scale,
          .softcap = options.softcap};
}

void check_graphs(const AttentionOptions& options) {
  for (const Heads& heads : kHeads) {
    CAPTURE(heads.heads, heads.kv_heads, heads.dim, options.window, options.softcap);
    CHECK(why_no_graph(shape_of(heads, 512, 512, options), kHopper, kH200) == "");
    CHECK(why_no_graph(shape_of(heads, 128, 2048, options), kHopper, kH200) == "");  // shared prefixes
  }
}

// Sequences of many lengths, and blocks that continue a prefix.
AttentionPlan mixed_plan(at::Device device) {
  AttentionPlan plan;
  std::int64_t q = 0;
  std::int64_t kv = 0;
  const auto add = [&](std::int64_t q_count, std::int64_t kv_count) {
    plan.blocks.push_back({q, q_count, kv, kv_count});
    q += q_count;
    kv += kv_count;
  };
  for (const std::int64_t length : {1, 2, 63, 64, 65, 127, 128, 129, 300, 1000}) add(length, length);
  add(20, 210);
  add(1, 131);
  add(130, 700);
  add(70, 135);
  finish_plan(plan, device);
  return plan;
}

struct Tensors {
  at::Tensor q, k, v;
};

// Views of wider matrices, as in the model.
Tensors random_tensors(const AttentionPlan& plan, const Heads& heads, at::Device device) {
  const auto random = [&](at::IntArrayRef shape, std::uint64_t seed) {
    at::Generator generator = at::detail::createCPUGenerator(seed);
    return at::randn(shape, generator, at::kFloat).to(at::kBFloat16).to(device);
  };
  const AttentionBlock& last = plan.blocks.back();
  const at::Tensor q = random({last.q_begin + last.q_count, heads.heads + 1, heads.dim}, 1);
  const at::Tensor kv = random({last.kv_begin + last.kv_count, 2 * heads.kv_heads, heads.dim}, 2);
  return {q.narrow(1, 0, heads.heads), kv.narrow(1, 0, heads.kv_heads),
          kv.narrow(1, heads.kv_heads, heads.kv_heads)};
}

// The largest difference, relative to the largest value of the reference.
double difference(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor exact = b.to(at::kDouble);
  return ((a.to(at::kDouble) - exact).abs().max() / exact.abs().max()).item<double>();
}

void check_attention(const AttentionOptions& options, bool must_have_plan) {
  const at::Device device(at::kCUDA, 0);
  const AttentionPlan plan = mixed_plan(device);
  for (const Heads& heads : kHeads) {
    CAPTURE(heads.heads, heads.kv_heads, heads.dim, options.window, options.softcap);
    const Tensors t = random_tensors(plan, heads, device);
    const std::optional<at::Tensor> result = cudnn_attention(t.q, t.k, t.v, plan, options);
    if (must_have_plan) CHECK(result);
    if (!result) continue;
    CHECK(result->sizes() == t.q.sizes());
    CHECK(result->is_contiguous());
    const at::Tensor plain = reference::packed_attention(t.q, t.k, t.v, plan, options);
    CHECK(difference(*result, plain) <= 1.0 / 64);  // twice that of rounding to bfloat16
    CHECK(at::equal(*cudnn_attention(t.q, t.k, t.v, plan, options), *result));
  }
}

std::string why_no_gpu() {
  return test::has_cuda() ? why_no_cudnn(at::Device(at::kCUDA, 0)) : "no CUDA device";
}

}  // namespace

TEST_CASE("cuDNN accepts the graphs of packed attention for an H200", "[unit]") {
  if (cudnn_name().empty()) ARMORM_SKIP("no cuDNN, or no front end in this build");
  CHECK_THAT(cudnn_name(), Contains("cuDNN 9."));
  for (const AttentionOptions& options : kMasks) check_graphs(options);
  for (const AttentionOptions& options : kSoftcaps) check_graphs(options);
}

TEST_CASE("cuDNN says why it refuses a graph", "[unit]") {
  if (cudnn_name().empty()) ARMORM_SKIP("no cuDNN, or no front end in this build");
  CHECK_THAT(why_no_graph(shape_of({8, 3, 64}, 512, 512, kMasks[0]), kHopper, kH200),
             Contains("number of heads"));
  CHECK_FALSE(why_no_graph(shape_of(kHeads[0], 512, 512, kMasks[0]), kHopper, "{}").empty());
}

TEST_CASE("a device that is not there has no attention of cuDNN", "[unit]") {
  CHECK_FALSE(why_no_cudnn(at::Device(at::kCUDA, 99)).empty());
  CHECK_FALSE(why_no_cudnn(at::Device(at::kCPU)).empty());
}

TEST_CASE("attention is LibTorch's on a CPU, in fp32, if chosen, and where bits must not depend on packs",
          "[unit]") {
  CHECK(cudnn_of({.model_folder = {}, .device = -1}) == "");
  CHECK(cudnn_of({.model_folder = {}, .precision = Precision::fp32}) == "");
  CHECK(cudnn_of({.model_folder = {}, .batch_invariant = true}) == "");
  CHECK(cudnn_of({.model_folder = {}, .attention = GpuAttention::flash}) == "");
}

TEST_CASE("on CUDA, embeddings name the cuDNN of their attention", "[gpu]") {
  if (const std::string why = why_no_gpu(); !why.empty()) ARMORM_SKIP(why);
  CHECK(cudnn_of({.model_folder = {}}) == cudnn_name());
}

TEST_CASE("on CUDA, cuDNN's attention equals the plain one", "[gpu]") {
  if (const std::string why = why_no_gpu(); !why.empty()) ARMORM_SKIP(why);
  for (const AttentionOptions& options : kMasks) check_attention(options, true);
}

TEST_CASE("on CUDA, cuDNN's attention with a soft cap equals the plain one where it has plans", "[gpu]") {
  if (const std::string why = why_no_gpu(); !why.empty()) ARMORM_SKIP(why);
  for (const AttentionOptions& options : kSoftcaps) check_attention(options, false);
}

TEST_CASE("on CUDA, attention of shapes without a plan is LibTorch's", "[gpu]") {
  if (const std::string why = why_no_gpu(); !why.empty()) ARMORM_SKIP(why);
  const at::Device device(at::kCUDA, 0);
  AttentionPlan plan;
  plan.blocks = {{0, 1, 0, 70}, {1, 1, 70, 9}};
  finish_plan(plan, device);
  const Tensors t = random_tensors(plan, kHeads[1], device);
  AttentionOptions options = kMasks[0];
  CHECK_FALSE(cudnn_attention(t.q, t.k, t.v, plan, options));
  const at::Tensor flash = packed_attention(t.q, t.k, t.v, plan, options);
  options.cudnn = true;
  CHECK(at::equal(packed_attention(t.q, t.k, t.v, plan, options), flash));
}

}  // namespace armorm::model
