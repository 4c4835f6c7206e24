// Copies of weights to a device.
#include "model/staged_copy.h"

#include <ATen/ATen.h>

#include "core/error.h"
#include "model/gpu_test_support.h"
#include "support/test_support.h"

namespace armorm::model {
namespace {

using test::has_cuda;

void check_copies(at::Device device) {
  StagedCopy staged(device, 1000);
  for (const std::int64_t size : {0, 1, 250, 499, 500, 501, 5000}) {
    for (const at::ScalarType type : {at::kBFloat16, at::kFloat}) {
      CAPTURE(size, type);
      const at::Tensor from = at::arange(size, at::kFloat).to(type);
      const at::Tensor whole = at::zeros({size + 6}, at::TensorOptions().dtype(type).device(device));
      staged.copy(whole.narrow(0, 3, size), from);
      CHECK(at::equal(whole.narrow(0, 3, size).cpu(), from));
      CHECK(whole.narrow(0, 0, 3).count_nonzero().item<std::int64_t>() == 0);
      CHECK(whole.narrow(0, size + 3, 3).count_nonzero().item<std::int64_t>() == 0);
    }
  }
}

}  // namespace

TEST_CASE("a staged copy moves every byte through its small buffers", "[unit]") {
  check_copies(at::kCPU);
  StagedCopy staged(at::kCPU, 64);
  CHECK_THROWS_WITH(staged.copy(at::zeros({4}), at::zeros({5})), Catch::Contains("one size"));
  CHECK_THROWS_WITH(staged.copy(at::zeros({4, 4}).t(), at::zeros({4, 4})), Catch::Contains("contiguous"));
}

TEST_CASE("on CUDA, a staged copy moves every byte through its small buffers", "[gpu]") {
  if (!has_cuda()) ARMORM_SKIP("no CUDA device");
  check_copies(at::Device(at::kCUDA, 0));
}

}  // namespace armorm::model
