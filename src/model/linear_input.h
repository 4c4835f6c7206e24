// What products read: rows as they are, or rows that were quantised once for every product that reads them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>

#include "model/common/quantised_rows.h"

namespace armorm::model {

struct LinearInput {
  // NOLINTNEXTLINE(google-explicit-constructor): a plain tensor is an input
  LinearInput(at::Tensor x) : rows(std::move(x)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  LinearInput(QuantisedRows x) : rows(std::move(x.values)), scales(std::move(x.scales)) {}

  at::Tensor rows;      // [n, in]
  at::Tensor scales{};  // float32 [n, 1] of e4m3 rows; undefined: the rows are plain
};

// The rows as fp8 products read them; plain ones are quantised.
QuantisedRows quantised(const LinearInput& x);

// Rows [first, first + count), and rows of zeros after them that make `total`.
LinearInput piece_of(const LinearInput& x, std::int64_t first, std::int64_t count, std::int64_t total);

// The rows at `indices`, int64 [m].
LinearInput select_rows(const LinearInput& x, const at::Tensor& indices);

}  // namespace armorm::model
