// Rows of an embedding table that stays in its mapped file.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace armorm::model {

class EmbeddingRows {
 public:
  // `table` holds [vocab, hidden] elements of `stored`, aligned or not, and outlives the object.
  EmbeddingRows(std::span<const std::byte> table, std::int64_t vocab, at::ScalarType stored,
                at::ScalarType wanted);

  // tokens int64 [n] on the CPU -> [n, hidden] of the wanted type: the rows of the converted table, bit for
  // bit. The pages that were read are given back.
  at::Tensor rows(const at::Tensor& tokens) const;

 private:
  std::span<const std::byte> table_;
  at::Tensor bytes_;  // uint8 [vocab, bytes of a row], the mapped table
  at::ScalarType stored_;
  at::ScalarType wanted_;
};

}  // namespace armorm::model
