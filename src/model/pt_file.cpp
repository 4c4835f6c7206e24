#include "armorm/model/pt_file.h"

#include <ATen/core/Dict.h>
#include <ATen/core/ivalue.h>
#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/pickler.h>

#include <algorithm>
#include <cstring>

#include "armorm/core/dtype.h"
#include "armorm/core/error.h"
#include "armorm/io/mapped_file.h"
#include "armorm/io/publish.h"
#include "model/pickle_reader.h"

namespace armorm {
namespace {

c10::IValue to_dict(const PtTensors& tensors) {
  c10::impl::GenericDict dict(c10::StringType::get(), c10::TensorType::get());
  for (const auto& [name, tensor] : tensors) {
    std::int64_t count = 1;
    for (const std::int64_t size : tensor.shape) count *= size;
    if (static_cast<std::size_t>(count) != tensor.values.size())
      fail_internal("tensor '{}' to save has {} values where its shape holds {}", name, tensor.values.size(), count);
    dict.insert(name, at::from_blob(const_cast<float*>(tensor.values.data()), tensor.shape, at::kFloat).clone());
  }
  return dict;
}

float to_float32(const std::string& type, const char* at) {
  if (type == "FloatStorage") {
    float value;
    std::memcpy(&value, at, sizeof(value));
    return value;
  }
  if (type == "DoubleStorage") {
    double value;
    std::memcpy(&value, at, sizeof(value));
    return static_cast<float>(value);
  }
  std::uint16_t bits;
  std::memcpy(&bits, at, sizeof(bits));
  return type == "BFloat16Storage" ? BFloat16{bits}.to_float() : static_cast<float>(c10::Half(bits, c10::Half::from_bits()));
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
    if (size < 0 || __builtin_mul_overflow(count, size, &count)) fail_data("{}: its sizes are not valid", where);
  return count;
}

// Index in the storage of the last element of a tensor that is not empty.
std::int64_t last_element(const PickledTensor& tensor, std::int64_t elements, const std::string& where) {
  std::int64_t last = tensor.storage_offset;
  bool fits = last >= 0 && last < elements;
  for (std::size_t d = 0; d < tensor.shape.size(); ++d) {
    std::int64_t reach = 0;
    fits = fits && tensor.stride[d] >= 0 && !__builtin_mul_overflow(tensor.shape[d] - 1, tensor.stride[d], &reach) &&
           !__builtin_add_overflow(last, reach, &last);
  }
  if (!fits) fail_data("{}: its offset and strides do not fit its {} stored elements", where, elements);
  return last;
}

// Checks the description against the storage's real bytes, then copies in row-major order.
PtTensor materialise(const PickledTensor& tensor, std::string_view storage, const std::string& where) {
  const std::size_t size = element_size(tensor.storage_type, where);
  const auto elements = static_cast<std::int64_t>(storage.size() / size);
  PtTensor out{tensor.shape, {}};
  if (tensor.shape.size() != tensor.stride.size() || tensor.shape.size() > 8) fail_data("{}: sizes and strides disagree", where);
  const std::int64_t count = element_count(tensor, where);
  if (count == 0) return out;
  if (count > elements || last_element(tensor, elements, where) >= elements)
    fail_data("{}: reaches past its {} stored elements", where, elements);
  std::vector<std::int64_t> index(tensor.shape.size(), 0);
  for (std::int64_t n = 0; n < count; ++n) {
    std::int64_t at = tensor.storage_offset;
    for (std::size_t d = 0; d < index.size(); ++d) at += index[d] * tensor.stride[d];
    out.values.push_back(to_float32(tensor.storage_type, storage.data() + static_cast<std::size_t>(at) * size));
    for (std::size_t d = index.size(); d-- > 0 && ++index[d] == tensor.shape[d];) index[d] = 0;
  }
  return out;
}

std::string read_record(caffe2::serialize::PyTorchStreamReader& archive, const std::string& name, std::size_t file_size,
                        const std::string& path) {
  if (!archive.hasRecord(name)) fail_data("{}: lacks the record '{}'; it is not a whole .pt file", path, name);
  // Before getRecord, which allocates what the archive claims. Records of .pt files are stored, not compressed.
  if (const std::size_t claimed = archive.getRecordSize(name); claimed > file_size)
    fail_data("{}: record '{}' claims {} bytes, more than the file's {}; copy the file again", path, name, claimed, file_size);
  auto [data, size] = archive.getRecord(name);
  return {static_cast<const char*>(data.get()), size};
}

// In memory: PyTorch's writer ends the process when a write of its own throws.
std::string to_archive(const PtTensors& tensors) {
  std::string bytes;
  caffe2::serialize::PyTorchStreamWriter writer([&bytes](const void* data, std::size_t size) {
    bytes.append(static_cast<const char*>(data), size);
    return size;
  });
  std::string pickle;
  // Without type tags: torch.load(weights_only=True) refuses the function that restores them.
  torch::jit::Pickler pickler([&pickle](const char* data, std::size_t size) { pickle.append(data, size); }, nullptr, nullptr,
                              nullptr, nullptr, false);
  pickler.protocol();
  pickler.pushIValue(to_dict(tensors));
  pickler.stop();
  writer.writeRecord("data.pkl", pickle.data(), pickle.size());
  std::size_t i = 0;
  for (const at::Tensor& tensor : pickler.tensorData())
    writer.writeRecord("data/" + std::to_string(i++), tensor.const_data_ptr(), tensor.nbytes());
  writer.writeEndOfFile();
  return bytes;
}

}  // namespace

void save_pt_file(const std::filesystem::path& path, const PtTensors& tensors, FileSystem& files) {
  publish_text(path, to_archive(tensors), files);
}

PtTensors load_pt_file(const std::filesystem::path& path) {
  const std::size_t file_size = MappedFile(path).bytes().size();
  try {
    caffe2::serialize::PyTorchStreamReader archive(path.string());
    PtTensors tensors;
    std::size_t total = 0;
    for (const auto& [name, tensor] :
         read_pickled_tensors(read_record(archive, "data.pkl", file_size, path.string()), path.string())) {
      const std::string where = path.string() + ": tensor '" + name + "'";
      tensors.emplace_back(name, materialise(tensor, read_record(archive, "data/" + tensor.key, file_size, path.string()), where));
      // Tensors may share storage, but not so often that a small file fills the memory.
      total += tensors.back().second.values.size();
      if (total > file_size) fail_data("{}: the tensors hold more elements than the file has bytes; it is damaged", where);
    }
    return tensors;
  } catch (const c10::Error& error) {
    fail_data("{}: is not a .pt file: {}", path.string(), error.what_without_backtrace());
  }
}

const PtTensor* find_tensor(const PtTensors& tensors, const std::string& name) {
  for (const auto& [found, tensor] : tensors)
    if (found == name) return &tensor;
  return nullptr;
}

}  // namespace armorm
