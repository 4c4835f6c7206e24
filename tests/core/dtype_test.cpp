#include "core/dtype.h"

#include <cmath>
#include <limits>

#include "support/test_support.h"

using armorm::BFloat16;

TEST_CASE("bfloat16 rounds to nearest even", "[unit]") {
  CHECK(BFloat16::from_float(1.0F).bits == 0x3f80);
  CHECK(BFloat16::from_float(1.00390625F).bits == 0x3f80);  // half-way, the lower neighbour is even
  CHECK(BFloat16::from_float(1.01171875F).bits == 0x3f82);  // half-way, the upper neighbour is even
  CHECK(BFloat16::from_float(std::numeric_limits<float>::max()).bits == 0x7f80);
  CHECK(std::isnan(BFloat16::from_float(std::numeric_limits<float>::quiet_NaN()).to_float()));
}

TEST_CASE("dtype names are those of safetensors", "[unit]") {
  armorm::DType out{};
  CHECK(armorm::parse_dtype("BF16", out));
  CHECK(out == armorm::DType::bf16);
  CHECK(armorm::name_of(armorm::DType::f8_e5m2) == "F8_E5M2");
  CHECK_FALSE(armorm::parse_dtype("BF17", out));
}
