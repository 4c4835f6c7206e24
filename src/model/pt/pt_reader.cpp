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
#include "model/pt/tensor_layout.h"

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

// Checks the description against the storage's actual size, then copies in row-major order.
PtTensor materialise(const PickledTensor& tensor, std::string_view storage, const std::string& where) {
  const std::size_t size = element_size(tensor.storage_type, where);
  const auto elements = static_cast<std::int64_t>(storage.size() / size);
  PtTensor out{tensor.shape, {}};
  const std::int64_t count = check_layout(tensor, elements, where);
  out.values.reserve(static_cast<std::size_t>(count));
  for_each_element(tensor, count, [&](std::size_t at) {
    out.values.push_back(to_float32(tensor.storage_type, storage.data() + at * size));
  });
  return out;
}

}  // namespace

PtTensors load_pt_file(const std::filesystem::path& path) {
  const io::MappedFile file(path);
  const std::size_t file_size = file.bytes().size();
  const PtArchive archive(file.bytes(), path.string());
  archive.check_byte_order();
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
