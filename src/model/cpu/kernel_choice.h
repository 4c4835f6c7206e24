// Which of LibTorch's CPU kernels this process runs, as far as results depend on them.
#pragma once

#include <string>

namespace armorm::model {

// "AuthenticAMD x86-64-v4, avx512_bf16, LibTorch's for AVX512, brgemm bf16 fp32": vendor (MKL goes by it),
// level and bfloat16 units of the processor, LibTorch's vector kernels, the types whose products oneDNN
// makes, and variables that limit the libraries.
std::string cpu_kernel_choice();

}  // namespace armorm::model
