// Deviation of a backbone's embeddings from those of bfloat16 arithmetic.
#pragma once

#include <cstdint>
#include <span>

#include "model/backbone.h"

namespace armorm::model {

struct Deviation {
  std::int64_t rows = 0;
  double relative = 0.0;       // sqrt(sum |a - b|^2 / sum |b|^2) over all rows; b is the bfloat16 result
  double lowest_cosine = 1.0;  // minimum over rows of the cosine between the two embeddings
};

// Compares the embeddings of the last tokens of `rows`. Loads the model of `options` a second time, in
// bfloat16, for the duration of the call.
Deviation deviation_from_bf16(const Backbone& backbone, BackboneOptions options,
                              std::span<const std::span<const text::tokenizer::TokenId>> rows);

}  // namespace armorm::model
