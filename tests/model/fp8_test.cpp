// Quantisation and products in e4m3, compared with LibTorch's own cast and float32 products.
#include "model/fp8.h"

#include <ATen/ATen.h>

#include "model/cpu_kernels.h"
#include "model/gpu_test_support.h"
#include "model/linear.h"
#include "model/model_test_support.h"
#include "model/ops.h"
#include "model/precision_deviation.h"

namespace armorm::model {
namespace {

using namespace test;

at::Tensor random(at::IntArrayRef shape, std::uint64_t seed, at::ScalarType type = at::kBFloat16) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::randn(shape, generator, at::kFloat).to(type);
}

at::Tensor dequantised(const QuantisedRows& rows) { return rows.values.to(at::kFloat) * rows.scales; }

void check_equal(const QuantisedRows& a, const QuantisedRows& b) {
  CHECK(at::equal(a.scales, b.scales));
  CHECK(at::equal(a.values.view(at::kByte), b.values.view(at::kByte)));
}

// The widths fill vectors and registers, cross vectors, and have more than registers hold.
void check_quantised_operations(at::Device device) {
  for (const std::int64_t width : {64, 4096, 31, 8200, 32776}) {
    CAPTURE(width);
    const at::Tensor x = random({5, width}, 1).to(device);
    const at::Tensor delta = random({5, width}, 2).to(device);
    const at::Tensor gate_up = random({5, 2 * width}, 3).to(device);
    const at::Tensor weight = random({width}, 4, at::kFloat).to(device);
    check_equal(quantised_rms_norm(x, weight, 1e-5), reference::quantise_rows(rms_norm(x, weight, 1e-5)));
    at::Tensor residual = x.clone();
    at::Tensor sum = x.clone();
    check_equal(quantised_add_rms_norm(residual, delta, weight, 1e-5),
                reference::quantise_rows(add_rms_norm(sum, delta, weight, 1e-5)));
    CHECK(at::equal(residual, sum));
    for (const Activation activation : {Activation::silu, Activation::gelu_tanh}) {
      check_equal(quantised_gated_activation(gate_up, activation),
                  reference::quantise_rows(gated_activation(gate_up, activation)));
    }
  }
}

void check_quantised_inputs(at::Device device) {
  const at::Tensor x = random({37, 64}, 1).to(device);
  const at::Tensor bias = random({48}, 3).to(device);
  const Linear linear = make_linear(random({48, 64}, 2).to(device), bias, WeightFormat::fp8);
  const LinearInput rows = quantise_rows(x);
  for (const std::int64_t rows_at_once : {0, 16, 37, 64}) {
    CAPTURE(rows_at_once);
    CHECK(at::equal(apply(linear, rows, rows_at_once), apply(linear, x, rows_at_once)));
  }
  const at::Tensor indices = at::tensor({36, 0, 5, 5}, at::kLong).to(device);
  check_equal(quantised(select_rows(rows, indices)), quantise_rows(x.index_select(0, indices)));
  CHECK(at::equal(select_rows(x, indices).rows, x.index_select(0, indices)));
}

// Also in pieces, whose last one is padded with zeros.
void check_pieces(at::Device device) {
  const at::Tensor x = random({21, 32}, 1).to(device);
  const at::Tensor padded = at::constant_pad_nd(x.narrow(0, 16, 5), {0, 0, 0, 3});
  CHECK(at::equal(piece_of(x, 16, 5, 8).rows, padded));
  CHECK(at::equal(piece_of(x, 8, 8, 8).rows, x.narrow(0, 8, 8)));
  check_equal(quantised(piece_of(quantise_rows(x), 16, 5, 8)), quantise_rows(padded));
  check_equal(quantised(piece_of(quantise_rows(x), 8, 8, 8)), quantise_rows(x.narrow(0, 8, 8)));
}

}  // namespace

TEST_CASE("a row is divided by its largest magnitude over 448 and cast as LibTorch casts", "[unit]") {
  at::Tensor x = random({5, 33}, 1);
  x[1].mul_(1e-4);
  x[2].mul_(3e4);
  x[3].zero_();
  const QuantisedRows rows = quantise_rows(x);
  REQUIRE(rows.values.scalar_type() == at::kFloat8_e4m3fn);
  for (const std::int64_t r : {0, 1, 2, 4}) {
    const at::Tensor row = x[r].to(at::kFloat);
    const float scale = row.abs().max().item<float>() / 448.0F;
    CHECK(rows.scales[r].item<float>() == scale);
    CHECK(at::equal(rows.values[r].to(at::kFloat), (row / scale).to(at::kFloat8_e4m3fn).to(at::kFloat)));
    CHECK(rows.values[r].to(at::kFloat).abs().max().item<float>() == 448.0F);
    // Three mantissa bits: the error is at most half a step of 1/8 of the value, or half a subnormal step.
    const at::Tensor error = (dequantised(rows)[r] - row).abs();
    CHECK((error <= row.abs() / 16 + scale / 1024 * 1.0001).all().item<bool>());
  }
  CHECK(rows.scales[3].item<float>() == 1.0F);
  CHECK(dequantised(rows)[3].abs().max().item<float>() == 0.0F);
}

TEST_CASE("a device without e4m3 products is found out", "[unit]") {
  CHECK_FALSE(has_scaled_mm(at::kCPU));
  CHECK_FALSE(make_linear(random({16, 16}, 1), {}, WeightFormat::fp8).scaled_mm);
}

TEST_CASE("an fp8 product is that of the quantised operands", "[unit]") {
  for (const auto& [n, m, k] : {std::tuple{7, 48, 64}, {33, 100, 31}, {1, 16, 16}}) {
    CAPTURE(n, m, k);
    const at::Tensor x = random({n, k}, 1);
    const at::Tensor weight = random({m, k}, 2);
    const at::Tensor bias = random({m}, 3);
    const at::Tensor exact = at::matmul(dequantised(quantise_rows(x)).to(at::kDouble),
                                        dequantised(quantise_rows(weight)).to(at::kDouble).t()) +
                             bias.to(at::kDouble);
    const at::Tensor got = apply(make_linear(weight, bias, WeightFormat::fp8), x, 0);
    REQUIRE(got.scalar_type() == at::kBFloat16);
    const double error = (got.to(at::kDouble) - exact).abs().max().item<double>();
    CHECK(error <= exact.abs().max().item<double>() / 256 * 1.01);
    const at::Tensor plain = reference::multiply_quantised(quantise_rows(x), quantise_rows(weight), bias);
    CHECK((got.to(at::kDouble) - plain.to(at::kDouble)).abs().max().item<double>() <=
          exact.abs().max().item<double>() / 128);
  }
}

TEST_CASE("norms and gated activations that quantise give the bits of both steps", "[unit]") {
  check_quantised_operations(at::kCPU);
}

TEST_CASE("an fp8 product of quantised rows is that of the rows", "[unit]") {
  check_quantised_inputs(at::kCPU);
  check_pieces(at::kCPU);
}

TEST_CASE("an fp8 layer's gated activation is quantised for the next product", "[unit]") {
  const at::Tensor x = random({7, 64}, 1);
  const Linear linear = make_linear(random({96, 64}, 2), {}, WeightFormat::fp8, /*gated=*/true);
  const LinearInput result = apply_gated(linear, x, Activation::silu, 0);
  check_equal(quantised(result), quantise_rows(gated_activation(apply(linear, x, 0), Activation::silu)));
  CHECK(result.scales.defined());
}

TEST_CASE("int8 embeddings lie closer to those of bf16 than fp8 ones", "[unit]") {
  if (available_kernels(Precision::int8, false).empty()) ARMORM_SKIP("no VNNI on this processor");
  for (const std::string model :
       {"llama_gqa", "qwen2", "gemma2", "qwen3", "phi3_longrope", "phi3_partial", "gemma3", "internlm2"}) {
    const auto sequences = golden_sequences(model);
    std::vector<std::span<const text::tokenizer::TokenId>> rows;
    for (const auto& sequence : sequences) rows.emplace_back(sequence.tokens);
    const auto deviation = [&](Precision precision) {
      const BackboneOptions options{
          .model_folder = test::golden_model(model), .precision = precision, .device = test::kCpu};
      return deviation_from_bf16(Backbone::load(options), options, rows);
    };
    const Deviation int8 = deviation(Precision::int8);
    CAPTURE(model, int8.relative, int8.lowest_cosine);
    CHECK(int8.relative > 0.002);
    CHECK(int8.relative < 0.7 * deviation(Precision::fp8).relative);
  }
}

TEST_CASE("the deviation of fp8 embeddings from bf16 is measured", "[unit]") {
  const BackboneOptions options{
      .model_folder = test::golden_model("llama_gqa"), .precision = Precision::fp8, .device = test::kCpu};
  const auto sequences = golden_sequences("llama_gqa");
  std::vector<std::span<const text::tokenizer::TokenId>> rows;
  for (const auto& sequence : sequences) rows.emplace_back(sequence.tokens);
  const Backbone fp8 = Backbone::load(options);
  const Deviation deviation = deviation_from_bf16(fp8, options, rows);
  CHECK(deviation.rows == std::ssize(rows));
  // Rounding to 3 mantissa bits changes each operand by about 2.6 %, which the sharp attention of these small
  // random weights magnifies.
  CHECK(deviation.relative > 0.026);
  CHECK(deviation.relative < 0.26);
  CHECK(deviation.lowest_cosine > 0.93);
  BackboneOptions same = options;
  same.precision = Precision::bf16;
  const Deviation none = deviation_from_bf16(Backbone::load(same), same, rows);
  CHECK(none.relative == 0.0);
  CHECK(none.lowest_cosine == Approx(1.0));
}

TEST_CASE("on CUDA, quantisation equals the plain one", "[gpu]") {
  if (const char* why = test::why_no_kernels()) ARMORM_SKIP(why);
  for (const std::int64_t width : {64, 4096, 31}) {
    for (const at::ScalarType type : {at::kBFloat16, at::kFloat}) {
      CAPTURE(width, type);
      const at::Tensor x = random({37, width}, 1, type).cuda();
      const QuantisedRows fast = quantise_rows(x);
      const QuantisedRows plain = reference::quantise_rows(x);
      CHECK(at::equal(fast.scales, plain.scales));
      CHECK(at::equal(fast.values.to(at::kFloat), plain.values.to(at::kFloat)));
    }
  }
}

TEST_CASE("on CUDA, norms and gated activations that quantise give the bits of both steps", "[gpu]") {
  if (const char* why = test::why_no_kernels()) ARMORM_SKIP(why);
  check_quantised_operations(at::Device(at::kCUDA, 0));
}

TEST_CASE("on CUDA, an fp8 product of quantised rows is that of the rows", "[gpu]") {
  if (!test::has_cuda()) ARMORM_SKIP("no CUDA device");
  check_quantised_inputs(at::Device(at::kCUDA, 0));
  check_pieces(at::Device(at::kCUDA, 0));
}

// On CUDA; `bound` is relative to the largest value of the plain products.
static void check_close_to_plain(WeightFormat format, double bound) {
  for (const std::int64_t width : {64, 4096, 31}) {
    CAPTURE(width);
    const at::Tensor weight = random({48, width}, 2).cuda();
    const at::Tensor x = random({37, width}, 3).cuda();
    const at::Tensor bias = random({48}, 4).cuda();
    const at::Tensor plain =
        reference::multiply_quantised(quantise_rows(x), quantise_rows(weight), bias).to(at::kFloat);
    // Uses tensor cores where the device has them for e4m3, else the plain product.
    const at::Tensor found = apply(make_linear(weight, bias, format), x, 0).to(at::kFloat);
    CHECK((found - plain).abs().max().item<double>() <= plain.abs().max().item<double>() * bound);
  }
}

TEST_CASE("on CUDA, fp8 products equal the plain ones", "[gpu]") {
  if (!test::has_cuda()) ARMORM_SKIP("no CUDA device");
  check_close_to_plain(WeightFormat::fp8, 1.0 / 128);
}

// The tensor cores' sums keep at least 13 bits after the leading one, and each of the 4096 / 32 steps rounds
// once.
TEST_CASE("on CUDA, fp8 products that sum fast are close to the plain ones", "[gpu]") {
  if (!test::has_cuda()) ARMORM_SKIP("no CUDA device");
  check_close_to_plain(WeightFormat::fp8_fast, 1.0 / 128 + 128.0 / 8192);
}

TEST_CASE("on CUDA, pieces of an fp8 product have the bits of the product of each", "[gpu]") {
  if (!test::has_cuda()) ARMORM_SKIP("no CUDA device");
  const at::Tensor x = random({40, 4096}, 3).cuda();
  for (const WeightFormat format : {WeightFormat::plain, WeightFormat::fp8, WeightFormat::fp8_fast}) {
    const Linear linear = make_linear(random({48, 4096}, 2).cuda(), random({48}, 4).cuda(), format);
    const at::Tensor pieces = apply(linear, x, 16);
    CHECK(at::equal(pieces.narrow(0, 0, 16), apply(linear, x.narrow(0, 0, 16), 0)));
    CHECK(at::equal(pieces.narrow(0, 16, 16), apply(linear, x.narrow(0, 16, 16), 0)));
    CHECK(at::equal(pieces.narrow(0, 32, 8), apply(linear, x.narrow(0, 32, 8), 16)));
  }
}

}  // namespace armorm::model
