#include "model/random_operand.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>

namespace armorm::model {

at::Tensor random_operand(at::IntArrayRef shape, at::ScalarType type, at::Device device, std::uint64_t seed) {
  // Drawing all values would take longer than most measurements. A prime number of them, repeated, is shifted
  // from row to row.
  constexpr std::int64_t kDrawn = 65521;
  const std::int64_t size = c10::multiply_integers(shape);
  const std::int64_t drawn = std::min(size, kDrawn);
  const at::Tensor values =
      at::randn({drawn}, at::detail::createCPUGenerator(seed), at::kFloat).to(type).to(device);
  return values.repeat({(size + drawn - 1) / drawn}).narrow(0, 0, size).view(shape);
}

}  // namespace armorm::model
