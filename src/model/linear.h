// Matrix products with weights.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "armorm/precision.h"
#include "model/common/activation.h"
#include "model/cpu/panel_kernels.h"
#include "model/linear_input.h"

namespace armorm::model {

// How the values of a weight are stored: as they are, or quantised by output channel to e4m3 (fp8.h) or
// integers (cpu/integers.h), for which apply() quantises x by row. fp8_fast: as fp8, and the tensor cores sum
// the products fast.
enum class WeightFormat { plain, fp8, fp8_fast, int8, int16 };
// auto sums fast; only tensor cores do.
WeightFormat format_of(Precision precision, Fp8Accumulate accumulate = Fp8Accumulate::auto_);
inline bool is_fp8(WeightFormat format) {
  return format == WeightFormat::fp8 || format == WeightFormat::fp8_fast;
}

// Created by make_linear().
struct Linear {
  at::Tensor weight;  // [out, in], or the panels of cpu/pack.h where there is a kernel
  at::Tensor bias;    // [out], or in the order of the panels; or undefined
  std::int64_t out_features = 0;
  WeightFormat format = WeightFormat::plain;
  bool gated = false;  // the panels are gated: apply_gated() takes one pass
  // On the CPU, of those in use (cpu_kernels.h) when the weight was loaded; null: LibTorch's products.
  const cpu::PanelKernel* kernel = nullptr;
  at::Tensor scales{};   // float32 [out, 1] of fp8; of integers in the order of the panels
  at::Tensor offsets{};  // of integers (cpu::IntegerWeight), as the next one
  at::Tensor input_scales{};
  bool scaled_mm = false;  // fp8: the device has_scaled_mm()
};

// weight [out, in] and bias ([out] or undefined) must be on the device that runs the product. On the CPU the
// weight is laid out for the kernels in use, and the argument is not kept; only LibTorch's products of plain
// weights keep it. `gated`: the outputs are gates, then as many values that they multiply, and only
// apply_gated() is called. Of an int8 model only gated weights, which have most of its operations, have 8
// bits; the others have 16, or stay plain where bfloat16 products are as fast (cpu_kernels.h).
Linear make_linear(const at::Tensor& weight, const at::Tensor& bias,
                   WeightFormat format = WeightFormat::plain, bool gated = false);

// x weight^T + bias: [n, in] -> [n, out]. Libraries choose the algorithm of a product, and with it the order
// of the sums, by shape. With rows_at_once > 0 the product runs in pieces of exactly that many rows, the last
// one padded with zeros, so that a row's bits do not depend on n. With a kernel they never do.
// Only fp8 products take rows that are quantised.
at::Tensor apply(const Linear& linear, const LinearInput& x, std::int64_t rows_at_once);

// activation(gates) * values of the outputs: [n, in] -> [n, out / 2], quantised if the weight is, whose
// format is then that of the product which reads the result.
LinearInput apply_gated(const Linear& linear, const LinearInput& x, Activation activation,
                        std::int64_t rows_at_once);

}  // namespace armorm::model
