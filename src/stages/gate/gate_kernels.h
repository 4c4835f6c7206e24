// The CPU kernels of the gate's products.
#pragma once

#include <filesystem>

#include "armorm/stage2_train.h"
#include "gating/gate.h"
#include "io/file_system.h"

namespace armorm::stages::gate {

// usage error when the kernels of the options are not those of this processor.
void check_kernels(const Stage2TrainOptions& options);

// The kernels of options.kernels, in use from now on. For auto those of the interrupted training in
// `checkpoint`, else the fastest in products of this shape by <data_root>/cpu_kernels.json, measured if it
// does not say. Warns of a bf16 that is slower than float32. Stays auto on a GPU.
CpuKernels choose_kernels(const Stage2TrainOptions& options, const gating::GateShape& shape,
                          const std::filesystem::path& checkpoint, io::FileSystem& files);

}  // namespace armorm::stages::gate
