// Where the elements of a pickled tensor lie in its storage.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/pt/pickle_reader.h"

namespace armorm::model::pt {

// The number of the tensor's elements. data error that begins with `where` unless all of them lie within a
// storage of `stored` elements, which it may not repeat.
std::int64_t check_layout(const PickledTensor& tensor, std::int64_t stored, const std::string& where);

bool is_contiguous(const PickledTensor& tensor);

// Calls `visit` with the position in the storage of each of the `count` elements, in row-major order.
template <class Visit>
void for_each_element(const PickledTensor& tensor, std::int64_t count, const Visit& visit) {
  std::vector<std::int64_t> index(tensor.shape.size(), 0);
  for (std::int64_t n = 0; n < count; ++n) {
    std::int64_t at = tensor.storage_offset;
    for (std::size_t d = 0; d < index.size(); ++d) at += index[d] * tensor.stride[d];
    visit(static_cast<std::size_t>(at));
    for (std::size_t d = index.size(); d-- > 0 && ++index[d] == tensor.shape[d];) index[d] = 0;
  }
}

}  // namespace armorm::model::pt
