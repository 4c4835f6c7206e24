// Attention on the CPU in one pass over the keys (online softmax, arXiv 2205.14135); the products use
// oneDNN's batch-reduce GEMM. Handles soft caps, windows and prefixes without a mask in memory.
#pragma once

#include "model/common/attention_plan.h"

namespace armorm::model::cpu {

// Whether this processor and LibTorch support the products for q's dtype.
bool supports_attention(const at::Tensor& q);

at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionPlan& plan, const AttentionOptions& options);

}  // namespace armorm::model::cpu
