// Measures the rate at which a device multiplies matrices.
#pragma once

#include <optional>

#include "model/backbone.h"

namespace armorm::model {

// FLOP/s of one large matrix product on the device (-1 = CPU), computed like a layer of this precision (and
// for fp8 with this accumulation); two per multiply-add, best of a few runs. Takes well under a second.
// nullopt if the device does not exist.
std::optional<double> measure_matmul_rate(int device, Precision precision,
                                          Fp8Accumulate accumulate = Fp8Accumulate::auto_);

}  // namespace armorm::model
