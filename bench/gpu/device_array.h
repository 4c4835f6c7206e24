// Values of float32 and bfloat16, random ones, and arrays of them on the device. Errors of CUDA end the
// program with 3.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <type_traits>
#include <vector>

#include "model/cuda/kernels.h"

namespace armorm::bench {

using model::cuda::Element;
using bf16 = __nv_bfloat16;

inline void must(cudaError_t status) {
  if (status == cudaSuccess) return;
  std::printf("CUDA: %s\n", cudaGetErrorString(status));
  std::exit(3);
}

// After a launch.
inline void finish() {
  must(cudaGetLastError());
  must(cudaDeviceSynchronize());
}

template <class T>
constexpr bool kIsFloat = std::is_same_v<T, float>;
template <class T>
constexpr Element kElement = kIsFloat<T> ? Element::fp32 : Element::bf16;

template <class T>
T rounded(float x) {
  if constexpr (kIsFloat<T>) {
    return x;
  } else {
    return __float2bfloat16_rn(x);
  }
}
inline float widened(float x) { return x; }
inline float widened(bf16 x) { return __bfloat162float(x); }

// Elements on the device that begin `offset` elements into an allocation which ends with them.
template <class T>
class DeviceArray {
 public:
  DeviceArray(std::size_t size, int offset) : size_(size), offset_(offset) {
    if (size == 0) return;
    must(cudaMalloc(reinterpret_cast<void**>(&base_), (size + offset) * sizeof(T)));
    must(cudaMemset(base_, 0xA5, (size + offset) * sizeof(T)));
  }
  explicit DeviceArray(const std::vector<T>& values, int offset = 0) : DeviceArray(values.size(), offset) {
    if (size_ > 0) must(cudaMemcpy(data(), values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { cudaFree(base_); }

  T* data() const { return base_ == nullptr ? nullptr : base_ + offset_; }
  std::vector<T> values() const {
    std::vector<T> out(size_);
    if (size_ > 0) must(cudaMemcpy(out.data(), data(), size_ * sizeof(T), cudaMemcpyDeviceToHost));
    return out;
  }

 private:
  T* base_ = nullptr;
  std::size_t size_;
  int offset_;
};

class Random {
 public:
  float normal(double spread = 1.0) {
    return static_cast<float>(std::normal_distribution<double>(0.0, spread)(source_));
  }
  template <class T>
  std::vector<T> normals(std::size_t size, double spread = 1.0) {
    std::vector<T> out(size);
    for (T& value : out) value = rounded<T>(normal(spread));
    return out;
  }

 private:
  std::mt19937_64 source_{7};
};

}  // namespace armorm::bench
