// The reading half of pt_file.h, without LibTorch: only this project's code reads untrusted bytes.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/dtype.h"
#include "core/error.h"
#include "core/half.h"
#include "io/mapped_file.h"
#include "model/pt/pickle_reader.h"
#include "model/pt/pt_archive.h"
#include "model/pt/pt_file.h"

namespace armorm::model::pt {
namespace {

float to_float32(const std::string& type, const char* at) {
  if (type == "FloatStorage") {
    float value = 0.0F;
    std::memcpy(&value, at, sizeof(value));
    return value;
  }
  if (type == "DoubleStorage") {
    double value = 0.0;
    std::memcpy(&value, at, sizeof(value));
    return static_cast<float>(value);
  }
  std::uint16_t bits = 0;
  std::memcpy(&bits, at, sizeof(bits));
  return type == "BFloat16Storage" ? BFloat16{bits}.to_float() : half_to_float(bits);
}

std::size_t element_size(const std::string& type, const std::string& where) {
  if (type == "FloatStorage") return 4;
  if (type == "DoubleStorage") return 8;
  if (type == "BFloat16Storage" || type == "HalfStorage") return 2;
  fail_data("{}: element type {} is not read; float32, float64, bfloat16 and float16 are", where, type);
}

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

// Checks the description against the storage's actual size, then copies in row-major order.
PtTensor materialise(const PickledTensor& tensor, std::string_view storage, const std::string& where) {
  const std::size_t size = element_size(tensor.storage_type, where);
  const auto elements = static_cast<std::int64_t>(storage.size() / size);
  PtTensor out{tensor.shape, {}};
  if (tensor.shape.size() != tensor.stride.size()) fail_data("{}: sizes and strides disagree", where);
  const std::int64_t count = element_count(tensor, where);
  if (count == 0) return out;
  if (count > elements || last_element(tensor, elements, where) >= elements)
    fail_data("{}: reaches past its {} stored elements", where, elements);
  out.values.reserve(static_cast<std::size_t>(count));
  std::vector<std::int64_t> index(tensor.shape.size(), 0);
  for (std::int64_t n = 0; n < count; ++n) {
    std::int64_t at = tensor.storage_offset;
    for (std::size_t d = 0; d < index.size(); ++d) at += index[d] * tensor.stride[d];
    out.values.push_back(
        to_float32(tensor.storage_type, storage.data() + static_cast<std::size_t>(at) * size));
    for (std::size_t d = index.size(); d-- > 0 && ++index[d] == tensor.shape[d];) index[d] = 0;
  }
  return out;
}

void check_byte_order(const PtArchive& archive, const std::string& path) {
  if (archive.contains("byteorder") && archive.record("byteorder") != "little")
    fail_data("{}: was saved on a big-endian machine; save it again on a little-endian one", path);
}

}  // namespace

PtTensors load_pt_file(const std::filesystem::path& path) {
  const io::MappedFile file(path);
  const std::size_t file_size = file.bytes().size();
  const PtArchive archive(file.bytes(), path.string());
  check_byte_order(archive, path.string());
  PtTensors tensors;
  std::size_t total = 0;
  for (const auto& [name, tensor] : read_pickled_tensors(archive.record("data.pkl"), path.string())) {
    const std::string where = path.string() + ": tensor '" + name + "'";
    tensors.emplace_back(name, materialise(tensor, archive.record("data/" + tensor.key), where));
    // Tensors may share storage, but not so often that a small file fills the memory.
    total += tensors.back().second.values.size();
    if (total > file_size)
      fail_data("{}: the tensors hold more elements than the file has bytes; it is damaged", where);
  }
  return tensors;
}

const PtTensor* find_tensor(const PtTensors& tensors, const std::string& name) {
  for (const auto& [found, tensor] : tensors)
    if (found == name) return &tensor;
  return nullptr;
}

}  // namespace armorm::model::pt
