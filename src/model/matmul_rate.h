// The rate at which a device multiplies matrices, measured.
#pragma once

#include <optional>

#include "model/backbone.h"

namespace armorm {

// FLOP/s of one large matrix product on the device (-1 = CPU), as a layer of this precision multiplies, two a
// multiply-add, the best of a few; takes well under a second. None where there is no such device.
std::optional<double> measure_matmul_rate(int device, Precision precision);

}  // namespace armorm
