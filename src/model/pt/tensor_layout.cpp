#include "model/pt/tensor_layout.h"

#include "core/error.h"

namespace armorm::model::pt {
namespace {

std::int64_t element_count(const PickledTensor& tensor, const std::string& where) {
  std::int64_t count = 1;
  for (const std::int64_t size : tensor.shape)
    if (size < 0 || __builtin_mul_overflow(count, size, &count))
      fail_data("{}: its sizes are not valid", where);
  return count;
}

// Index in the storage of the last element of a non-empty tensor.
std::int64_t last_element(const PickledTensor& tensor, std::int64_t elements, const std::string& where) {
  std::int64_t last = tensor.storage_offset;
  bool fits = last >= 0 && last < elements;
  for (std::size_t d = 0; d < tensor.shape.size(); ++d) {
    std::int64_t reach = 0;
    fits = fits && tensor.stride[d] >= 0 &&
           !__builtin_mul_overflow(tensor.shape[d] - 1, tensor.stride[d], &reach) &&
           !__builtin_add_overflow(last, reach, &last);
  }
  if (!fits) fail_data("{}: its offset and strides do not fit its {} stored elements", where, elements);
  return last;
}

}  // namespace

std::int64_t check_layout(const PickledTensor& tensor, std::int64_t stored, const std::string& where) {
  if (tensor.shape.size() != tensor.stride.size()) fail_data("{}: sizes and strides disagree", where);
  const std::int64_t count = element_count(tensor, where);
  if (count > 0 && (count > stored || last_element(tensor, stored, where) >= stored))
    fail_data("{}: reaches past its {} stored elements", where, stored);
  return count;
}

bool is_contiguous(const PickledTensor& tensor) {
  std::int64_t expected = 1;
  for (std::size_t d = tensor.shape.size(); d-- > 0; expected *= tensor.shape[d])
    if (tensor.shape[d] != 1 && tensor.stride[d] != expected) return false;
  return true;
}

}  // namespace armorm::model::pt
