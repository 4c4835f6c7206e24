#include "armorm/model/matmul_rate.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>

namespace armorm {
namespace {

constexpr std::int64_t kCpuSize = 1024;
constexpr std::int64_t kCudaSize = 8192;
constexpr int kTries = 4;  // the first one warms up

double seconds_of_product(const at::Tensor& a, const at::Tensor& b) {
  const auto start = std::chrono::steady_clock::now();
  // One element on the host: the product is done.
  at::mm(a, b).select(0, 0).select(0, 0).to(at::kFloat).item();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

std::optional<double> measure_matmul_rate(int device, Precision precision) {
  const c10::InferenceMode no_gradients;
  const auto gpus = at::hasCUDA() ? static_cast<int>(at::getNumGPUs()) : 0;
  if (device < -1 || device >= gpus) return std::nullopt;
  const std::int64_t n = device == -1 ? kCpuSize : kCudaSize;
  const at::Device where = device == -1 ? at::Device(at::kCPU) : at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(device));
  const at::Tensor a =
      at::ones({n, n}, at::TensorOptions().dtype(precision == Precision::bf16 ? at::kBFloat16 : at::kFloat).device(where));
  double best = seconds_of_product(a, a);
  for (int i = 1; i < kTries; ++i) best = std::min(best, seconds_of_product(a, a));
  return 2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n) / best;
}

}  // namespace armorm
