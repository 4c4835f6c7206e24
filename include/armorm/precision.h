// The arithmetic of a backbone.
#pragma once

#include <array>
#include <string_view>

namespace armorm {

// fp8: bfloat16, but the products of the layers multiply e4m3 values with one scale per row of activations
// and per output channel, quantised at load. Without a GPU of compute capability 8.9 or above it is as
// accurate, but slow.
// int8: the same with int8 values on a CPU with AVX-512 VNNI or AMX. The few largest values of a row of
// activations stay as they are.
enum class Precision { bf16, fp32, fp8, int8 };
constexpr std::array<std::string_view, 4> words_of(Precision) { return {"bf16", "fp32", "fp8", "int8"}; }

// How the tensor cores of a GPU sum the products of fp8. Everything else sums them exactly, in float32.
enum class Fp8Accumulate {
  auto_,  // fast where there are such tensor cores; exact elsewhere
  fast,   // in the tensor cores alone, whose sums have fewer bits than float32
  exact,  // partial sums are promoted to float32 from time to time: slower
};
constexpr std::array<std::string_view, 3> words_of(Fp8Accumulate) { return {"auto", "fast", "exact"}; }

}  // namespace armorm
