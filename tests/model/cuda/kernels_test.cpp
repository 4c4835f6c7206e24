// The CUDA kernels, compiled as host code, compared with the plain operations: over widths that fill and
// cross vectors, warps and blocks, bases off the boundary of a vector, rows of wider matrices, and both
// orders of the threads. Accesses that are misaligned or out of bounds throw (support/simt).
#include "support/simt/kernels.h"

#include <ATen/ATen.h>

#include "model/fp8.h"
#include "model/reference_ops.h"
#include "support/simt/conversions.h"
#include "support/simt/memory.h"
#include "support/test_support.h"

namespace armorm::model {
namespace {

namespace kernels = cuda_on_host;
using kernels::Element;

const std::int64_t kOffsets[] = {0, 1, 8};  // elements
const at::ScalarType kTypes[] = {at::kFloat, at::kBFloat16};
constexpr double kEps = 1e-5;

Element element_of(const at::Tensor& x) {
  return x.scalar_type() == at::kBFloat16 ? Element::bf16 : Element::fp32;
}

at::Tensor random(at::IntArrayRef shape, at::ScalarType type, std::uint64_t seed, double spread = 1.0) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return (at::randn(shape, generator, at::kFloat) * spread).to(type);
}

// A tensor in the memory of the kernels, `offset` elements after a boundary.
class OnDevice {
 public:
  explicit OnDevice(const at::Tensor& x, std::int64_t offset = 0)
      : like_(x.contiguous()), memory_(x.nbytes(), static_cast<std::size_t>(offset) * x.element_size()) {
    std::memcpy(memory_.data(), like_.const_data_ptr(), memory_.size());
  }
  // Of a result. Its bytes are NaN.
  OnDevice(at::IntArrayRef shape, at::ScalarType type, std::int64_t offset = 0)
      : like_(at::empty(shape, type)),
        memory_(like_.nbytes(), static_cast<std::size_t>(offset) * like_.element_size()) {}

  void* data() { return memory_.data(); }
  float* floats() { return reinterpret_cast<float*>(memory_.data()); }
  at::Tensor tensor() const {
    at::Tensor out = at::empty_like(like_);
    std::memcpy(out.mutable_data_ptr(), memory_.data(), memory_.size());
    return out;
  }

 private:
  at::Tensor like_;
  test::simt::Memory memory_;
};

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() &&
         std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
}

using Results = std::vector<at::Tensor>;

// The results of `launch`, of which the order of the threads changes no bit.
Results launched(const std::function<Results()>& launch) {
  test::simt::use_order(test::simt::Order::descending);
  const Results reverse = launch();
  test::simt::use_order(test::simt::Order::ascending);
  Results results = launch();
  REQUIRE(results.size() == reverse.size());
  for (std::size_t i = 0; i < results.size(); ++i) CHECK(same_bits(results[i], reverse[i]));
  return results;
}

// Each value, with slack for the order of sums and half a step of bfloat16 in either direction.
bool close(const at::Tensor& a, const at::Tensor& b, double absolute = 1e-30) {
  REQUIRE(a.scalar_type() == b.scalar_type());
  const double relative = a.scalar_type() == at::kFloat ? 2e-6 : 1.0 / 128;
  return at::allclose(a.to(at::kDouble), b.to(at::kDouble), relative, absolute);
}

double largest(const at::Tensor& x) { return x.to(at::kDouble).abs().max().item<double>(); }

// Normalised, and the residual if there is a delta.
Results norm(const at::Tensor& x, const at::Tensor& delta, const at::Tensor& weight, std::int64_t offset) {
  return launched([&]() -> Results {
    OnDevice rows(x, offset);
    OnDevice factors(weight);
    OnDevice out(x.sizes(), x.scalar_type(), offset);
    const auto eps = static_cast<float>(kEps);
    if (!delta.defined()) {
      kernels::launch_rms_norm(element_of(x), rows.data(), factors.floats(), out.data(), x.size(0), x.size(1),
                               eps, nullptr);
      return {out.tensor(), rows.tensor()};
    }
    OnDevice added(delta, offset);
    kernels::launch_add_rms_norm(element_of(x), rows.data(), added.data(), factors.floats(), out.data(),
                                 x.size(0), x.size(1), eps, nullptr);
    return {out.tensor(), rows.tensor()};
  });
}

void check_norm(const at::Tensor& x, const at::Tensor& delta, std::int64_t offset) {
  CAPTURE(x.scalar_type(), x.size(0), x.size(1), delta.defined(), offset);
  const at::Tensor weight = random({x.size(1)}, at::kFloat, 3);
  const Results results = norm(x, delta, weight, offset);
  at::Tensor residual = x.clone();
  const at::Tensor plain = delta.defined() ? reference::add_rms_norm(residual, delta, weight, kEps)
                                           : reference::rms_norm(residual, weight, kEps);
  CHECK(close(results[0], plain));
  CHECK(same_bits(results[1], residual));
}

at::Tensor gated(const at::Tensor& gate_up, Activation activation, std::int64_t offset) {
  const auto kernel =
      activation == Activation::silu ? kernels::launch_gated_silu : kernels::launch_gated_gelu_tanh;
  const std::int64_t width = gate_up.size(1) / 2;
  return launched([&]() -> Results {
    OnDevice rows(gate_up, offset);
    OnDevice out({gate_up.size(0), width}, gate_up.scalar_type(), offset);
    kernel(element_of(gate_up), rows.data(), out.data(), gate_up.size(0), width, nullptr);
    return {out.tensor()};
  })[0];
}

void check_gated(const at::Tensor& gate_up, Activation activation, std::int64_t offset) {
  CAPTURE(gate_up.scalar_type(), gate_up.size(1), activation == Activation::silu, offset);
  const at::Tensor plain = reference::gated_activation(gate_up, activation);
  // 1 + tanh cancels for negative gates.
  CHECK(close(gated(gate_up, activation, offset), plain, 2e-6 * largest(plain)));
}

void check_rope(at::ScalarType type, std::int64_t heads, std::int64_t half, std::int64_t more,
                std::int64_t offset) {
  CAPTURE(type, heads, half, more, offset);
  constexpr std::int64_t kRows = 3;
  const std::int64_t stride = heads * 2 * half + more;
  const at::Tensor wide = random({kRows, stride}, type, 1);
  const at::Tensor angles = random({kRows, half}, at::kFloat, 2, 10.0);
  const at::Tensor fast = launched([&]() -> Results {
    OnDevice x(wide, offset);
    OnDevice cos(angles.cos());
    OnDevice sin(angles.sin());
    kernels::launch_rope(type == at::kBFloat16 ? Element::bf16 : Element::fp32, x.data(), cos.floats(),
                         sin.floats(), kRows, stride, heads, half, nullptr);
    return {x.tensor()};
  })[0];
  const at::Tensor plain = wide.clone();
  at::Tensor rotated = plain.narrow(1, 0, stride - more).unflatten(1, {heads, 2 * half});
  reference::rope_inplace(rotated, angles.cos(), angles.sin());
  CHECK(close(fast, plain, 1e-6 * largest(plain)));
  CHECK(at::equal(fast.narrow(1, stride - more, more), wide.narrow(1, stride - more, more)));
}

void check_norm_rope(at::ScalarType type, std::int64_t heads, std::int64_t half, std::int64_t more,
                     std::int64_t offset) {
  CAPTURE(type, heads, half, more, offset);
  constexpr std::int64_t kRows = 3;
  const std::int64_t stride = heads * 2 * half + more;
  const at::Tensor wide = random({kRows, stride}, type, 1, 3.0);
  const at::Tensor angles = random({kRows, half}, at::kFloat, 2, 10.0);
  const at::Tensor factors = random({2 * half}, at::kFloat, 3);
  const at::Tensor fast = launched([&]() -> Results {
    OnDevice x(wide, offset);
    OnDevice weight(factors);
    OnDevice cos(angles.cos());
    OnDevice sin(angles.sin());
    kernels::launch_norm_rope(element_of(wide), x.data(), weight.floats(), 1e-5F, cos.floats(), sin.floats(),
                              kRows, stride, heads, half, nullptr);
    return {x.tensor()};
  })[0];
  const at::Tensor plain = wide.clone();
  at::Tensor rotated = plain.narrow(1, 0, stride - more).unflatten(1, {heads, 2 * half});
  reference::norm_rope_inplace(rotated, factors, 1e-5, angles.cos(), angles.sin());
  CHECK(close(fast, plain, 2e-6 * largest(plain)));
  CHECK(at::equal(fast.narrow(1, stride - more, more), wide.narrow(1, stride - more, more)));
}

Results quantise(const at::Tensor& x, std::int64_t offset = 0) {
  OnDevice rows(x, offset);
  OnDevice out(x.sizes(), at::kFloat8_e4m3fn, offset);
  OnDevice scales({x.size(0), 1}, at::kFloat);
  kernels::launch_quantise_rows(element_of(x), rows.data(), out.data(), scales.floats(), x.size(0), x.size(1),
                                nullptr);
  return {out.tensor(), scales.tensor()};
}

// Values and scales.
void check_same(const Results& results, const QuantisedRows& rows) {
  CHECK(same_bits(results[0], rows.values));
  CHECK(same_bits(results[1], rows.scales));
}

bool at_once(std::int64_t width) { return kernels::quantises_at_once(Element::bf16, width, {nullptr}); }

}  // namespace

TEST_CASE("the host's bfloat16 conversions are LibTorch's, at every value and around every tie", "[unit]") {
  std::int64_t wrong = 0;
  for (std::uint32_t high = 0; high < 0x10000; ++high) {
    const auto bits = static_cast<std::uint16_t>(high);
    const float value = c10::BFloat16(bits, c10::BFloat16::from_bits());
    if (std::bit_cast<std::uint32_t>(value) != std::bit_cast<std::uint32_t>(test::simt::float_of_bf16(bits)))
      ++wrong;
    for (const std::uint32_t low : {0U, 1U, 0x7fffU, 0x8000U, 0x8001U, 0xffffU}) {
      const float x = std::bit_cast<float>(high << 16 | low);
      const std::uint16_t ours = test::simt::bf16_of_float(x);
      // LibTorch's NaN is another one.
      if (std::isnan(x) ? ours != 0x7fff : ours != c10::BFloat16(x).x) ++wrong;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("the host's e4m3 conversion is LibTorch's, at every value and around every tie", "[unit]") {
  std::int64_t wrong = 0;
  // All values and ties have at most five significant bits.
  for (std::uint32_t high = 0; high < 0x10000; ++high) {
    for (const std::uint32_t low : {0U, 1U, 0x8000U, 0xffffU}) {
      const float x = std::bit_cast<float>(high << 16 | low);
      const std::uint8_t ours = test::simt::e4m3_of_float(x);
      const std::uint8_t saturated = c10::Float8_e4m3fn(std::clamp(x, -448.0F, 448.0F)).x;
      if (std::isnan(x) ? ours != 0x7f : ours != saturated) ++wrong;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("the kernel of rms_norm equals the plain one, and that with a residual updates it", "[unit]") {
  for (const at::ScalarType type : kTypes) {
    for (const std::int64_t width : {1, 2, 7, 8, 16, 31, 48, 256, 1031, 2056, 8200}) {
      for (const std::int64_t offset : kOffsets) {
        const at::Tensor x = random({2, width}, type, 1, 3.0);
        check_norm(x, {}, offset);
        check_norm(x, random({2, width}, type, 2), offset);
      }
    }
  }
}

TEST_CASE("the kernel of rms_norm takes a weight off the boundary of a vector", "[unit]") {
  const at::Tensor x = random({3, 64}, at::kBFloat16, 1);
  const at::Tensor weight = random({64}, at::kFloat, 2);
  OnDevice rows(x);
  OnDevice factors(weight, 1);
  OnDevice out(x.sizes(), x.scalar_type());
  kernels::launch_rms_norm(Element::bf16, rows.data(), factors.floats(), out.data(), 3, 64,
                           static_cast<float>(kEps), nullptr);
  CHECK(close(out.tensor(), reference::rms_norm(x, weight, kEps)));
}

TEST_CASE("the kernels of gated activations equal the plain ones, far values included", "[unit]") {
  for (const at::ScalarType type : kTypes) {
    for (const Activation activation : {Activation::silu, Activation::gelu_tanh}) {
      for (const std::int64_t width : {1, 7, 8, 31, 48, 256, 257, 1031, 2048, 4104}) {
        for (const std::int64_t offset : kOffsets)
          check_gated(random({2, 2 * width}, type, 1), activation, offset);
      }
      for (const double spread : {0.01, 40.0})
        check_gated(random({3, 2 * 264}, type, 1, spread), activation, 0);
    }
  }
}

TEST_CASE("the kernel of silu shows values that are not finite", "[unit]") {
  const float infinity = std::numeric_limits<float>::infinity();
  const at::Tensor gates = at::tensor({infinity, -infinity, NAN, 1.0F, 0.0F, -1e38F, 100.0F, -100.0F});
  const at::Tensor ups = at::tensor({1.0F, 1.0F, 1.0F, infinity, 1.0F, 1.0F, 1.0F, 1.0F});
  const at::Tensor gate_up = at::cat({gates, ups}).unsqueeze(0);
  const at::Tensor fast = gated(gate_up, Activation::silu, 0);
  const at::Tensor plain = reference::gated_activation(gate_up, Activation::silu);
  CHECK(at::allclose(fast, plain, 1e-6, 1e-30, /*equal_nan=*/true));
}

TEST_CASE("the kernel of rope equals the plain one, in rows of a wider matrix too", "[unit]") {
  for (const at::ScalarType type : kTypes) {
    for (const std::int64_t heads : {1, 3, 40}) {
      for (const std::int64_t half : {1, 3, 4, 8, 10, 64, 65, 260, 2056}) {
        if (heads == 40 && half > 65) continue;
        for (const std::int64_t more : {0, 1, 16}) {
          for (const std::int64_t offset : kOffsets) check_rope(type, heads, half, more, offset);
        }
      }
    }
  }
}

TEST_CASE("the kernel of heads' norms and rope equals the plain one", "[unit]") {
  for (const at::ScalarType type : kTypes) {
    for (const std::int64_t heads : {1, 3, 20}) {
      for (const std::int64_t half : {1, 3, 8, 10, 32, 64, 65, 260}) {
        if (heads == 20 && half > 65) continue;
        for (const std::int64_t more : {0, 1, 16}) {
          for (const std::int64_t offset : kOffsets) check_norm_rope(type, heads, half, more, offset);
        }
      }
    }
  }
}

TEST_CASE("the kernel of quantisation gives the bits of the plain one", "[unit]") {
  for (const at::ScalarType type : kTypes) {
    for (const std::int64_t width : {1, 2, 7, 8, 16, 31, 48, 257, 1031, 2048, 4104}) {
      for (const std::int64_t offset : kOffsets) {
        CAPTURE(type, width, offset);
        at::Tensor x = random({6, width}, type, 1);
        x[1].mul_(1e-4);
        x[2].mul_(3e4);
        x[3].zero_();
        x[4].neg_().mul_(1e-30);
        x[5].mul_(1e30);
        check_same(launched([&] { return quantise(x, offset); }), reference::quantise_rows(x));
      }
    }
  }
}

TEST_CASE("quantisation multiplies bfloat16 values, and gets the bits of the division", "[unit]") {
  // All significands of a row's largest value, with all values down to 2^-20 of it, which rounds to 0; by the
  // exponent field of the largest: below the normal numbers, around the shifts of the scale, and up to the
  // largest of all.
  constexpr std::int64_t kSignificands = 128;
  constexpr std::int64_t kBelow = 20 * kSignificands;
  for (const std::int64_t exponent : {0, 1, 9, 75, 76, 127, 195, 254}) {
    CAPTURE(exponent);
    const at::Tensor top = at::arange(kSignificands).unsqueeze(1) + exponent * kSignificands;
    const at::Tensor magnitudes = (top - at::arange(kBelow)).clamp_min(0);
    const at::Tensor negative = magnitudes - 0x8000;  // with the sign bit, as an int16
    const at::Tensor x = at::cat({magnitudes, negative}, 1).to(at::kShort).view(at::kBFloat16);
    check_same(quantise(x), reference::quantise_rows(x));
  }
}

TEST_CASE("quantisation shows values that are not finite", "[unit]") {
  for (const at::ScalarType type : kTypes) {
    at::Tensor x = random({3, 16}, type, 1);
    x[0][3] = std::numeric_limits<float>::infinity();
    x[1][9] = NAN;
    x[2].fill_(NAN);
    const at::Tensor values = quantise(x)[0].to(at::kFloat);
    CHECK(std::isnan(values[0][3].item<float>()));
    CHECK(values[0].isnan().sum().item<std::int64_t>() == 1);
    CHECK(std::isnan(values[1][9].item<float>()));
    CHECK(values[1].isnan().sum().item<std::int64_t>() == 1);
    CHECK(values[2].isnan().all().item<bool>());
  }
}

TEST_CASE("norms that quantise give the bits of the norm and its quantisation", "[unit]") {
  // The last one needs several vectors for each thread.
  for (const std::int64_t width : {8, 16, 248, 256, 1032, 4096, 8192, 8200, 32768}) {
    const at::Tensor x = random({2, width}, at::kBFloat16, 1, 3.0);
    const at::Tensor delta = random({2, width}, at::kBFloat16, 2);
    const at::Tensor weight = random({width}, at::kFloat, 3);
    for (const at::Tensor& added : {at::Tensor(), delta}) {
      CAPTURE(width, added.defined());
      const Results unfused = norm(x, added, weight, 0);
      const Results fused = launched([&]() -> Results {
        OnDevice rows(x);
        OnDevice factors(weight);
        OnDevice out(x.sizes(), at::kFloat8_e4m3fn);
        OnDevice scales({2, 1}, at::kFloat);
        const auto eps = static_cast<float>(kEps);
        if (added.defined()) {
          OnDevice more(added);
          kernels::launch_quantised_add_rms_norm(rows.data(), more.data(), factors.floats(), out.data(),
                                                 scales.floats(), 2, width, eps, nullptr);
        } else {
          kernels::launch_quantised_rms_norm(rows.data(), factors.floats(), out.data(), scales.floats(), 2,
                                             width, eps, nullptr);
        }
        return {out.tensor(), scales.tensor(), rows.tensor()};
      });
      check_same(fused, reference::quantise_rows(unfused[0]));
      CHECK(same_bits(fused[2], unfused[1]));
    }
  }
}

TEST_CASE("gated activations that quantise give the bits of the activation and its quantisation", "[unit]") {
  for (const std::int64_t width : {8, 16, 248, 1024, 1032, 11008, 14336, 32768}) {
    for (const Activation activation : {Activation::silu, Activation::gelu_tanh}) {
      CAPTURE(width, activation == Activation::silu);
      const at::Tensor gate_up = random({2, 2 * width}, at::kBFloat16, 1, 2.0);
      const auto kernel = activation == Activation::silu ? kernels::launch_quantised_gated_silu
                                                         : kernels::launch_quantised_gated_gelu_tanh;
      const Results fused = launched([&]() -> Results {
        OnDevice rows(gate_up);
        OnDevice out({2, width}, at::kFloat8_e4m3fn);
        OnDevice scales({2, 1}, at::kFloat);
        kernel(rows.data(), out.data(), scales.floats(), 2, width, nullptr);
        return {out.tensor(), scales.tensor()};
      });
      check_same(fused, reference::quantise_rows(gated(gate_up, activation, 0)));
    }
  }
}

TEST_CASE("rows that do not fit vectors and registers are not quantised at once", "[unit]") {
  CHECK(at_once(8));
  CHECK(at_once(32768));
  CHECK_FALSE(at_once(4));
  CHECK_FALSE(at_once(1031));
  CHECK_FALSE(at_once(32776));
  CHECK_FALSE(kernels::quantises_at_once(Element::fp32, 64, {nullptr}));
  test::simt::Memory memory(64);
  CHECK(kernels::quantises_at_once(Element::bf16, 64, {memory.data(), memory.data() + 16}));
  CHECK_FALSE(kernels::quantises_at_once(Element::bf16, 64, {memory.data(), memory.data() + 2}));
}

TEST_CASE("kernels without rows are not started", "[unit]") {
  for (const Element type : {Element::fp32, Element::bf16}) {
    kernels::launch_rms_norm(type, nullptr, nullptr, nullptr, 0, 64, 1e-5F, nullptr);
    kernels::launch_rope(type, nullptr, nullptr, nullptr, 0, 64, 1, 32, nullptr);
    kernels::launch_norm_rope(type, nullptr, nullptr, 1e-5F, nullptr, nullptr, 0, 64, 1, 32, nullptr);
    kernels::launch_gated_silu(type, nullptr, nullptr, 0, 64, nullptr);
    kernels::launch_quantise_rows(type, nullptr, nullptr, nullptr, 0, 64, nullptr);
  }
  kernels::launch_quantised_rms_norm(nullptr, nullptr, nullptr, nullptr, 0, 64, 1e-5F, nullptr);
  CHECK_NOTHROW(kernels::launch_quantised_gated_silu(nullptr, nullptr, nullptr, 0, 64, nullptr));
}

}  // namespace armorm::model
