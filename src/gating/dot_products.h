// A linear layer in which every output is one sum in a fixed order: bit-identical for any number of rows and
// threads.
#pragma once

#include <span>

#include "core/matrix_view.h"

namespace armorm::gating {

// out[r, o] = inputs[r] . weight[o] + bias[o] with weight [O, D], inputs [R, D], out [R, O]; an empty bias is
// 0.
void dot_products(MatrixView<const float> weight, std::span<const float> bias, MatrixView<const float> inputs,
                  MatrixView<float> out);

}  // namespace armorm::gating
