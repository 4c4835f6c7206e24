// Measures the CPU kernels in the products of a gate's training.
#pragma once

#include <cstdint>
#include <vector>

#include "gating/gate.h"
#include "gating/trainer.h"
#include "model/cpu_kernels.h"

namespace armorm::gating {

// Precision of the operands, as the kernels know it.
Precision product_precision(GatePrecision precision);

// FLOP/s of each available kernel over the products of one step on `batch_size` prompts, with the threads of
// this process; takes about as long as a few steps with each. Restores the kernels in use.
std::vector<model::KernelRate> measure_gate_kernels(const GateShape& shape, std::int64_t batch_size,
                                                    GatePrecision precision);

}  // namespace armorm::gating
