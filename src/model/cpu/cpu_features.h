// Which of the instructions that the kernels of this folder use this processor has.
#pragma once

namespace armorm::model::cpu {

// Instructions that the operating system lets programs use. ATEN_CPU_CAPABILITY=avx2 or default, by which
// LibTorch limits its own kernels, limits these as well.
struct CpuFeatures {
  bool avx2 = false;    // with FMA
  bool avx512 = false;  // F, BW, DQ and VL
  bool avx512_bf16 = false;
  bool avx512_vnni = false;
  bool amx_bf16 = false;
};
const CpuFeatures& cpu_features();

}  // namespace armorm::model::cpu
