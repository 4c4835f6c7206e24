#include "model/copy_rate.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>

#include "model/current_device.h"
#include "model/device_work.h"
#include "model/staged_copy.h"

namespace armorm::model {
namespace {

constexpr std::int64_t kBytes = std::int64_t{512} << 20;
constexpr int kTries = 3;  // the first one is a warm-up

double seconds_of(StagedCopy& staged, const at::Tensor& to, const at::Tensor& from) {
  const auto begin = std::chrono::steady_clock::now();
  staged.copy(to, from);
  wait_for(to.device());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

std::optional<double> measure_copy_rate(int device) {
  const auto gpus = at::hasCUDA() ? static_cast<int>(at::getNumGPUs()) : 0;
  if (device < 0 || device >= gpus) return std::nullopt;
  const c10::InferenceMode no_gradients;
  const at::Device where(at::kCUDA, static_cast<c10::DeviceIndex>(device));
  const CurrentDevice current(where);
  const at::Tensor from = at::ones({kBytes}, at::kByte);
  const at::Tensor to = at::empty({kBytes}, from.options().device(where));
  StagedCopy staged(where);
  double best = seconds_of(staged, to, from);
  for (int i = 1; i < kTries; ++i) best = std::min(best, seconds_of(staged, to, from));
  return static_cast<double>(kBytes) / best;
}

}  // namespace armorm::model
