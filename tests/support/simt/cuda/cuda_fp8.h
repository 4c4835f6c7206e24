// The host's <cuda_fp8.h>: rounding to e4m3 with saturation.
#pragma once

#include "cuda_runtime.h"
#include "support/simt/conversions.h"

using __nv_fp8_storage_t = unsigned char;
using __nv_fp8x2_storage_t = unsigned short;
enum __nv_saturation_t { __NV_SATFINITE };
enum __nv_fp8_interpretation_t { __NV_E4M3 };

inline __nv_fp8_storage_t __nv_cvt_float_to_fp8(float x, __nv_saturation_t, __nv_fp8_interpretation_t) {
  return armorm::test::simt::e4m3_of_float(x);
}

// The first value in the low byte.
inline __nv_fp8x2_storage_t __nv_cvt_float2_to_fp8x2(float2 x, __nv_saturation_t saturation,
                                                     __nv_fp8_interpretation_t interpretation) {
  const unsigned low = __nv_cvt_float_to_fp8(x.x, saturation, interpretation);
  const unsigned high = __nv_cvt_float_to_fp8(x.y, saturation, interpretation);
  return static_cast<__nv_fp8x2_storage_t>(high << 8 | low);
}
