// The packed products of every kernel that this processor has, compared with float64; a row's bits depend
// only on the row.
#include "model/cpu/linear.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/words.h"
#include "model/reference_ops.h"
#include "support/test_support.h"

namespace armorm::model::cpu {
namespace {

at::Tensor random(at::IntArrayRef shape, std::uint64_t seed, at::ScalarType type) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::randn(shape, generator, at::kFloat).to(type);
}

struct Variant {
  CpuKernels kernels;
  at::ScalarType type;
  const PanelKernel* kernel;
};

std::vector<Variant> variants() {
  std::vector<Variant> list;
  for (const auto kernels :
       {CpuKernels::avx2, CpuKernels::onednn, CpuKernels::avx512, CpuKernels::avx512_bf16, CpuKernels::amx}) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      if (const PanelKernel* kernel = linear_kernel(kernels, type)) list.push_back({kernels, type, kernel});
    }
  }
  return list;
}

std::vector<std::pair<Variant, Activation>> float_gates() {
  std::vector<std::pair<Variant, Activation>> list;
  for (const Variant& variant : variants()) {
    for (const Activation activation : {Activation::silu, Activation::gelu_tanh})
      if (variant.type == at::kFloat) list.emplace_back(variant, activation);
  }
  return list;
}

at::Tensor exact_product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return at::linear(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble));
}

// One rounding of the result, and float32 sums.
double bound(at::ScalarType type) { return type == at::kFloat ? 4e-6 : 1.0 / 256; }

double relative_error(const at::Tensor& got, const at::Tensor& exact) {
  return ((got.to(at::kDouble) - exact).abs().max() / exact.abs().max()).item<double>();
}

}  // namespace

TEST_CASE("packed products equal those in float64, in shapes that straddle their blocks", "[unit]") {
  if (variants().empty()) ARMORM_SKIP("no AVX2 on this processor");
  for (const auto& [kernels, type, kernel] : variants()) {
    for (const std::int64_t n : {1, 15, 16, 17, 300, 530}) {
      for (const auto& [out, in] :
           {std::pair{64, 256}, {1, 2}, {65, 131}, {200, 1023}, {48, 1}, {66, 2110}}) {
        CAPTURE(name_of(kernels), type, n, out, in);
        const at::Tensor wide = random({n, in + 5}, 1, type);
        const at::Tensor x = wide.narrow(1, 0, in);  // rows of a wider matrix
        const at::Tensor weight = random({out, in}, 2, type);
        const at::Tensor bias = random({out}, 3, type);
        const at::Tensor exact = exact_product(x, weight, bias);
        const at::Tensor packed = pack_weight(weight);
        const at::Tensor got = cpu::linear(*kernel, x, packed, out, pack_vector(bias));
        REQUIRE(got.scalar_type() == type);
        CHECK(relative_error(got, exact) <= bound(type));
        // Sums are of float32 whatever the operands: as close as float32 sums of the rounded operands.
        const at::Tensor sums = cpu::linear(*kernel, x, packed, out, pack_vector(bias), at::kFloat);
        CHECK(relative_error(sums, exact) <= 4e-6);
        CHECK(at::equal(
            cpu::linear(*kernel, x, pack_columns(weight.t().contiguous()), out, pack_vector(bias)), got));
      }
    }
  }
}

TEST_CASE("a gated product is the activation of one half times the other, rounded once", "[unit]") {
  if (variants().empty()) ARMORM_SKIP("no AVX2 on this processor");
  for (const auto& [kernels, type, kernel] : variants()) {
    for (const Activation activation : {Activation::silu, Activation::gelu_tanh}) {
      for (const std::int64_t out : {1, 31, 32, 33, 150}) {
        CAPTURE(name_of(kernels), type, out);
        const at::Tensor x = random({37, 96}, 1, type);
        const at::Tensor weight = random({2 * out, 96}, 2, type);
        const at::Tensor bias = random({2 * out}, 3, type);
        const at::Tensor exact = reference::gated_activation(exact_product(x, weight, bias), activation);
        const at::Tensor got =
            gated_linear(*kernel, x, pack_weight(weight, true), out, pack_vector(bias, true), activation);
        REQUIRE(got.scalar_type() == type);
        CHECK(relative_error(got, exact.to(at::kDouble)) <= bound(type));
      }
    }
  }
}

TEST_CASE("gates far from 0, infinite or not a number stay what they are", "[unit]") {
  if (variants().empty()) ARMORM_SKIP("no AVX2 on this processor");
  const float infinity = std::numeric_limits<float>::infinity();
  const at::Tensor gates =
      at::tensor({-infinity, -1e30F, -200.0F, -88.0F, -0.0F, 1e-30F, 88.0F, 1e30F, infinity, NAN});
  // One input: the product of x and the weight (gate 1, value 1) is x.
  const at::Tensor weight = at::ones({2, 1});
  const at::Tensor x = at::stack({gates}, 1);
  for (const auto& [variant, activation] : float_gates()) {
    const at::Tensor got =
        gated_linear(*variant.kernel, x, pack_weight(weight, true), 1, {}, activation).flatten();
    const at::Tensor wide = gates.to(at::kDouble);
    const at::Tensor exact =
        (activation == Activation::silu ? at::silu(wide) : at::gelu(wide, "tanh")) * wide;
    for (std::int64_t i = 0; i < gates.size(0); ++i) {
      const double found = got[i].item<double>();
      const double expected = exact[i].item<double>();
      CAPTURE(name_of(variant.kernels), static_cast<int>(activation), gates[i].item<float>(), found,
              expected);
      if (std::isnan(expected)) {
        CHECK(std::isnan(found));
      } else if (std::abs(expected) > 3e38) {
        CHECK(found == std::copysign(infinity, expected));
      } else {
        CHECK(std::abs(found - expected) <= 1e-6 * std::abs(expected) + 1e-30);
      }
    }
  }
}

TEST_CASE("a row of a packed product has the same bits at any place, among any rows, on any threads",
          "[unit]") {
  if (variants().empty()) ARMORM_SKIP("no AVX2 on this processor");
  const int threads = at::get_num_threads();
  for (const auto& [kernels, type, kernel] : variants()) {
    const at::Tensor packed = pack_weight(random({200, 700}, 1, type));
    const at::Tensor x = random({600, 700}, 2, type);
    const at::Tensor whole = cpu::linear(*kernel, x, packed, 200, {});
    for (const int n : {1, 2, 16, 31, 257}) {
      at::set_num_threads(n % 3 + 1);
      for (const int first : {0, 1, 7, 300, 343}) {
        CAPTURE(name_of(kernels), type, n, first);
        CHECK(at::equal(cpu::linear(*kernel, x.narrow(0, first, n), packed, 200, {}),
                        whole.narrow(0, first, n)));
      }
    }
    at::set_num_threads(threads);
  }
}

}  // namespace armorm::model::cpu
