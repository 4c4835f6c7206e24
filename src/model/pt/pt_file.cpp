// The writing half of pt_file.h, with PyTorch's own writer.
#include "model/pt/pt_file.h"

#include <ATen/core/Dict.h>
#include <ATen/core/ivalue.h>
#include <ATen/ops/from_blob.h>
#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/pickler.h>

#include "core/error.h"
#include "io/publish.h"

namespace armorm::model::pt {
namespace {

c10::IValue to_dict(const PtTensors& tensors) {
  c10::impl::GenericDict dict(c10::StringType::get(), c10::TensorType::get());
  for (const auto& [name, tensor] : tensors) {
    std::int64_t count = 1;
    for (const std::int64_t size : tensor.shape) count *= size;
    if (static_cast<std::size_t>(count) != tensor.values.size())
      fail_internal("tensor '{}' to save has {} values where its shape holds {}", name, tensor.values.size(),
                    count);
    dict.insert(name,
                at::from_blob(const_cast<float*>(tensor.values.data()), tensor.shape, at::kFloat).clone());
  }
  return dict;
}

// In memory, because PyTorch's writer ends the process when its own write throws.
std::string to_archive(const PtTensors& tensors) {
  std::string bytes;
  caffe2::serialize::PyTorchStreamWriter writer([&bytes](const void* data, std::size_t size) {
    bytes.append(static_cast<const char*>(data), size);
    return size;
  });
  std::string pickle;
  // Without type tags: torch.load(weights_only=True) refuses the function that restores them.
  torch::jit::Pickler pickler([&pickle](const char* data, std::size_t size) { pickle.append(data, size); },
                              nullptr, nullptr, nullptr, nullptr, false);
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

void save_pt_file(const std::filesystem::path& path, const PtTensors& tensors, io::FileSystem& files) {
  io::publish_text(path, to_archive(tensors), files);
}

}  // namespace armorm::model::pt
