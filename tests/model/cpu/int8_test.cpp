// int8 products compared with float64 products of the values that the quantised operands stand for.
#include "model/cpu/int8.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/words.h"
#include "model/cpu/pack.h"
#include "model/reference_ops.h"
#include "support/test_support.h"

namespace armorm::model::cpu {
namespace {

at::Tensor random(at::IntArrayRef shape, std::uint64_t seed, at::ScalarType type = at::kBFloat16) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::randn(shape, generator, at::kFloat).to(type);
}

std::vector<const PanelKernel*> kernels() {
  std::vector<const PanelKernel*> list;
  for (const auto k : {CpuKernels::avx512, CpuKernels::amx})
    if (const PanelKernel* kernel = panel_kernel(k, Operand::int8)) list.push_back(kernel);
  return list;
}

// float64 values of the quantised rows, outliers included.
at::Tensor values_of(const Int8Rows& rows, std::int64_t in) {
  at::Tensor values =
      (rows.values.narrow(1, 0, in).to(at::kDouble) - 128.0) * rows.scales.to(at::kDouble).unsqueeze(1);
  const auto counts = rows.outlier_counts.accessor<std::int32_t, 1>();
  for (std::int64_t r = 0; r < values.size(0); ++r) {
    for (std::int64_t o = 0; o < counts[r]; ++o)
      values[r][rows.outlier_columns[r][o].item<std::int64_t>()] = rows.outlier_values[r][o].to(at::kDouble);
  }
  return values;
}

// By output channel: the largest magnitude becomes 127.
at::Tensor rounded_weight(const at::Tensor& weight) {
  const at::Tensor wide = weight.to(at::kFloat);
  const at::Tensor largest = wide.abs().amax(1, true);
  const at::Tensor scales = at::where(largest.gt(0), largest / 127.0, at::ones_like(largest));
  return (wide / scales).round().to(at::kDouble) * scales.to(at::kDouble);
}

}  // namespace

TEST_CASE("a row of int8 values has its largest magnitude at 127, and few outliers beside", "[unit]") {
  if (kernels().empty()) ARMORM_SKIP("no VNNI on this processor");
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    at::Tensor x = random({5, 1001}, 1, type);
    x[1].mul_(1e-20);
    x[2].zero_();
    x[3].narrow(0, 100, 7).mul_(300);
    const Int8Rows rows = quantise_to_int8(x);
    REQUIRE(rows.values.size(1) == 1004);
    CHECK(rows.values.narrow(1, 1001, 3).eq(128).all().item<bool>());
    CHECK(rows.scales[2].item<float>() == 1.0F);
    CHECK(rows.values[2].eq(128).all().item<bool>());
    const at::Tensor wide = x.to(at::kDouble);
    const at::Tensor error = (values_of(rows, 1001) - wide).abs();
    for (std::int64_t r = 0; r < 5; ++r) {
      CAPTURE(type, r);
      const auto outliers = rows.outlier_counts[r].item<std::int64_t>();
      CHECK(outliers <= (r == 3 ? 10 : 3));
      if (r == 3) CHECK(outliers >= 5);
      // Half a step, and the rounding of the division by the scale.
      CHECK(error[r].max().item<double>() <= rows.scales[r].item<double>() * 0.5001);
      if (r != 2)
        CHECK((rows.values[r].to(at::kInt) - 128).abs().max().item<int>() == 127);
    }
  }
}

TEST_CASE("a row with too many large values keeps the largest as outliers", "[unit]") {
  if (kernels().empty()) ARMORM_SKIP("no VNNI on this processor");
  at::Tensor x = at::ones({1, 4096}, at::kFloat);
  x[0].narrow(0, 0, 40).fill_(1e4);
  x[0].narrow(0, 40, 200).fill_(1e3);
  const Int8Rows rows = quantise_to_int8(x);
  CHECK(rows.outlier_counts[0].item<int>() == 40);
  CHECK((values_of(rows, 4096) - x.to(at::kDouble)).abs().max().item<double>() <= 1e3 / 127 / 2 * 1.0001);
}

TEST_CASE("int8 products are those of the rounded operands, on every kernel and with the same bits",
          "[unit]") {
  if (kernels().empty()) ARMORM_SKIP("no VNNI on this processor");
  for (const auto& [n, out, in] : {std::tuple{1, 1, 3}, {17, 65, 131}, {300, 200, 1023}, {33, 48, 4100}}) {
    CAPTURE(n, out, in);
    at::Tensor x = random({n, in}, 1, at::kFloat);
    x.select(1, in / 2).mul_(100);
    const at::Tensor weight = random({out, in}, 2);
    const at::Tensor bias = random({out}, 3);
    const at::Tensor exact =
        at::linear(values_of(quantise_to_int8(x), in), rounded_weight(weight), bias.to(at::kDouble));
    const Int8Weight packed = pack_int8(weight);
    const at::Tensor first = int8_linear(*kernels().front(), x, packed, out, pack_vector(bias));
    CHECK(((first.to(at::kDouble) - exact).abs().max() / exact.abs().max()).item<double>() <= 2e-6);
    for (const PanelKernel* kernel : kernels())
      CHECK(at::equal(int8_linear(*kernel, x, packed, out, pack_vector(bias)), first));
    // bfloat16 rows: the same sums of the rounded rows, rounded once.
    const at::Tensor narrow = x.to(at::kBFloat16);
    CHECK(at::equal(int8_linear(*kernels().back(), narrow, packed, out, pack_vector(bias)),
                    int8_linear(*kernels().front(), narrow.to(at::kFloat), packed, out, pack_vector(bias))
                        .to(at::kBFloat16)));
  }
}

TEST_CASE("a gated int8 product is the activation of one half times the other", "[unit]") {
  if (kernels().empty()) ARMORM_SKIP("no VNNI on this processor");
  for (const std::int64_t out : {1, 33, 150}) {
    const at::Tensor x = random({21, 260}, 1, at::kFloat);
    const at::Tensor weight = random({2 * out, 260}, 2);
    const at::Tensor product = at::linear(values_of(quantise_to_int8(x), 260), rounded_weight(weight));
    for (const Activation activation : {Activation::silu, Activation::gelu_tanh}) {
      const at::Tensor exact = reference::gated_activation(product, activation).to(at::kDouble);
      for (const PanelKernel* kernel : kernels()) {
        const at::Tensor got = int8_gated_linear(*kernel, x, pack_int8(weight, true), out, {}, activation);
        CHECK(((got.to(at::kDouble) - exact).abs().max() / exact.abs().max()).item<double>() <= 4e-6);
      }
    }
  }
}

TEST_CASE("a row of an int8 product has the same bits among any rows, on any threads", "[unit]") {
  if (kernels().empty()) ARMORM_SKIP("no VNNI on this processor");
  const int threads = at::get_num_threads();
  at::Tensor x = random({600, 700}, 2);
  x.select(1, 5).mul_(100);
  const Int8Weight packed = pack_int8(random({200, 700}, 1));
  const at::Tensor complete = int8_linear(*kernels().front(), x, packed, 200, {});
  for (const PanelKernel* kernel : kernels()) {
    for (const int n : {1, 2, 16, 31, 257}) {
      at::set_num_threads(n % 3 + 1);
      for (const int first : {0, 1, 7, 300, 343})
        CHECK(at::equal(int8_linear(*kernel, x.narrow(0, first, n), packed, 200, {}),
                        complete.narrow(0, first, n)));
    }
  }
  at::set_num_threads(threads);
}

}  // namespace armorm::model::cpu
