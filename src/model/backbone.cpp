#include "armorm/model/backbone.h"

#include <ATen/ATen.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/InferenceMode.h>

#include <fstream>

#include "armorm/core/error.h"
#include "armorm/io/safetensors.h"
#include "model/decoder.h"

namespace armorm {
namespace {

at::Device choose_device(int index) {
  if (index == -1) return at::Device(at::kCPU);
  if (index < -1)
    fail_usage("device: found {}, expected -1 for the CPU or the index of a CUDA device", index);
  const std::size_t count = at::hasCUDA() ? at::getNumGPUs() : 0;
  if (static_cast<std::size_t>(index) >= count) {
    fail_usage("device: found {}, expected less than the {} CUDA devices here; use -1 for the CPU", index,
               count);
  }
  return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
}

std::int64_t free_host_memory() {
  std::ifstream info("/proc/meminfo");
  std::string field;
  std::int64_t kibibytes = 0;
  std::string unit;
  while (info >> field >> kibibytes) {
    if (field == "MemAvailable:") return kibibytes * 1024;
    std::getline(info, unit);
  }
  fail_io("/proc/meminfo: found no MemAvailable, expected the free memory of this machine");
}

}  // namespace

struct Backbone::Impl {
  SafetensorsFolder files;  // the weights may be views of it
  model::Decoder decoder;
};

Backbone::Backbone(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Backbone::Backbone(Backbone&&) noexcept = default;
Backbone& Backbone::operator=(Backbone&&) noexcept = default;
Backbone::~Backbone() = default;

Backbone Backbone::load(const BackboneOptions& options) {
  const c10::InferenceMode no_gradients;
  const at::Device device = choose_device(options.device);
  const at::ScalarType dtype = options.precision == Precision::bf16 ? at::kBFloat16 : at::kFloat;
  ModelConfig config = ModelConfig::load(options.model_folder);
  SafetensorsFolder files = SafetensorsFolder::open(options.model_folder);
  model::DecoderWeights weights = model::load_weights(files, config, dtype, device);
  return Backbone(std::make_unique<Impl>(
      Impl{std::move(files), model::Decoder(std::move(config), std::move(weights), device)}));
}

const ModelConfig& Backbone::config() const { return impl_->decoder.config(); }

void Backbone::embed(const PackedBatch& batch, MatrixView<float> out) const {
  const auto rows = std::ssize(batch.wanted);
  if (out.rows != rows || out.cols != config().hidden_size) {
    fail_internal("embed: found room for [{}, {}], expected [{}, {}]", out.rows, out.cols, rows,
                  config().hidden_size);
  }
  const c10::InferenceMode no_gradients;
  const model::PackLayout layout = model::lay_out(batch, config().vocab_size, impl_->decoder.device());
  if (rows == 0) return;
  const at::Tensor hidden = impl_->decoder.forward(layout);
  at::from_blob(out.data, {out.rows, out.cols}, {out.row_stride, 1}, at::kFloat).copy_(hidden);
}

std::string Backbone::device_name() const {
  const at::Device device = impl_->decoder.device();
  return device.is_cpu() ? "CPU" : fmt::format("CUDA device {}", static_cast<int>(device.index()));
}

std::int64_t Backbone::free_memory() const {
  const at::Device device = impl_->decoder.device();
  if (device.is_cpu()) return free_host_memory();
  return static_cast<std::int64_t>(
      at::getDeviceAllocator(device.type())->getMemoryInfo(device.index()).first);
}

}  // namespace armorm
