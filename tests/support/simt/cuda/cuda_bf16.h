// The host's <cuda_bf16.h>.
#pragma once

#include "support/simt/conversions.h"

struct __nv_bfloat16 {
  std::uint16_t bits;
};

inline float __bfloat162float(__nv_bfloat16 x) { return armorm::test::simt::float_of_bf16(x.bits); }
inline __nv_bfloat16 __float2bfloat16_rn(float x) { return {armorm::test::simt::bf16_of_float(x)}; }
