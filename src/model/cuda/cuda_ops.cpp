#include "model/cuda/cuda_ops.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include "core/error.h"
#include "model/cuda/kernels.h"

namespace armorm::model::cuda {
namespace {

Element element_of(const at::Tensor& x) {
  return x.scalar_type() == at::kBFloat16 ? Element::bf16 : Element::fp32;
}

// Makes the tensor's device current, provides its stream, and reports a failed launch.
class Launch {
 public:
  Launch(const char* name, const at::Tensor& x) : name_(name), guard_(x.device()) {}
  Stream stream() const { return c10::cuda::getCurrentCUDAStream().stream(); }
  void check() const {
    const cudaError_t error = cudaGetLastError();
    if (error != cudaSuccess) fail_internal("CUDA kernel {}: {}", name_, cudaGetErrorString(error));
  }

 private:
  const char* name_;
  c10::cuda::CUDAGuard guard_;
};

QuantisedRows empty_rows(const at::Tensor& like, std::int64_t width) {
  return {at::empty({like.size(0), width}, like.options().dtype(at::kFloat8_e4m3fn)),
          at::empty({like.size(0), 1}, like.options().dtype(at::kFloat))};
}

}  // namespace

bool supports(const at::Tensor& x) {
  const bool known = x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16;
  return x.is_cuda() && known && x.numel() > 0 && x.select(0, 0).is_contiguous();
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const Launch launch("rms_norm", x);
  const at::Tensor rows = x.contiguous();
  at::Tensor out = at::empty(x.sizes(), x.options());
  launch_rms_norm(element_of(x), rows.const_data_ptr(), weight.const_data_ptr<float>(),
                  out.mutable_data_ptr(), x.size(0), x.size(1), static_cast<float>(eps), launch.stream());
  launch.check();
  return out;
}

at::Tensor add_rms_norm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight, double eps) {
  const Launch launch("add_rms_norm", residual);
  const at::Tensor added = delta.contiguous();
  at::Tensor out = at::empty(residual.sizes(), residual.options());
  launch_add_rms_norm(element_of(residual), residual.mutable_data_ptr(), added.const_data_ptr(),
                      weight.const_data_ptr<float>(), out.mutable_data_ptr(), residual.size(0),
                      residual.size(1), static_cast<float>(eps), launch.stream());
  launch.check();
  return out;
}

void rope_inplace(at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const Launch launch("rope", x);
  launch_rope(element_of(x), x.mutable_data_ptr(), cos.const_data_ptr<float>(), sin.const_data_ptr<float>(),
              x.size(0), x.stride(0), x.size(1), x.size(2) / 2, launch.stream());
  launch.check();
}

void norm_rope_inplace(at::Tensor& x, const at::Tensor& weight, double eps, const at::Tensor& cos,
                       const at::Tensor& sin) {
  const Launch launch("norm_rope", x);
  launch_norm_rope(element_of(x), x.mutable_data_ptr(), weight.const_data_ptr<float>(),
                   static_cast<float>(eps), cos.const_data_ptr<float>(), sin.const_data_ptr<float>(),
                   x.size(0), x.stride(0), x.size(1), x.size(2) / 2, launch.stream());
  launch.check();
}

at::Tensor gated_activation(const at::Tensor& gate_up, Activation activation) {
  const Launch launch("gated_activation", gate_up);
  const at::Tensor rows = gate_up.contiguous();
  const std::int64_t width = gate_up.size(1) / 2;
  at::Tensor out = at::empty({gate_up.size(0), width}, gate_up.options());
  const auto kernel = activation == Activation::silu ? launch_gated_silu : launch_gated_gelu_tanh;
  kernel(element_of(gate_up), rows.const_data_ptr(), out.mutable_data_ptr(), gate_up.size(0), width,
         launch.stream());
  launch.check();
  return out;
}

QuantisedRows quantise_rows(const at::Tensor& x) {
  const Launch launch("quantise_rows", x);
  const at::Tensor rows = x.contiguous();
  QuantisedRows out = empty_rows(x, x.size(1));
  launch_quantise_rows(element_of(x), rows.const_data_ptr(), out.values.mutable_data_ptr(),
                       out.scales.mutable_data_ptr<float>(), x.size(0), x.size(1), launch.stream());
  launch.check();
  return out;
}

QuantisedRows quantised_rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const Launch launch("quantised_rms_norm", x);
  const at::Tensor rows = x.contiguous();
  const std::int64_t width = x.size(1);
  QuantisedRows out = empty_rows(x, width);
  void* const values = out.values.mutable_data_ptr();
  if (!quantises_at_once(element_of(x), width, {rows.const_data_ptr(), weight.const_data_ptr(), values}))
    return quantise_rows(rms_norm(x, weight, eps));
  launch_quantised_rms_norm(rows.const_data_ptr(), weight.const_data_ptr<float>(), values,
                            out.scales.mutable_data_ptr<float>(), x.size(0), width, static_cast<float>(eps),
                            launch.stream());
  launch.check();
  return out;
}

QuantisedRows quantised_add_rms_norm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight,
                                     double eps) {
  const Launch launch("quantised_add_rms_norm", residual);
  const at::Tensor added = delta.contiguous();
  const std::int64_t width = residual.size(1);
  QuantisedRows out = empty_rows(residual, width);
  void* const sums = residual.mutable_data_ptr();
  void* const values = out.values.mutable_data_ptr();
  if (!quantises_at_once(element_of(residual), width,
                         {sums, added.const_data_ptr(), weight.const_data_ptr(), values}))
    return quantise_rows(add_rms_norm(residual, delta, weight, eps));
  launch_quantised_add_rms_norm(sums, added.const_data_ptr(), weight.const_data_ptr<float>(), values,
                                out.scales.mutable_data_ptr<float>(), residual.size(0), width,
                                static_cast<float>(eps), launch.stream());
  launch.check();
  return out;
}

QuantisedRows quantised_gated_activation(const at::Tensor& gate_up, Activation activation) {
  const Launch launch("quantised_gated_activation", gate_up);
  const at::Tensor rows = gate_up.contiguous();
  const std::int64_t width = gate_up.size(1) / 2;
  QuantisedRows out = empty_rows(gate_up, width);
  void* const values = out.values.mutable_data_ptr();
  if (!quantises_at_once(element_of(gate_up), width, {rows.const_data_ptr(), values}))
    return quantise_rows(gated_activation(gate_up, activation));
  const auto kernel =
      activation == Activation::silu ? launch_quantised_gated_silu : launch_quantised_gated_gelu_tanh;
  kernel(rows.const_data_ptr(), values, out.scales.mutable_data_ptr<float>(), gate_up.size(0), width,
         launch.stream());
  launch.check();
  return out;
}

}  // namespace armorm::model::cuda
