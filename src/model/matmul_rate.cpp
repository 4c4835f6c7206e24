#include "model/matmul_rate.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "model/current_device.h"
#include "model/linear.h"
#include "model/random_operand.h"

namespace armorm::model {
namespace {

constexpr std::int64_t kCpuSize = 1024;
constexpr std::int64_t kCudaSize = 8192;
constexpr int kTries = 4;  // the first one is a warm-up

double seconds_of(const std::function<at::Tensor()>& product) {
  const auto start = std::chrono::steady_clock::now();
  // Reading one element on the host waits for the product.
  product().select(0, 0).select(0, 0).to(at::kFloat).item();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

std::optional<double> measure_matmul_rate(int device, Precision precision, Fp8Accumulate accumulate) {
  const c10::InferenceMode no_gradients;
  const auto gpus = at::hasCUDA() ? static_cast<int>(at::getNumGPUs()) : 0;
  if (device < -1 || device >= gpus) return std::nullopt;
  const std::int64_t n = device == -1 ? kCpuSize : kCudaSize;
  const at::Device where =
      device == -1 ? at::Device(at::kCPU) : at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(device));
  const CurrentDevice current(where);
  const auto type = precision == Precision::fp32 ? at::kFloat : at::kBFloat16;
  const Linear linear =
      make_linear(random_operand({n, n}, type, where, 1), {}, format_of(precision, accumulate));
  const at::Tensor x = random_operand({n, n}, type, where, 2);
  const auto product = [&] { return apply(linear, x, 0); };
  double best = seconds_of(product);
  for (int i = 1; i < kTries; ++i) best = std::min(best, seconds_of(product));
  return 2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n) / best;
}

}  // namespace armorm::model
