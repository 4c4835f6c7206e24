// What becomes of the sums of a block of rows and a panel, in one pass over them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "model/common/activation.h"
#include "model/cpu/panel_kernels.h"

namespace armorm::model::cpu {

// The result of a product: [rows, out_features] of float32 or bfloat16 (rounded to nearest even). With an
// activation it is activation(gates) * values, half of the weight's outputs, not rounded before the
// activation.
class PanelResult {
 public:
  // `bias`: pack_vector() or undefined.
  PanelResult(std::int64_t rows, std::int64_t out_features, at::ScalarType type, const at::Tensor& bias,
              std::optional<Activation> activation = std::nullopt);

  std::int64_t n_panels() const;
  // `sums` [rows, kPanel] of a panel become rows `first_row` and up. Of a gated panel the first half of the
  // columns are gates, the second half the values that they multiply.
  void store(std::int64_t panel, const float* sums, std::int64_t first_row, std::int64_t rows) const;
  const at::Tensor& tensor() const { return out_; }

 private:
  at::Tensor out_;
  at::Tensor bias_;
  std::optional<Activation> activation_;
  std::int64_t columns_of_panel_;
};

}  // namespace armorm::model::cpu
