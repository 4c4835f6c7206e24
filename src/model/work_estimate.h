// What an extraction will cost, known before a weight is read.
#pragma once

#include <cstdint>
#include <span>

#include "model/backbone.h"
#include "model/extractor.h"
#include "model/model_config.h"

namespace armorm {

struct WorkEstimate {
  std::int64_t input_tokens = 0;
  std::int64_t computed_tokens = 0;  // once identical sequences and common prefixes are computed once
  double matmul_flops =
      0.0;  // of the linear layers, two a multiply-add; the last layer only where rows are wanted
  double attention_flops =
      0.0;  // of scores and weighted sums under the causal mask, sliding windows included
  double flops() const noexcept { return matmul_flops + attention_flops; }
};

// The passes that Extractor makes with a budget of `batch_tokens` each, on a backbone loaded with `options`.
WorkEstimate estimate_work(const ModelConfig& config, const BackboneOptions& options,
                           std::span<const ExtractionRequest> requests, std::int64_t batch_tokens);

// Parameters of the decoder without a head, which is all that an extraction reads.
std::int64_t parameter_count(const ModelConfig& config);
// Bytes that they take on the device (-1 = CPU), scales of fp8 included.
std::uint64_t weight_bytes(const ModelConfig& config, Precision precision, int device);

}  // namespace armorm
