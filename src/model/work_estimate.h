// The cost of an extraction, known before any weight is read.
#pragma once

#include <cstdint>
#include <span>

#include "model/backbone.h"
#include "model/extractor.h"
#include "model/model_config.h"

namespace armorm::model {

struct WorkEstimate {
  std::int64_t input_tokens = 0;
  std::int64_t computed_tokens = 0;  // tokens with identical sequences and common prefixes counted once
  double matmul_flops =
      0.0;  // of the linear layers, two per multiply-add; the last layer only at wanted rows
  double attention_flops =
      0.0;  // of scores and weighted sums under the causal mask, sliding windows included
  double flops() const noexcept { return matmul_flops + attention_flops; }
};

// The passes of Extractor with a budget of `batch_tokens` each, on a backbone loaded with `options`.
WorkEstimate estimate_work(const ModelConfig& config, const BackboneOptions& options,
                           std::span<const ExtractionRequest> requests, std::int64_t batch_tokens);

// Parameters of the decoder without a head; an extraction reads nothing else.
std::int64_t parameter_count(const ModelConfig& config);
// Bytes of these parameters on the device (-1 = CPU), including the fp8 scales.
std::uint64_t weight_bytes(const ModelConfig& config, Precision precision, int device);

}  // namespace armorm::model
