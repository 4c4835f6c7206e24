#include "model/device.h"

#include <ATen/Context.h>

#include "core/error.h"
#include "model/cpu_kernels.h"
#include "model/fp8.h"

namespace armorm::model {

void check_device(std::int64_t index) {
  if (index == -1) return;
  const auto count = static_cast<std::int64_t>(at::hasCUDA() ? at::getNumGPUs() : 0);
  if (index >= 0 && count == 0)
    fail_usage("`device`: found {}, but no CUDA device is visible; give `device` -1 for the CPU", index);
  if (index < -1 || index >= count)
    fail_usage("`device`: found {}, expected -1 for the CPU or the index of one of the {} CUDA devices here",
               index, count);
}

void check_precision(Precision precision, std::int64_t device) {
  if (precision != Precision::int8) return;
  if (device >= 0) fail_usage("`precision` int8 is for the CPU; on a GPU use fp8 or bf16, or `device` -1");
  if (integer_kernel(CpuKernels::avx512, cpu::Operand::int8) == nullptr)
    fail_usage("`precision` int8 needs AVX-512 VNNI or AMX, which this processor lacks; use bf16");
}

bool has_fp8_products(std::int64_t device) {
  return device >= 0 && has_scaled_mm(at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(device)));
}

void check_accumulate(Fp8Accumulate accumulate, std::int64_t device) {
  if (accumulate == Fp8Accumulate::fast && !has_fp8_products(device))
    fail_usage(
        "`fp8_accumulate`: fast needs a GPU of compute capability 8.9 or above, which `device` {} is not: it "
        "sums exactly; leave `fp8_accumulate` out",
        device);
}

}  // namespace armorm::model
