// How far a backbone's embeddings lie from those of bfloat16 arithmetic.
#pragma once

#include <cstdint>
#include <span>

#include "model/backbone.h"

namespace armorm {

struct Deviation {
  std::int64_t rows = 0;
  double relative = 0.0;       // sqrt(sum |a - b|^2 / sum |b|^2) over all rows, b being those of bfloat16
  double lowest_cosine = 1.0;  // of a row's two embeddings
};

// Of the last tokens of `rows`. Loads the model of `options` once more, in bfloat16, for the duration of the
// call.
Deviation deviation_from_bf16(const Backbone& backbone, BackboneOptions options,
                              std::span<const std::span<const TokenId>> rows);

}  // namespace armorm
