// Choice of the kernels of this process's products on the CPU, by measuring.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "armorm/cpu_kernels.h"
#include "armorm/precision.h"
#include "model/cpu/panel_kernels.h"
#include "model/model_config.h"

namespace armorm::model {

// Those that this processor and LibTorch have for products of `precision`, in order of preference, without
// doubles (float32 products of avx512_bf16 and amx are those of avx512). With `batch_invariant` without
// libtorch, whose sums depend on the batch.
std::vector<CpuKernels> available_kernels(Precision precision, bool batch_invariant);

// The kernel of integer operands that goes with `kernels`, or nullptr: that of avx512 where they have none.
const cpu::PanelKernel* integer_kernel(CpuKernels kernels, cpu::Operand operand);

// For weights and operations from now on; by default the first available one of onednn, avx2 and libtorch.
// Call between operations, not during one. usage error if this processor does not have them.
void use_kernels(CpuKernels kernels);
CpuKernels kernels_in_use() noexcept;

struct KernelRate {
  CpuKernels kernels = CpuKernels::libtorch;
  double flops = 0.0;  // per second, of the products and attention of the model's layers, weighted as there
};
// Times all available kernels at the shapes of the model's layers with the threads of this process; takes
// about a second. Restores the kernels in use.
std::vector<KernelRate> measure_kernels(const ModelConfig& config, Precision precision, bool batch_invariant);

// The first one whose rate is at least 90 % of the highest: near ties are decided alike on every run.
CpuKernels preferred_kernels(std::span<const KernelRate> rates);

// "GenuineIntel 6-207-2, amx_bf16, amx_int8, avx512_bf16, ...": vendor, family, model, stepping and the
// instructions that the choice depends on.
std::string processor_name();

}  // namespace armorm::model
