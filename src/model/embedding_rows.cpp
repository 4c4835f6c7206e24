#include "model/embedding_rows.h"

#include <ATen/ATen.h>

#include "io/mapped_pages.h"

namespace armorm::model {

EmbeddingRows::EmbeddingRows(std::span<const std::byte> table, std::int64_t vocab, at::ScalarType stored,
                             at::ScalarType wanted)
    : table_(table),
      bytes_(at::from_blob(const_cast<std::byte*>(table.data()),  // only read
                           {vocab, static_cast<std::int64_t>(table.size()) / vocab}, at::kByte)),
      stored_(stored),
      wanted_(wanted) {
  io::read_pages_singly(table_);
}

at::Tensor EmbeddingRows::rows(const at::Tensor& tokens) const {
  const at::Tensor rows = bytes_.index_select(0, tokens).view(stored_).to(wanted_);
  io::give_back_pages(table_);
  return rows;
}

}  // namespace armorm::model
