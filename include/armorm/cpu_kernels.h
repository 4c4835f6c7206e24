// The kernels of matrix products and attention on the CPU.
#pragma once

#include <array>
#include <string_view>

namespace armorm {

// They round alike (bfloat16 or int8 operands, float32 or int32 sums) and add in another order, so that last
// bits differ between them; int8 products are exact and equal.
//   libtorch     LibTorch's products: MKL's float32, oneDNN's bfloat16; their order depends on the batch
//   avx2         float32 multiply-adds over packed weights, bfloat16 operands widened in the cache
//   onednn       oneDNN's small products over packed weights (AVX-512; AMX where the processor has it)
//   avx512       as avx2, with vectors of twice the size; int8 by VNNI
//   avx512_bf16  bfloat16 dot products (VDPBF16PS), otherwise as avx512
//   amx          tiles of bfloat16 and int8, otherwise as avx512
enum class CpuKernels { measured, libtorch, avx2, onednn, avx512, avx512_bf16, amx };
constexpr std::array<std::string_view, 7> words_of(CpuKernels) {
  return {"auto", "libtorch", "avx2", "onednn", "avx512", "avx512_bf16", "amx"};
}

}  // namespace armorm
