// Which devices a run can use.
#pragma once

#include <cstdint>

#include "armorm/precision.h"

namespace armorm::model {

// usage error that names `device` unless `index` is -1 (the CPU) or a CUDA device of this machine. A program
// calls it before it does anything else.
void check_device(std::int64_t index);

// usage error that names `precision` if the device has no products for it: int8 needs a CPU with AVX-512 VNNI
// or AMX.
void check_precision(Precision precision, std::int64_t device);

// Whether the device has tensor cores for products of fp8: a GPU of compute capability 8.9 or above.
bool has_fp8_products(std::int64_t device);
// usage error that names `fp8_accumulate` for fast on a device without them.
void check_accumulate(Fp8Accumulate accumulate, std::int64_t device);

}  // namespace armorm::model
