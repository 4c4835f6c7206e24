#include "model/fp8.h"

#include <ATen/ATen.h>
#include <ATen/ops/_scaled_mm.h>

#include "model/current_device.h"
#include "model/ops.h"
#ifdef ARMORM_WITH_CUDA
#include "model/cuda/cuda_ops.h"
#endif

namespace armorm::model {
namespace {

constexpr std::int64_t kMultiple = 16;

// Operands that the tensor core kernel accepts.
bool supports_scaled_mm(const QuantisedRows& x, const QuantisedRows& weight) {
  return x.values.is_cuda() && x.values.size(1) % kMultiple == 0 && weight.values.size(0) % kMultiple == 0;
}

void scaled_mm_into(at::Tensor& out, const QuantisedRows& x, const QuantisedRows& weight,
                    const std::optional<at::Tensor>& bias, bool fast) {
  at::_scaled_mm_out(out, x.values, weight.values.t(), x.scales, weight.scales.view({1, -1}), bias,
                     /*scale_result=*/std::nullopt, at::kBFloat16, /*use_fast_accum=*/fast);
}

at::Tensor empty_result(const QuantisedRows& x, const QuantisedRows& weight) {
  return at::empty({x.values.size(0), weight.values.size(0)}, x.scales.options().dtype(at::kBFloat16));
}

}  // namespace

namespace reference {

QuantisedRows quantise_rows(const at::Tensor& x) {
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor largest = wide.abs().amax(1, /*keepdim=*/true);
  // The divisor is a tensor: with a number, ATen on CUDA multiplies by its inverse, which rounds twice.
  const at::Tensor divisor = at::full_like(largest, kLargestE4m3);
  const at::Tensor scales = at::where(largest.gt(0), largest / divisor, at::ones_like(largest));
  return {(wide / scales).clamp(-kLargestE4m3, kLargestE4m3).to(at::kFloat8_e4m3fn), scales};
}

at::Tensor multiply_quantised(const QuantisedRows& x, const QuantisedRows& weight, const at::Tensor& bias) {
  const at::Tensor sums = at::linear(x.values.to(at::kFloat), weight.values.to(at::kFloat));
  return scale_sums(sums, x.scales, weight.scales, bias);
}

}  // namespace reference

at::Tensor scale_sums(const at::Tensor& sums, const at::Tensor& row_scales, const at::Tensor& channel_scales,
                      const at::Tensor& bias) {
  at::Tensor scaled = sums * row_scales * channel_scales.view({1, -1});
  if (bias.defined()) scaled += bias.to(at::kFloat);
  return scaled.to(at::kBFloat16);
}

QuantisedRows quantise_rows(const at::Tensor& x) {
#ifdef ARMORM_WITH_CUDA
  if (cuda::supports(x)) return cuda::quantise_rows(x);
#endif
  return reference::quantise_rows(x);
}

QuantisedRows quantised_rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
#ifdef ARMORM_WITH_CUDA
  if (cuda::supports(x)) return cuda::quantised_rms_norm(x, weight, eps);
#endif
  return quantise_rows(rms_norm(x, weight, eps));
}

QuantisedRows quantised_add_rms_norm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight,
                                     double eps) {
#ifdef ARMORM_WITH_CUDA
  if (cuda::supports(residual) && delta.scalar_type() == residual.scalar_type() && cuda::supports(delta))
    return cuda::quantised_add_rms_norm(residual, delta, weight, eps);
#endif
  return quantise_rows(add_rms_norm(residual, delta, weight, eps));
}

QuantisedRows quantised_gated_activation(const at::Tensor& gate_up, Activation activation) {
#ifdef ARMORM_WITH_CUDA
  if (cuda::supports(gate_up)) return cuda::quantised_gated_activation(gate_up, activation);
#endif
  return quantise_rows(gated_activation(gate_up, activation));
}

void multiply_quantised_into(at::Tensor& out, const QuantisedRows& x, const QuantisedRows& weight,
                             const at::Tensor& bias, bool fast) {
  if (supports_scaled_mm(x, weight))
    scaled_mm_into(out, x, weight, bias.defined() ? std::optional(bias) : std::nullopt, fast);
  else
    out.copy_(reference::multiply_quantised(x, weight, bias));
}

at::Tensor multiply_quantised(const QuantisedRows& x, const QuantisedRows& weight, const at::Tensor& bias,
                              bool fast) {
  at::Tensor out = empty_result(x, weight);
  multiply_quantised_into(out, x, weight, bias, fast);
  return out;
}

bool has_scaled_mm(at::Device device) {
  if (!device.is_cuda()) return false;
  const CurrentDevice current(device);
  const auto options = at::TensorOptions().dtype(at::kBFloat16).device(device);
  const QuantisedRows ones = reference::quantise_rows(at::ones({kMultiple, kMultiple}, options));
  try {
    at::Tensor out = empty_result(ones, ones);
    scaled_mm_into(out, ones, ones, std::nullopt, /*fast=*/false);
    return true;
  } catch (const c10::OutOfMemoryError&) {
    throw;
  } catch (const c10::Error&) {
    return false;
  }
}

}  // namespace armorm::model
