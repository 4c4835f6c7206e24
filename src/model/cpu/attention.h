// Attention over packed sequences on the CPU, with the panel products (panel_kernels.h).
//
// A row's bits depend on its own queries, keys and their positions only.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/common/attention_plan.h"
#include "model/cpu/panel_kernels.h"

namespace armorm::model::cpu {

// As in model/attention.h; `kernel` for the type of q, float32 or bfloat16.
at::Tensor packed_attention(const PanelKernel& kernel, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const AttentionPlan& plan, const AttentionOptions& options);

}  // namespace armorm::model::cpu
