// Integer products compared with float64 products of the values that the quantised operands stand for.
#include "model/cpu/integers.h"

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

constexpr std::array kTypes{Integers::int8, Integers::int16};

std::vector<const PanelKernel*> kernels(Integers type) {
  std::vector<const PanelKernel*> list;
  const Operand operand = type == Integers::int8 ? Operand::int8 : Operand::int16;
  for (const auto k : {CpuKernels::avx512, CpuKernels::amx})
    if (const PanelKernel* kernel = panel_kernel(k, operand)) list.push_back(kernel);
  return list;
}

// float64 values of the quantised rows, outliers included.
at::Tensor values_of(const IntegerRows& rows, std::int64_t in) {
  const double zero = rows.values.scalar_type() == at::kByte ? 128.0 : 0.0;
  at::Tensor values =
      (rows.values.narrow(1, 0, in).to(at::kDouble) - zero) * rows.scales.to(at::kDouble).unsqueeze(1);
  const auto counts = rows.outlier_counts.accessor<std::int32_t, 1>();
  for (std::int64_t r = 0; r < values.size(0); ++r) {
    for (std::int64_t o = 0; o < counts[r]; ++o)
      values[r][rows.outlier_columns[r][o].item<std::int64_t>()] = rows.outlier_values[r][o].to(at::kDouble);
  }
  return values;
}

// By output channel, of 8 bits by group of inputs too: the largest magnitude becomes the largest integer.
at::Tensor rounded_weight(const at::Tensor& weight, Integers type) {
  std::vector<at::Tensor> groups;
  for (const at::Tensor& group : weight.to(at::kFloat).split(inputs_of_group(type), 1)) {
    const at::Tensor largest = group.abs().amax(1, true);
    const at::Tensor scales =
        at::where(largest.gt(0), largest / largest_integer(type), at::ones_like(largest));
    groups.push_back((group / scales).round().to(at::kDouble) * scales.to(at::kDouble));
  }
  return at::cat(groups, 1);
}

// The float64 product of what the integers stand for.
at::Tensor product_of_integers(const at::Tensor& x, const at::Tensor& weight, Integers type) {
  const at::Tensor factors = pack_integers(weight, type).input_scales;
  const at::Tensor balanced = factors.defined() ? weight.to(at::kFloat) / factors : weight;
  return at::linear(values_of(quantise_rows(x, type, factors), x.size(1)), rounded_weight(balanced, type));
}

}  // namespace

TEST_CASE("the largest integers are those whose sums fit 32 bits", "[unit]") {
  constexpr std::int64_t kLimit = std::int64_t{1} << 31;
  CHECK(255 * 127 * inputs_of_group(Integers::int8) < kLimit);
  const std::int64_t most = largest_integer(Integers::int16);
  CHECK(most * most * inputs_of_group(Integers::int16) < kLimit);
  CHECK((most + 1) * (most + 1) * inputs_of_group(Integers::int16) > kLimit);
}

TEST_CASE("sums of the largest integers do not overflow", "[unit]") {
  for (const Integers type : kTypes) {
    if (kernels(type).empty()) ARMORM_SKIP("no VNNI on this processor");
    for (const std::int64_t in : {64, 1024, 14336, 65536}) {
      const at::Tensor x = at::ones({16, in}, at::kFloat);
      const IntegerWeight weight = pack_integers(at::ones({64, in}, at::kFloat), type);
      for (const PanelKernel* kernel : kernels(type)) {
        const at::Tensor got = integer_linear(*kernel, x, weight, 64, {});
        CHECK((got - static_cast<double>(in)).abs().max().item<double>() <= 1e-6 * static_cast<double>(in));
      }
    }
  }
}

TEST_CASE("a row of int8 values has its largest magnitude at 127, and few outliers beside", "[unit]") {
  if (kernels(Integers::int8).empty()) ARMORM_SKIP("no VNNI on this processor");
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    at::Tensor x = random({5, 1001}, 1, type);
    x[1].mul_(1e-20);
    x[2].zero_();
    x[3].narrow(0, 100, 7).mul_(300);
    const IntegerRows rows = quantise_rows(x, Integers::int8);
    REQUIRE(rows.values.size(1) == 1004);
    CHECK(rows.values.narrow(1, 1001, 3).eq(128).all().item<bool>());
    CHECK(rows.scales[2].item<float>() == 1.0F);
    CHECK(rows.values[2].eq(128).all().item<bool>());
    const at::Tensor wide = x.to(at::kDouble);
    const at::Tensor error = (values_of(rows, 1001) - wide).abs();
    for (std::int64_t r = 0; r < 5; ++r) {
      CAPTURE(type, r);
      const auto outliers = rows.outlier_counts[r].item<std::int64_t>();
      CHECK(outliers <= 15);
      if (r == 3) CHECK(outliers >= 5);
      // Half a step, and the rounding of the division by the scale.
      CHECK(error[r].max().item<double>() <= rows.scales[r].item<double>() * 0.5001);
      if (r != 2) CHECK((rows.values[r].to(at::kInt) - 128).abs().max().item<int>() == 127);
    }
  }
}

TEST_CASE("a row with too many large values keeps the largest as outliers", "[unit]") {
  if (kernels(Integers::int8).empty()) ARMORM_SKIP("no VNNI on this processor");
  at::Tensor x = at::ones({1, 4096}, at::kFloat);
  x[0].narrow(0, 0, 40).fill_(1e4);
  x[0].narrow(0, 40, 200).fill_(1e3);
  const IntegerRows rows = quantise_rows(x, Integers::int8);
  CHECK(rows.outlier_counts[0].item<int>() == 40);
  CHECK((values_of(rows, 4096) - x.to(at::kDouble)).abs().max().item<double>() <= 1e3 / 127 / 2 * 1.0001);
}

TEST_CASE("a row that is not finite has results that are not", "[unit]") {
  for (const Integers type : kTypes) {
    if (kernels(type).empty()) ARMORM_SKIP("no VNNI on this processor");
    const IntegerWeight weight = pack_integers(random({70, 300}, 1), type);
    for (const float value : {NAN, HUGE_VALF, -HUGE_VALF}) {
      at::Tensor x = random({9, 300}, 2, at::kFloat);
      x[4][17] = value;
      for (const PanelKernel* kernel : kernels(type)) {
        const at::Tensor got = integer_linear(*kernel, x, weight, 70, {});
        CHECK_FALSE(got[4].isfinite().any().item<bool>());
        CHECK(got.isfinite().sum().item<std::int64_t>() == 8 * 70);
      }
    }
  }
}

TEST_CASE("integer products are those of the rounded operands, on every kernel and with the same bits",
          "[unit]") {
  for (const Integers type : kTypes) {
    if (kernels(type).empty()) ARMORM_SKIP("no VNNI on this processor");
    for (const auto& [n, out, in] : {std::tuple{1, 1, 3}, {17, 65, 131}, {300, 200, 1023}, {33, 48, 4100}}) {
      CAPTURE(static_cast<int>(type), n, out, in);
      at::Tensor x = random({n, in}, 1, at::kFloat);
      x.select(1, in / 2).mul_(100);
      x.select(1, 0).mul_(-100);
      const at::Tensor weight = random({out, in}, 2);
      const at::Tensor bias = random({out}, 3);
      const at::Tensor exact = product_of_integers(x, weight, type) + bias.to(at::kDouble);
      const IntegerWeight packed = pack_integers(weight, type);
      const at::Tensor biases = pack_vector(bias);
      const at::Tensor first = integer_linear(*kernels(type).front(), x, packed, out, biases);
      CHECK(((first.to(at::kDouble) - exact).abs().max() / exact.abs().max()).item<double>() <= 2e-6);
      for (const PanelKernel* kernel : kernels(type))
        CHECK(at::equal(integer_linear(*kernel, x, packed, out, biases), first));
      // bfloat16 rows: the same sums of the rounded rows, rounded once.
      const at::Tensor narrow = x.to(at::kBFloat16);
      CHECK(at::equal(integer_linear(*kernels(type).back(), narrow, packed, out, biases),
                      integer_linear(*kernels(type).front(), narrow.to(at::kFloat), packed, out, biases)
                          .to(at::kBFloat16)));
    }
  }
}

TEST_CASE("inputs 100 times larger than the others with weights 100 times smaller change nothing", "[unit]") {
  for (const Integers type : kTypes) {
    if (kernels(type).empty()) ARMORM_SKIP("no VNNI on this processor");
    const at::Tensor x = random({40, 1024}, 1, at::kFloat);
    const at::Tensor weight = random({64, 1024}, 2, at::kFloat);
    const at::Tensor exact = at::linear(x.to(at::kDouble), weight.to(at::kDouble));
    const auto error = [&](const at::Tensor& rows, const at::Tensor& columns) {
      const at::Tensor got =
          integer_linear(*kernels(type).front(), rows, pack_integers(columns, type), 64, {});
      return ((got.to(at::kDouble) - exact).norm() / exact.norm()).item<double>();
    };
    const double plain = error(x, weight);
    at::Tensor large = x.clone();
    at::Tensor small = weight.clone();
    for (const int column : {0, 13, 300, 511, 700, 1023}) {
      large.select(1, column).mul_(100);
      small.select(1, column).div_(100);
    }
    CAPTURE(static_cast<int>(type), plain);
    CHECK(plain < (type == Integers::int8 ? 0.012 : 0.0015));
    CHECK(error(large, small) < 1.05 * plain);
    // The other way round, the weights decide the steps, and the activations do not.
    CHECK(error(x.clone().div_(100), weight.clone().mul_(100)) < 1.05 * plain);
  }
}

TEST_CASE("a gated integer product is the activation of one half times the other", "[unit]") {
  for (const Integers type : kTypes) {
    if (kernels(type).empty()) ARMORM_SKIP("no VNNI on this processor");
    for (const std::int64_t out : {1, 33, 150}) {
      const at::Tensor x = random({21, 260}, 1, at::kFloat);
      const at::Tensor weight = random({2 * out, 260}, 2);
      const at::Tensor product = product_of_integers(x, weight, type);
      for (const Activation activation : {Activation::silu, Activation::gelu_tanh}) {
        const at::Tensor exact = reference::gated_activation(product, activation).to(at::kDouble);
        for (const PanelKernel* kernel : kernels(type)) {
          const at::Tensor got =
              integer_gated_linear(*kernel, x, pack_integers(weight, type, true), out, {}, activation);
          CHECK(((got.to(at::kDouble) - exact).abs().max() / exact.abs().max()).item<double>() <= 4e-6);
        }
      }
    }
  }
}

TEST_CASE("a row of an integer product has the same bits among any rows, on any threads", "[unit]") {
  const int threads = at::get_num_threads();
  for (const Integers type : kTypes) {
    if (kernels(type).empty()) ARMORM_SKIP("no VNNI on this processor");
    at::Tensor x = random({600, 700}, 2);
    x.select(1, 5).mul_(100);
    const IntegerWeight packed = pack_integers(random({200, 700}, 1), type);
    const at::Tensor complete = integer_linear(*kernels(type).front(), x, packed, 200, {});
    for (const PanelKernel* kernel : kernels(type)) {
      for (const int n : {1, 2, 16, 31, 257}) {
        at::set_num_threads(n % 3 + 1);
        for (const int first : {0, 1, 7, 300, 343})
          CHECK(at::equal(integer_linear(*kernel, x.narrow(0, first, n), packed, 200, {}),
                          complete.narrow(0, first, n)));
      }
    }
  }
  at::set_num_threads(threads);
}

}  // namespace armorm::model::cpu
