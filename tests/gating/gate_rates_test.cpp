#include "gating/gate_rates.h"

#include "support/test_support.h"

using namespace armorm;

TEST_CASE("every kernel of the processor is measured in the gate's products, and none is left in use",
          "[unit]") {
  const CpuKernels before = model::kernels_in_use();
  for (const std::int64_t n_hidden : {0, 1, 3}) {
    for (const GatePrecision precision : {GatePrecision::fp32, GatePrecision::bf16}) {
      const gating::GateShape shape{64, n_hidden, 32, 5, 1.0};
      const auto rates = gating::measure_gate_kernels(shape, 16, precision);
      const auto available = model::available_kernels(gating::product_precision(precision), false);
      REQUIRE(rates.size() == available.size());
      for (std::size_t i = 0; i < rates.size(); ++i) {
        CHECK(rates[i].kernels == available[i]);
        CHECK(rates[i].flops > 1e5);
      }
    }
  }
  CHECK(model::kernels_in_use() == before);
}
