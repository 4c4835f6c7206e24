// Which of LibTorch's CPU kernels this process runs, as far as the results depend on them.
#pragma once

#include <string>

namespace armorm::model::cpu {

// "AuthenticAMD x86-64-v4, avx512_bf16, LibTorch's for AVX512, brgemm bf16 fp32": vendor (MKL chooses by it),
// level and bfloat16 units of the processor, LibTorch's vector kernels, the types whose products oneDNN
// computes, and variables that limit the libraries.
std::string cpu_kernel_choice();

// "GenuineIntel 6-207-2, avx512_bf16, amx_bf16": vendor, family, model and stepping, and the units of which
// cpu_kernels.h chooses.
std::string processor_name();

}  // namespace armorm::model::cpu
