// The attribute rewards, r = W e + b, and their transformation by T.
#pragma once

#include <vector>

#include "core/dtype.h"
#include "core/matrix_view.h"

namespace armorm::gating {

// embeddings [M, D] times the transpose of weight [K, D], accumulated in float32, plus bias [K] (empty = no
// bias): [M, K].
std::vector<float> attribute_rewards(MatrixView<const BFloat16> embeddings, const std::vector<float>& weight,
                                     const std::vector<float>& bias);

// Multiplies rewards [M, K], contiguous, by transform [K, K] from the right, in place.
void transform_rewards(MatrixView<float> rewards, const std::vector<float>& transform);

}  // namespace armorm::gating
