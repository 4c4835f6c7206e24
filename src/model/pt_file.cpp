#include "armorm/model/pt_file.h"

#include <ATen/core/Dict.h>
#include <ATen/core/ivalue.h>
#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/pickler.h>

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
  for (const auto& [name, tensor] : tensors)
    dict.insert(name, at::from_blob(const_cast<float*>(tensor.values.data()), tensor.shape, at::kFloat).clone());
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

// Checks the description against the storage's real bytes, then copies in row-major order.
PtTensor materialise(const PickledTensor& tensor, std::string_view storage, const std::string& where) {
  const std::size_t size = element_size(tensor.storage_type, where);
  const auto elements = static_cast<std::int64_t>(storage.size() / size);
  PtTensor out{tensor.shape, {}};
  if (tensor.shape.size() != tensor.stride.size() || tensor.shape.size() > 8) fail_data("{}: sizes and strides disagree", where);
  std::int64_t count = 1;
  std::int64_t last = tensor.storage_offset;
  for (std::size_t d = 0; d < tensor.shape.size(); ++d) {
    if (tensor.shape[d] < 0 || tensor.stride[d] < 0 || tensor.shape[d] > elements || tensor.stride[d] > elements)
      fail_data("{}: its sizes do not fit its {} stored elements", where, elements);
    if (__builtin_mul_overflow(count, tensor.shape[d], &count)) fail_data("{}: its sizes overflow", where);
    last += std::max<std::int64_t>(tensor.shape[d] - 1, 0) * tensor.stride[d];
  }
  if (count == 0) return out;
  if (tensor.storage_offset < 0 || last >= elements || last < 0 || count > elements)
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
  auto [data, size] = archive.getRecord(name);
  if (size > file_size) fail_data("{}: record '{}' claims {} bytes, more than the file", path, name, size);
  return {static_cast<const char*>(data.get()), size};
}

}  // namespace

void save_pt_file(const std::filesystem::path& path, const PtTensors& tensors) {
  AtomicFile file(path);
  {
    caffe2::serialize::PyTorchStreamWriter writer([&file](const void* data, std::size_t size) {
      file.write(std::span(static_cast<const std::byte*>(data), size));
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
  }
  file.publish();
}

PtTensors load_pt_file(const std::filesystem::path& path) {
  const std::size_t file_size = MappedFile(path).bytes().size();
  try {
    caffe2::serialize::PyTorchStreamReader archive(path.string());
    PtTensors tensors;
    for (const auto& [name, tensor] :
         read_pickled_tensors(read_record(archive, "data.pkl", file_size, path.string()), path.string()))
      tensors.emplace_back(name, materialise(tensor, read_record(archive, "data/" + tensor.key, file_size, path.string()),
                                             path.string() + ": tensor '" + name + "'"));
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
