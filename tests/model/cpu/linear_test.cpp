// The packed products compared with float64; a row's bits depend only on the row.
#include "model/cpu/linear.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "support/test_support.h"

namespace armorm::model::cpu {
namespace {

at::Tensor random(at::IntArrayRef shape, std::uint64_t seed, at::ScalarType type) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::randn(shape, generator, at::kFloat).to(type);
}

}  // namespace

TEST_CASE("packed products equal those in float64, in shapes that straddle their blocks", "[unit]") {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    if (!supports_linear(type)) ARMORM_SKIP("no small products on this processor");
    for (const std::int64_t n : {1, 15, 16, 17, 300, 530}) {
      for (const auto& [out, in] : {std::pair{64, 256}, {1, 2}, {65, 131}, {200, 1023}, {48, 1}}) {
        CAPTURE(type, n, out, in);
        const at::Tensor wide = random({n, in + 5}, 1, type);
        const at::Tensor x = wide.narrow(1, 0, in);  // rows of a wider matrix
        const at::Tensor weight = random({out, in}, 2, type);
        const at::Tensor bias = random({out}, 3, type);
        const at::Tensor exact = at::linear(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble));
        const at::Tensor got = cpu::linear(x, pack_weight(weight), out, bias);
        REQUIRE(got.scalar_type() == type);
        const double bound = type == at::kFloat ? 4e-6 : 1.0 / 256;
        CHECK((got.to(at::kDouble) - exact).abs().max().item<double>() <=
              bound * exact.abs().max().item<double>());
      }
    }
  }
}

TEST_CASE("a row of a packed product has the same bits at any place, among any rows, on any threads",
          "[unit]") {
  const int threads = at::get_num_threads();
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    if (!supports_linear(type)) ARMORM_SKIP("no small products on this processor");
    const at::Tensor packed = pack_weight(random({200, 700}, 1, type));
    const at::Tensor x = random({600, 700}, 2, type);
    const at::Tensor whole = cpu::linear(x, packed, 200, {});
    for (const int n : {1, 2, 16, 31, 257}) {
      at::set_num_threads(n % 3 + 1);
      for (const int first : {0, 1, 7, 300, 343}) {
        CAPTURE(type, n, first);
        CHECK(at::equal(cpu::linear(x.narrow(0, first, n), packed, 200, {}), whole.narrow(0, first, n)));
      }
    }
    at::set_num_threads(threads);
  }
}

}  // namespace armorm::model::cpu
