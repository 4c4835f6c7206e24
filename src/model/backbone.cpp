#include "model/backbone.h"

#include <ATen/ATen.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/units.h"
#include "core/words.h"
#include "model/cudnn.h"
#include "model/current_device.h"
#include "model/decoder.h"
#include "model/device.h"
#include "model/device_event.h"
#include "model/fp8.h"
#include "model/host_memory.h"
#include "model/layer_sweep.h"
#include "model/out_of_memory.h"
#include "model/streaming_plan.h"
#include "model/work_estimate.h"

namespace armorm::model {
namespace {

at::Device choose_device(int index) {
  check_device(index);
  return index == -1 ? at::Device(at::kCPU) : at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
}

at::ScalarType dtype_of(Precision precision) {
  return precision == Precision::fp32 ? at::kFloat : at::kBFloat16;
}

DecoderWeights load_weights(const WeightsFolder& files, const ModelConfig& config,
                            const BackboneOptions& options, at::Device device,
                            const std::vector<bool>& streamed) {
  try {
    return model::load_weights(files, config, dtype_of(options.precision), device,
                               format_of(options.precision, options.fp8_accumulate), !options.loaded_before,
                               streamed);
  } catch (const c10::Error& error) {
    if (!is_out_of_memory(error)) throw;
    fail_usage(
        "{}: the weights, about {} in {}, do not fit the memory of {}; use a device with more memory{}{}",
        options.model_folder.folder.string(),
        bytes_text(weight_bytes(config, options.precision, options.device)), name_of(options.precision),
        device.str(), options.precision == Precision::fp32 ? ", or `precision` bf16" : "",
        device.is_cpu() ? ", or `weights_memory` auto" : ", or `device` -1 for the CPU");
  }
}

void warn_of_slow_fp8(const BackboneOptions& options, at::Device device) {
  if (options.precision != Precision::fp8 || device.is_cpu() || has_scaled_mm(device)) return;
  log::warn(
      "{} cannot multiply in fp8, which takes compute capability 8.9: products of the same values run in "
      "float32, much slower; bf16 is fast there",
      device.str());
}

std::string obstacle_to_cudnn(const BackboneOptions& options) {
  if (options.attention == GpuAttention::flash) return "flash is chosen";
  if (options.batch_invariant) return "batch_invariant: its bits depend on the sizes of a pack";
  if (options.precision == Precision::fp32) return "it takes bf16 or fp8";
  return why_no_cudnn(at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(options.device)));
}

bool use_cudnn(const BackboneOptions& options) {
  if (options.device < 0) return false;
  const std::string obstacle = obstacle_to_cudnn(options);
  if (options.loaded_before) return obstacle.empty();
  if (obstacle.empty())
    log::info("attention: {} where it has plans", cudnn_name());
  else
    log::info("attention: LibTorch's; cuDNN's is not used: {}", obstacle);
  return obstacle.empty();
}

bool has_rope(const ModelConfig& config, std::string_view type) {
  const auto scaled_by = [&](const std::optional<RopeScaling>& scaling) {
    return scaling && scaling->rope_type == type;
  };
  return scaled_by(config.rope_scaling) || (config.sliding_rope && scaled_by(config.sliding_rope->scaling));
}

// Enqueued; the rows are valid when the device's stream reaches this point.
at::Tensor download(const at::Tensor& values) {
  at::Tensor host = at::empty(values.sizes(), values.options().device(at::kCPU).pinned_memory(true));
  host.copy_(values, /*non_blocking=*/true);
  return host;
}

}  // namespace

std::string cudnn_of(const BackboneOptions& options) {
  return options.device >= 0 && obstacle_to_cudnn(options).empty() ? cudnn_name() : "";
}

std::string_view why_no_shared_prefixes(const ModelConfig& config, const BackboneOptions& options) {
  if (has_rope(config, "dynamic"))
    return "under dynamic rope scaling they depend on the length of the complete sequence";
  if (has_rope(config, "longrope"))
    return "under longrope scaling they depend on the length of the complete sequence";
  const bool flash = flash_takes(dtype_of(options.precision), config.head_dim, config.attn_logit_softcapping);
  if (options.batch_invariant && options.device >= 0 && !flash)
    return "batch_invariant on a GPU allows sharing only in FlashAttention (bf16 or fp8, heads of a "
           "multiple of 8, no soft cap)";
  return "";
}

namespace {

StreamingPlan plan_of(const BackboneOptions& options, const ModelConfig& config, const WeightsFolder& files) {
  if (!options.weights_memory) return {};
  if (options.device >= 0) fail_internal("weights_memory is for the CPU");
  StreamingPlan plan = plan_streaming(config, options.precision, files, options.weights_memory);
  if (plan.streamed_count() == 0)
    log::info("weights: {} fit {}; all layers stay in memory", bytes_text(plan.in_memory),
              bytes_text(plan.limit));
  else
    log::info(
        "weights: {} of {} layers stay in memory, which takes {} of {}; the others, {}, are read in "
        "each sweep",
        config.num_hidden_layers - plan.streamed_count(), config.num_hidden_layers,
        bytes_text(plan.in_memory), bytes_text(plan.limit), bytes_text(plan.read_bytes));
  return plan;
}

}  // namespace

struct Backbone::Impl {
  Impl(const BackboneOptions& how, WeightsFolder opened, Decoder loaded, StreamingPlan layers)
      : options(how),
        files(std::move(opened)),
        plan(std::move(layers)),
        decoder(std::make_unique<Decoder>(std::move(loaded))) {
    if (plan.streamed_count() > 0) begin_streaming();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    streamed.reset();
    release_on(decoder->device(), [this] { decoder.reset(); });
  }

  void begin_streaming();
  void sweep(std::vector<SweptPack>& packs) const;

  BackboneOptions options;
  WeightsFolder files;  // weights may be views of it
  StreamingPlan plan;
  std::unique_ptr<Decoder> decoder;
  std::unique_ptr<StreamedLayers> streamed;  // null: all layers stay
};

void Backbone::Impl::begin_streaming() {
  LayerSource source;
  std::vector<std::size_t> layers;
  for (std::size_t i = 0; i < plan.streamed.size(); ++i) {
    auto& mapped = source.mapped.emplace_back();
    if (!plan.streamed[i]) continue;
    layers.push_back(i);
    for (const std::string& name : files.names_of_layer(i)) mapped.push_back(files.mapped_base(name));
  }
  source.load = [this](std::size_t layer) {
    return load_layer(files, decoder->config(), dtype_of(options.precision), decoder->device(),
                      format_of(options.precision, options.fp8_accumulate), static_cast<std::int64_t>(layer));
  };
  streamed = std::make_unique<StreamedLayers>(std::move(layers), std::move(source));
}

void Backbone::Impl::sweep(std::vector<SweptPack>& packs) const {
  WaitingRows waiting(packs.size(), waiting_memory(plan), options.scratch_folder);
  sweep_layers(*decoder, *streamed, waiting, packs);
}

Backbone::Backbone(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Backbone::Backbone(Backbone&&) noexcept = default;
Backbone& Backbone::operator=(Backbone&&) noexcept = default;
Backbone::~Backbone() = default;

Backbone Backbone::load(const BackboneOptions& options) {
  const c10::InferenceMode no_gradients;
  const at::Device device = choose_device(options.device);
  check_precision(options.precision, options.device);
  const CurrentDevice current(device);
  ModelConfig config = ModelConfig::load_again(options.model_folder.base);
  WeightsFolder files = WeightsFolder::open(options.model_folder);
  StreamingPlan plan = plan_of(options, config, files);
  DecoderWeights weights = load_weights(files, config, options, device, plan.streamed);
  warn_of_slow_fp8(options, device);
  return Backbone(std::make_unique<Impl>(
      options, std::move(files),
      Decoder(std::move(config), std::move(weights), device, options.batch_invariant, use_cudnn(options)),
      std::move(plan)));
}

const ModelConfig& Backbone::config() const { return impl_->decoder->config(); }

std::string_view Backbone::why_no_shared_prefixes() const {
  return armorm::model::why_no_shared_prefixes(config(), impl_->options);
}

namespace {

// The device's work between two points of its stream.
struct DeviceSpan {
  DeviceEvent begin;
  DeviceEvent end;

  explicit DeviceSpan(at::Device device)
      : begin(device, c10::EventFlag::BACKEND_DEFAULT), end(device, c10::EventFlag::BACKEND_DEFAULT) {
    begin.record();
  }
  void close() { end.record(); }
  double wait() const {
    end.synchronize();
    return begin.seconds_until(end);
  }
};

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

struct PendingRows::Impl {
  explicit Impl(at::Device where) : device(where) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    release_on(device, [this] { rows.reset(); });
  }

  at::Device device;
  at::Tensor rows;  // float32 [wanted, hidden] on the host, pinned when a copy from the device fills it
  std::optional<DeviceSpan> device_work;
  double seconds = 0.0;  // time of a computation on the CPU
};

PendingRows::PendingRows(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PendingRows::PendingRows(PendingRows&&) noexcept = default;
PendingRows& PendingRows::operator=(PendingRows&&) noexcept = default;
PendingRows::~PendingRows() = default;

bool Backbone::streams() const { return impl_->streamed != nullptr; }

Backbone::Sweep Backbone::sweep(std::span<const PackedBatch* const> batches) const {
  const c10::InferenceMode no_gradients;
  Sweep out;
  if (!streams()) {
    for (const PackedBatch* batch : batches) out.rows.push_back(submit(*batch));
    return out;
  }
  const auto begin = std::chrono::steady_clock::now();
  std::vector<SweptPack> packs;
  for (const PackedBatch* batch : batches) {
    packs.push_back({lay_out(*batch, config().vocab_size, impl_->decoder->device()), {}});
    auto pending = std::make_unique<PendingRows::Impl>(impl_->decoder->device());
    pending->rows = at::empty({0, config().hidden_size}, at::kFloat);
    out.rows.push_back(PendingRows(std::move(pending)));
  }
  impl_->sweep(packs);
  for (std::size_t i = 0; i < packs.size(); ++i) {
    PendingRows::Impl& pending = *out.rows[i].impl_;
    if (packs[i].rows.defined()) pending.rows = packs[i].rows.to(at::kFloat);
    pending.seconds = packs[i].seconds;
  }
  out.seconds = seconds_since(begin);
  const StreamedLayers::Times times = impl_->streamed->take_times();
  out.waited = times.waited;
  out.loading = times.loading;
  return out;
}

PendingRows Backbone::submit(const PackedBatch& batch) const {
  if (streams()) {
    const PackedBatch* const one = &batch;
    return std::move(sweep(std::span(&one, 1)).rows.front());
  }
  const c10::InferenceMode no_gradients;
  const at::Device device = impl_->decoder->device();
  const CurrentDevice current(device);
  auto pending = std::make_unique<PendingRows::Impl>(device);
  const auto begin = std::chrono::steady_clock::now();
  const PackLayout layout = lay_out(batch, config().vocab_size, device);
  if (!device.is_cpu()) pending->device_work.emplace(device);  // excludes earlier host work
  if (batch.wanted.empty()) {
    pending->rows = at::empty({0, config().hidden_size}, at::kFloat);
  } else {
    const at::Tensor hidden = impl_->decoder->forward(layout).to(at::kFloat);
    pending->rows = device.is_cpu() ? hidden : download(hidden);
  }
  if (pending->device_work) {
    pending->device_work->close();
  } else {
    pending->seconds = seconds_since(begin);
  }
  return PendingRows(std::move(pending));
}

double Backbone::collect(PendingRows rows, MatrixView<float> out) const {
  const at::Tensor& values = rows.impl_->rows;
  if (out.rows != values.size(0) || out.cols != values.size(1)) {
    fail_internal("collect: found a buffer of [{}, {}], expected [{}, {}]", out.rows, out.cols,
                  values.size(0), values.size(1));
  }
  const double seconds = rows.impl_->device_work ? rows.impl_->device_work->wait() : rows.impl_->seconds;
  const auto* from = values.const_data_ptr<float>();
  for (std::int64_t row = 0; row < out.rows; ++row)
    std::copy_n(from + row * out.cols, out.cols, out.data + row * out.row_stride);
  return seconds;
}

std::string Backbone::device_name() const { return impl_->decoder->device().str(); }

std::int64_t Backbone::free_memory() const {
  const at::Device device = impl_->decoder->device();
  if (device.is_cpu()) return free_host_memory();
  const CurrentDevice current(device);
  auto* allocator = at::getDeviceAllocator(device.type());
  const auto stats = allocator->getDeviceStats(device.index());
  constexpr auto kAll = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  const std::int64_t reusable = stats.reserved_bytes[kAll].current - stats.allocated_bytes[kAll].current;
  return static_cast<std::int64_t>(allocator->getMemoryInfo(device.index()).first) + reusable;
}

}  // namespace armorm::model
