#include "model/backbone.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
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
#include "model/device_memory.h"
#include "model/device_work.h"
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
        device.is_cpu() ? ", or `weights_memory` auto"
                        : ", or `weights_memory` auto, which reads layers again, or `device` -1 for the CPU");
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
at::Tensor to_host(const at::Tensor& values) {
  if (values.is_cpu()) return values;
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
  StreamingPlan plan =
      plan_streaming(config, options.precision, files, options.weights_memory, options.device);
  const std::string where = options.device < 0 ? "" : fmt::format(" of cuda:{}", options.device);
  if (plan.streamed_count() == 0)
    log::info("weights: {} fit {}{}; all layers stay in memory", bytes_text(plan.in_memory),
              bytes_text(plan.limit), where);
  else
    log::info(
        "weights: {} of {} layers stay in memory, which takes {} of {}{}; the others, {}, are {} in "
        "each sweep",
        config.num_hidden_layers - plan.streamed_count(), config.num_hidden_layers,
        bytes_text(plan.in_memory), bytes_text(plan.limit), where,
        bytes_text(options.device < 0 ? plan.read_bytes : plan.copied_bytes),
        options.device < 0 ? "read" : "copied to it");
  return plan;
}

// Of the host's free memory, for hidden states that a GPU does not hold: pinned memory is taken from all
// other programs.
constexpr double kPinnedFraction = 0.25;

std::uint64_t pinned_limit() {
  return static_cast<std::uint64_t>(kPinnedFraction * static_cast<double>(free_host_memory()));
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
    release_on(decoder->device(), [this] {
      streamed.reset();
      decoder.reset();
    });
  }

  void begin_streaming();
  LayerWeights load_streamed(std::size_t layer) const;
  WaitingLimits waiting_limits(const std::vector<SweptPack>& packs) const;
  void sweep(std::vector<SweptPack>& packs) const;

  BackboneOptions options;
  WeightsFolder files;  // weights may be views of it
  StreamingPlan plan;
  std::unique_ptr<Decoder> decoder;
  std::optional<SweepMemory> memory;         // on a GPU with layers that are streamed
  std::optional<CopyStream> copies;          // of the thread that loads
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
  const at::Device device = decoder->device();
  if (!device.is_cpu()) memory = share_memory(plan, free_device_memory(device));
  copies.emplace(device);
  source.load = [this](std::size_t layer) { return load_streamed(layer); };
  source.finish_use = [device] { wait_for(device); };
  source.single_threaded = device.is_cpu();
  streamed = std::make_unique<StreamedLayers>(std::move(layers), std::move(source));
}

// The weights' memory on a GPU is given to the copies' stream alone. That is safe without further ordering:
// the copies are done when this returns, and the layer is destroyed when nothing computes with it any more
// (LayerSource::finish_use).
LayerWeights Backbone::Impl::load_streamed(std::size_t layer) const {
  LayerWeights weights;
  copies->run([&] {
    weights =
        load_layer(files, decoder->config(), dtype_of(options.precision), decoder->device(),
                   format_of(options.precision, options.fp8_accumulate), static_cast<std::int64_t>(layer));
  });
  return weights;
}

WaitingLimits Backbone::Impl::waiting_limits(const std::vector<SweptPack>& packs) const {
  if (!memory) return {.in_place = waiting_memory(plan)};
  std::int64_t tokens = 0;
  for (const SweptPack& pack : packs) tokens += pack.layout.tokens.size(0);
  return {.in_place = memory->for_rows(decoder->config(), tokens), .on_host = pinned_limit()};
}

void Backbone::Impl::sweep(std::vector<SweptPack>& packs) const {
  WaitingRows waiting(packs.size(), waiting_limits(packs), options.scratch_folder);
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
  std::vector<std::shared_ptr<const PrefixRows>> kept;
  std::optional<DeviceSpan> device_work;
  double seconds = 0.0;  // time of a computation on the CPU
};

PendingRows::PendingRows(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PendingRows::PendingRows(PendingRows&&) noexcept = default;
PendingRows& PendingRows::operator=(PendingRows&&) noexcept = default;
PendingRows::~PendingRows() = default;

std::vector<std::shared_ptr<const PrefixRows>> PendingRows::take_kept() { return std::move(impl_->kept); }

namespace {

// A GPU's time is known of a sweep alone: its packs get it by their tokens.
void share_seconds(double seconds, std::vector<SweptPack>& packs) {
  double tokens = 0.0;
  for (const SweptPack& pack : packs) tokens += static_cast<double>(pack.layout.tokens.size(0));
  for (SweptPack& pack : packs)
    pack.seconds = seconds * static_cast<double>(pack.layout.tokens.size(0)) / std::max(tokens, 1.0);
}

void check_uncached(const PackedBatch& batch) {
  if (!batch.cached.empty() || !batch.keep.empty())
    fail_internal("a pack of a sweep over streamed layers has cached prefixes, or keeps some");
}

}  // namespace

std::uint64_t Backbone::prefix_bytes_per_token() const {
  const ModelConfig& c = config();
  const std::int64_t values = 2 * c.num_hidden_layers * c.num_key_value_heads * c.head_dim;
  return static_cast<std::uint64_t>(values) * c10::elementSize(dtype_of(impl_->options.precision));
}

bool Backbone::streams() const { return impl_->streamed != nullptr; }

std::int64_t Backbone::most_sweep_tokens() const {
  return impl_->memory ? impl_->memory->most_tokens(config()) : std::numeric_limits<std::int64_t>::max();
}

Backbone::Sweep Backbone::sweep(std::span<const PackedBatch* const> batches) const {
  const c10::InferenceMode no_gradients;
  Sweep out;
  if (!streams()) {
    for (const PackedBatch* batch : batches) out.rows.push_back(submit(*batch));
    return out;
  }
  const at::Device device = impl_->decoder->device();
  const CurrentDevice current(device);
  const auto begin = std::chrono::steady_clock::now();
  std::vector<SweptPack> packs;
  for (const PackedBatch* batch : batches) {
    check_uncached(*batch);
    packs.push_back({lay_out(*batch, config().vocab_size, device), {}});
    auto pending = std::make_unique<PendingRows::Impl>(device);
    pending->rows = at::empty({0, config().hidden_size}, at::kFloat);
    out.rows.push_back(PendingRows(std::move(pending)));
  }
  impl_->sweep(packs);
  for (std::size_t i = 0; i < packs.size(); ++i)
    if (packs[i].rows.defined()) out.rows[i].impl_->rows = to_host(packs[i].rows.to(at::kFloat));
  wait_for(device);
  out.seconds = seconds_since(begin);
  const StreamedLayers::Times times = impl_->streamed->take_times();
  out.waited = times.waited;
  out.loading = times.loading;
  if (!device.is_cpu()) share_seconds(out.seconds - out.waited, packs);
  for (std::size_t i = 0; i < packs.size(); ++i) out.rows[i].impl_->seconds = packs[i].seconds;
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
    std::vector<PrefixRows> kept;
    pending->rows = to_host(impl_->decoder->forward(layout, kept).to(at::kFloat));
    for (PrefixRows& rows : kept)
      pending->kept.push_back(std::make_shared<const PrefixRows>(std::move(rows)));
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
  return impl_->memory ? static_cast<std::int64_t>(impl_->memory->activations) : free_device_memory(device);
}

}  // namespace armorm::model
