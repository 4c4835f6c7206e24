// What options that several programs share mean beyond their fields.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "armorm/cpu_kernels.h"
#include "armorm/dataset_paths.h"
#include "armorm/extraction_options.h"
#include "armorm/gpu_attention.h"
#include "armorm/precision.h"

namespace armorm::stages::options {

// The most bad rows of `rows` that --max_bad_rows allows: a count ("100"), or a fraction of the rows ("0.01",
// "1%"). Usage error for anything else.
std::int64_t bad_row_limit(const std::string& max_bad_rows, std::int64_t rows);

// usage error for no path, an empty one, and a name that is no file name.
void check_dataset(const DatasetPaths& sets, const std::string& name);

// --prompt_cache. usage error for anything but a number of bytes.
std::uint64_t prompt_cache_bytes(const std::string& prompt_cache);

// usage error for no device, one twice, and the CPU among others.
void check_devices(const Devices& devices);
// usage error for attention other than auto on a CPU.
void check_attention_on(std::int64_t device, GpuAttention attention);
// usage error for kernels other than auto on a GPU.
void check_kernels_on(std::int64_t device, CpuKernels kernels);

// usage error for an accumulation other than auto without fp8, and for fast on the CPU.
void check_accumulate_on(std::int64_t device, Precision precision, Fp8Accumulate accumulate);

}  // namespace armorm::stages::options
