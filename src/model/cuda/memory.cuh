// Reads and writes of global memory. The host's version of this header checks the addresses
// (tests/support/simt).
#pragma once

#include <cuda_runtime.h>

namespace armorm::model::cuda {

template <class T>
__device__ inline T read(const T* from) {
  return *from;
}

template <class T>
__device__ inline void write(T* to, T value) {
  *to = value;
}

// One instruction: nvcc splits an assignment into four stores where it assembles the value from pieces.
__device__ inline void write(uint4* to, uint4 value) {
  asm volatile("st.global.v4.b32 [%0], {%1, %2, %3, %4};"
               :
               : "l"(__cvta_generic_to_global(to)), "r"(value.x), "r"(value.y), "r"(value.z), "r"(value.w)
               : "memory");
}

}  // namespace armorm::model::cuda
