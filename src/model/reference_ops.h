// Plain ATen versions of ops.h and attention.h for any device and dtype; tests compare the fast versions with
// them.
#pragma once

#include "model/attention.h"
#include "model/ops.h"

namespace armorm::model::reference {

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);
at::Tensor add_rms_norm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight, double eps);
void rope_inplace(at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);
void norm_rope_inplace(at::Tensor& x, const at::Tensor& weight, double eps, const at::Tensor& cos,
                       const at::Tensor& sin);
at::Tensor gated_activation(const at::Tensor& gate_up, Activation activation);
at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const AttentionPlan& plan, const AttentionOptions& options);

}  // namespace armorm::model::reference
