// Layers that are streamed: the bits of a model that stays in memory, the plan, and what a sweep keeps where.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include "model/compute_threads.h"
#include "model/copy_rate.h"
#include "model/extractor.h"
#include "model/gpu_test_support.h"
#include "model/host_memory.h"
#include "model/kernels_test_support.h"
#include "model/layer_sweep.h"
#include "model/model_test_support.h"
#include "model/streaming_plan.h"
#include "model/work_estimate.h"
#include "support/error_of.h"
#include "support/log_capture.h"

namespace armorm::model {
namespace {

using namespace test;
namespace fs = std::filesystem;

ModelFolder adapter_folder(const std::string& name) {
  const fs::path folder = golden("adapter") / name;
  std::ifstream file(folder / "base");
  std::string base;
  std::getline(file, base);
  return {folder, golden(base)};
}

std::vector<ModelFolder> folders() {
  std::vector<ModelFolder> out;
  for (const std::string& name : golden_models()) out.emplace_back(golden_model(name));
  for (const char* name : {"plain", "bf16", "embedding", "bin"}) out.push_back(adapter_folder(name));
  return out;
}

// Packs of random tokens, one of them with a prefix that two sequences share, where the model allows it.
std::vector<PackedBatch> packs_for(const ModelConfig& config, const BackboneOptions& options) {
  std::vector<PackedBatch> packs;
  for (const std::vector<std::int64_t>& lengths :
       {std::vector<std::int64_t>{5, 17}, {40}, {1, 2, 3}, {33, 7}}) {
    std::vector<std::vector<text::tokenizer::TokenId>> sequences;
    for (const std::int64_t length : lengths) {
      auto& tokens = sequences.emplace_back();
      for (std::int64_t i = 0; i < length; ++i)
        tokens.push_back(static_cast<text::tokenizer::TokenId>((i * 37 + length) % config.vocab_size));
    }
    packs.push_back(pack(sequences));
    packs.back().wanted = {std::ssize(packs.back().tokens) - 1, 0};
    if (lengths.size() == 3 && why_no_shared_prefixes(config, options).empty())
      packs.back().prefix_of = {-1, 0, 0};
  }
  packs.emplace_back(packs[1]).wanted.clear();
  return packs;
}

struct Loaded {
  ModelConfig config;
  WeightsFolder files;
  at::ScalarType type;
  WeightFormat format;
  Loaded(const ModelFolder& folder, Precision precision)
      : config(ModelConfig::load(folder.base)),
        files(WeightsFolder::open(folder)),
        type(precision == Precision::fp32 ? at::kFloat : at::kBFloat16),
        format(format_of(precision)) {}

  Decoder decoder(bool invariant, const std::vector<bool>& streamed) const {
    return {config, load_weights(files, config, type, at::kCPU, format, false, streamed), at::kCPU, invariant,
            false};
  }
  std::unique_ptr<StreamedLayers> streamed_layers(const std::vector<bool>& streamed) const {
    LayerSource source;
    std::vector<std::size_t> layers;
    for (std::size_t i = 0; i < streamed.size(); ++i) {
      auto& mapped = source.mapped.emplace_back();
      for (const std::string& name : files.names_of_layer(i)) mapped.push_back(files.mapped_base(name));
      if (streamed[i]) layers.push_back(i);
    }
    source.load = [this](std::size_t layer) {
      return load_layer(files, config, type, at::kCPU, format, static_cast<std::int64_t>(layer));
    };
    return std::make_unique<StreamedLayers>(layers, source);
  }
};

// Layers that are streamed, and bytes of hidden states in memory.
struct Case {
  bool first, middle, last;
  WaitingLimits waiting;
  bool streams(std::size_t layer, std::size_t layers) const {
    return layer == 0 ? first : layer + 1 == layers ? last : middle;
  }
};
constexpr Case kCases[] = {{true, true, true, {}},
                           {false, true, false, {.in_place = 3000, .on_host = 3000}},
                           {true, false, true, {.in_place = 1 << 30}}};

// With one thread: so small operations wait for others most of the time.
class OneThread {
 public:
  OneThread() : before_(at::get_num_threads()) { set_compute_threads(1); }
  ~OneThread() { set_compute_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

std::vector<at::Tensor> resident_rows(const Loaded& model, const std::vector<PackedBatch>& batches,
                                      bool invariant) {
  const Decoder decoder = model.decoder(invariant, {});
  std::vector<at::Tensor> rows;
  for (const PackedBatch& batch : batches)
    if (!batch.wanted.empty())
      rows.push_back(decoder.forward(lay_out(batch, model.config.vocab_size, at::kCPU)));
  return rows;
}

std::string bytes_of(const at::Tensor& rows) {
  const at::Tensor flat = rows.contiguous();
  return {static_cast<const char*>(flat.const_data_ptr()), flat.nbytes()};
}

std::vector<SweptPack> sweep(const Loaded& model, const std::vector<PackedBatch>& batches,
                             const std::vector<bool>& streamed, WaitingLimits limits, bool invariant) {
  const TempDir scratch;
  std::vector<SweptPack> packs;
  for (const PackedBatch& batch : batches)
    packs.push_back({lay_out(batch, model.config.vocab_size, at::kCPU), {}});
  WaitingRows waiting(packs.size(), limits, scratch.path());
  sweep_layers(model.decoder(invariant, streamed), *model.streamed_layers(streamed), waiting, packs);
  CHECK(fs::is_empty(scratch.path()));
  CHECK((waiting.bytes_in_file() > 0) == (limits.in_place < 10000));
  return packs;
}

void check_sweeps(const ModelFolder& folder, Precision precision, bool invariant) {
  const c10::InferenceMode no_gradients;
  const Loaded model(folder, precision);
  const std::vector<PackedBatch> batches = packs_for(model.config, {.model_folder = folder, .device = kCpu});
  const std::vector<at::Tensor> expected = resident_rows(model, batches, invariant);
  const auto layers = static_cast<std::size_t>(model.config.num_hidden_layers);
  for (const Case& how : kCases) {
    CAPTURE(folder.folder.string(), how.first, how.middle, how.last, invariant);
    std::vector<bool> streamed;
    for (std::size_t i = 0; i < layers; ++i) streamed.push_back(how.streams(i, layers));
    if (std::count(streamed.begin(), streamed.end(), true) == 0) continue;
    const std::vector<SweptPack> packs = sweep(model, batches, streamed, how.waiting, invariant);
    for (std::size_t p = 0; p < expected.size(); ++p) CHECK(bytes_of(packs[p].rows) == bytes_of(expected[p]));
    CHECK_FALSE(packs.back().rows.defined());
  }
}

void check_all_sweeps(Precision precision) {
  const OneThread small;
  for (const bool invariant : {false, true})
    with_every_kernels(precision, invariant, [&] {
      for (const ModelFolder& folder : folders()) check_sweeps(folder, precision, invariant);
    });
}

}  // namespace

TEST_CASE("streamed layers give the bits of a model in memory, in float32", "[unit]") {
  check_all_sweeps(Precision::fp32);
}

TEST_CASE("streamed layers give the bits of a model in memory, in bfloat16", "[unit]") {
  check_all_sweeps(Precision::bf16);
}

TEST_CASE("streamed layers give the bits of a model in memory, in int8", "[unit]") {
  check_all_sweeps(Precision::int8);
}

TEST_CASE("streamed layers give the bits of a model in memory, in fp8", "[unit]") {
  const OneThread small;
  for (const ModelFolder& folder : folders()) check_sweeps(folder, Precision::fp8, false);
}

namespace {

// Three layers.
const char* const kModel = "llama_sharded";

BackboneOptions options_for(Precision precision, std::optional<std::uint64_t> memory) {
  return {
      .model_folder = golden_model(kModel), .precision = precision, .device = kCpu, .weights_memory = memory};
}

ModelConfig config_of(const std::string& name) { return ModelConfig::load(golden_model(name)); }

std::uint64_t least_of(Precision precision) {
  return least_weights_memory(config_of(kModel), precision, WeightsFolder::open(golden_model(kModel)));
}

struct Extracted {
  std::vector<std::vector<float>> rows;
  std::vector<ExtractionCursor> cursors;
  ExtractionStats stats;
};

std::vector<ExtractionRequest> requests_of(const std::vector<GoldenSequence>& sequences) {
  std::vector<ExtractionRequest> requests;
  for (const GoldenSequence& sequence : sequences)
    for (std::int64_t length = 3; length <= std::ssize(sequence.tokens); length += 5)
      requests.push_back(
          {std::span(sequence.tokens).first(static_cast<std::size_t>(length)), {length - 1, 0}});
  return requests;
}

Extracted extract(const Backbone& backbone, std::span<const ExtractionRequest> requests,
                  const ExtractionCursor& start = {}, std::size_t most_passes = 1'000'000) {
  Extracted out;
  out.rows.resize(requests.size());
  Extractor extractor(backbone, {.batch_tokens = 40});
  out.stats = extractor.run(
      requests,
      [&](std::size_t request, MatrixView<const float> rows) {
        for (std::int64_t i = 0; i < rows.rows; ++i)
          out.rows[request].insert(out.rows[request].end(), rows.row(i).begin(), rows.row(i).end());
      },
      start,
      [&](const ExtractionCursor& after) {
        out.cursors.push_back(after);
        return out.cursors.size() < most_passes;
      });
  return out;
}

}  // namespace

TEST_CASE("an extraction with streamed layers gives the same rows and cursors", "[unit]") {
  const std::vector<GoldenSequence> sequences = golden_sequences(kModel);
  const std::vector<ExtractionRequest> requests = requests_of(sequences);
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    const Extracted whole = extract(Backbone::load(options_for(precision, std::nullopt)), requests);
    const Backbone backbone = Backbone::load(options_for(precision, least_of(precision)));
    REQUIRE(backbone.streams());
    std::vector<std::string> lines;
    Extracted streamed;
    {
      const LogCapture capture(lines);
      streamed = extract(backbone, requests);
    }
    CHECK(streamed.rows == whole.rows);
    CHECK(streamed.stats.passes == whole.stats.passes);
    CHECK(streamed.stats.computed_tokens == whole.stats.computed_tokens);
    REQUIRE(streamed.cursors.size() == whole.cursors.size());
    for (std::size_t i = 0; i < whole.cursors.size(); ++i)
      CHECK(streamed.cursors[i].next_sequence == whole.cursors[i].next_sequence);
    // The first sweep is one pack; the second one has all that is left of so small a job.
    REQUIRE(lines.size() == 2);
    CHECK_THAT(lines[0], Catch::Contains("sweep 1: 1 packs"));
    CHECK_THAT(lines[1], Catch::Contains("sweep 2: " + std::to_string(whole.stats.passes - 1) + " packs"));
  }
}

TEST_CASE("a run with streamed layers resumes after every pass", "[unit]") {
  const std::vector<GoldenSequence> sequences = golden_sequences(kModel);
  const std::vector<ExtractionRequest> requests = requests_of(sequences);
  const Extracted whole = extract(Backbone::load(options_for(Precision::bf16, std::nullopt)), requests);
  const Backbone backbone = Backbone::load(options_for(Precision::bf16, least_of(Precision::bf16)));
  for (std::size_t passes = 1; passes < whole.cursors.size(); passes += 3) {
    const Extracted begun = extract(backbone, requests, {}, passes);
    REQUIRE(begun.cursors.size() == passes);
    const Extracted rest = extract(backbone, requests, begun.cursors.back());
    for (std::size_t r = 0; r < requests.size(); ++r) {
      CHECK(begun.rows[r].empty() != rest.rows[r].empty());
      CHECK((begun.rows[r].empty() ? rest.rows[r] : begun.rows[r]) == whole.rows[r]);
    }
  }
}

TEST_CASE("less memory than two layers is a usage error with the least value", "[unit]") {
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    const std::uint64_t least = least_of(precision);
    CHECK(Backbone::load(options_for(precision, least)).streams());
    CHECK_THAT(error_of([&] { Backbone::load(options_for(precision, least - 1)); }, ErrorKind::usage),
               Catch::Contains("weights_memory") &&
                   Catch::Contains("the smallest possible value is " + std::to_string(least)));
    const std::uint64_t all = weight_bytes(config_of(kModel), precision, kCpu);
    CHECK_FALSE(Backbone::load(options_for(precision, all)).streams());
  }
  CHECK_FALSE(Backbone::load(options_for(Precision::bf16, 0)).streams());  // auto: it fits
}

TEST_CASE("a tensor of a streamed layer that is missing is found when the model is loaded", "[unit]") {
  const TempDir folder;
  for (const auto& entry : fs::directory_iterator(golden_model(kModel)))
    if (entry.path().filename() != "golden.safetensors")
      fs::copy_file(entry.path(), folder.path() / entry.path().filename());
  std::ifstream in(folder / "config.json");
  std::string text((std::istreambuf_iterator<char>(in)), {});
  const std::string layers = "\"num_hidden_layers\": 3";
  REQUIRE(text.find(layers) != std::string::npos);
  text.replace(text.find(layers), layers.size(), "\"num_hidden_layers\": 5");
  std::ofstream(folder / "config.json") << text;
  BackboneOptions options = options_for(Precision::bf16, std::nullopt);
  options.model_folder = folder.path();
  options.weights_memory = least_weights_memory(ModelConfig::load(folder.path()), Precision::bf16,
                                                WeightsFolder::open(folder.path()));
  CHECK_THAT(error_of([&] { Backbone::load(options); }, ErrorKind::data),
             Catch::Contains("model.layers.3.") && Catch::Contains("is missing"));
}

namespace {

// Rows of every pack, with wanted rows or without.
std::vector<std::vector<float>> rows_of(const Backbone& backbone, const std::vector<PackedBatch>& batches) {
  std::vector<const PackedBatch*> packs;
  for (const PackedBatch& batch : batches) packs.push_back(&batch);
  Backbone::Sweep swept = backbone.sweep(packs);
  std::vector<std::vector<float>> rows;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    const std::int64_t width = backbone.config().hidden_size;
    std::vector<float>& values =
        rows.emplace_back(batches[i].wanted.size() * static_cast<std::size_t>(width));
    backbone.collect(std::move(swept.rows[i]), {values.data(), std::ssize(batches[i].wanted), width});
  }
  return rows;
}

void check_on_device(const ModelFolder& folder, Precision precision, bool invariant) {
  const ModelConfig config = ModelConfig::load(folder.base);
  const WeightsFolder files = WeightsFolder::open(folder);
  BackboneOptions options{.model_folder = folder, .precision = precision, .batch_invariant = invariant};
  const std::vector<PackedBatch> batches = packs_for(config, options);
  const auto expected = rows_of(Backbone::load(options), batches);
  options.weights_memory = least_weights_memory(config, precision, files, options.device);
  const Backbone streamed = Backbone::load(options);
  if (*options.weights_memory == weight_bytes(config, precision, options.device)) return;  // few layers
  CAPTURE(folder.folder.string(), precision, invariant);
  REQUIRE(streamed.streams());
  for (int sweep = 0; sweep < 3; ++sweep) CHECK(rows_of(streamed, batches) == expected);
}

}  // namespace

TEST_CASE("on CUDA, streamed layers give the bits of a model in memory", "[gpu]") {
  if (!has_cuda()) ARMORM_SKIP("no CUDA device");
  for (const ModelFolder& folder : folders())
    for (const Precision precision : {Precision::fp32, Precision::bf16, Precision::fp8})
      for (const bool invariant : {false, true}) check_on_device(folder, precision, invariant);
}

TEST_CASE("on CUDA, an extraction with streamed layers gives the rows of a model in memory", "[gpu]") {
  if (!has_cuda()) ARMORM_SKIP("no CUDA device");
  const std::vector<GoldenSequence> sequences = golden_sequences(kModel);
  const std::vector<ExtractionRequest> requests = requests_of(sequences);
  BackboneOptions options{.model_folder = golden_model(kModel)};
  const Extracted whole = extract(Backbone::load(options), requests);
  options.weights_memory = least_weights_memory(config_of(kModel), options.precision,
                                                WeightsFolder::open(golden_model(kModel)), 0);
  const Backbone backbone = Backbone::load(options);
  REQUIRE(backbone.streams());
  CHECK(extract(backbone, requests).rows == whole.rows);
}

TEST_CASE("on CUDA, rows wait on the device, in pinned memory and in a file", "[gpu]") {
  if (!has_cuda()) ARMORM_SKIP("no CUDA device");
  const TempDir folder;
  WaitingRows waiting(3, {.in_place = 400, .on_host = 512}, folder.path());
  const at::Tensor rows = at::arange(100, at::TensorOptions().dtype(at::kFloat).device(at::kCUDA, 0));
  for (int layer = 0; layer < 3; ++layer) {
    for (std::size_t pack = 0; pack < 3; ++pack) waiting.put(pack, rows + static_cast<double>(pack + layer));
    for (std::size_t pack = 0; pack < 3; ++pack)
      CHECK(at::equal(waiting.take(pack), rows + static_cast<double>(pack + layer)));
  }
  CHECK(waiting.bytes_in_file() == 400);
}

TEST_CASE("on CUDA, the rate of copies is measured", "[gpu]") {
  if (!has_cuda()) ARMORM_SKIP("no CUDA device");
  CHECK(measure_copy_rate(0).value_or(0.0) > 1e8);
}

namespace {

StreamingPlan plan_for(ModelConfig config, std::uint64_t layers_that_fit) {
  config.num_hidden_layers = 10;
  const WeightsFolder files = WeightsFolder::open(golden_model(kModel));
  ModelConfig more = config;
  more.num_hidden_layers = 11;
  const std::uint64_t layer =
      weight_bytes(more, Precision::bf16, kCpu) - weight_bytes(config, Precision::bf16, kCpu);
  return plan_streaming(config, Precision::bf16, files,
                        least_weights_memory(config, Precision::bf16, files) + layers_that_fit * layer);
}

}  // namespace

TEST_CASE("the layers that stay lie evenly between those that are streamed", "[unit]") {
  const ModelConfig config = config_of(kModel);
  const auto text = [](const StreamingPlan& plan) {
    std::string out;
    for (const bool streamed : plan.streamed) out += streamed ? 's' : '.';
    return out;
  };
  CHECK(text(plan_for(config, 0)) == "ssssssssss");
  CHECK(text(plan_for(config, 5)) == ".s.s.s.s.s");
  CHECK(text(plan_for(config, 7)) == "...s..s..s");
  CHECK(plan_for(config, 5).streamed_count() == 5);
  for (const std::uint64_t fit : {0, 1, 5, 7}) {
    const StreamingPlan plan = plan_for(config, fit);
    CHECK(plan.in_memory <= plan.limit);
    CHECK(plan.streamed_count() == 10 - static_cast<std::int64_t>(fit));
  }
}

TEST_CASE("the bytes that a sweep reads are those of its layers in the files", "[unit]") {
  const ModelConfig config = config_of(kModel);
  const WeightsFolder files = WeightsFolder::open(golden_model(kModel));
  const StreamingPlan plan = plan_streaming(config, Precision::bf16, files, least_of(Precision::bf16));
  REQUIRE(plan.streamed_count() == 3);
  std::uint64_t expected = 0;
  for (const std::string& name : files.names())
    if (name.starts_with("model.layers.")) expected += files.at(name).bytes.size();
  CHECK(plan.read_bytes == expected);
}

TEST_CASE("a plan for a GPU counts the embedding table and what a sweep copies", "[unit]") {
  const ModelConfig config = config_of(kModel);
  const WeightsFolder files = WeightsFolder::open(golden_model(kModel));
  ModelConfig more = config;
  more.num_hidden_layers += 1;
  const std::uint64_t layer =
      weight_bytes(more, Precision::bf16, 0) - weight_bytes(config, Precision::bf16, 0);
  const std::int64_t table = 2 * config.vocab_size * config.hidden_size;
  const std::int64_t norms = 4 * config.hidden_size * (4 * config.num_hidden_layers + 1);
  const std::uint64_t least = static_cast<std::uint64_t>(table + norms) + 2 * layer;
  CHECK(least_weights_memory(config, Precision::bf16, files, 0) == least);
  const StreamingPlan plan = plan_streaming(config, Precision::bf16, files, least, 0);
  CHECK(plan.streamed_count() == 3);
  CHECK(plan.in_memory == least);
  CHECK(plan.buffer_bytes == 2 * layer);
  CHECK(plan.copied_bytes == 3 * layer);
  CHECK_FALSE(expected_memory(plan, 99).has_value());
  CHECK_FALSE(measure_copy_rate(99).has_value());
  CHECK_THAT(error_of([&] { plan_streaming(config, Precision::bf16, files, 0, 99); }, ErrorKind::usage),
             Catch::Contains("weights_memory: auto") && Catch::Contains("device 99, which is not here"));
}

TEST_CASE("what a GPU has left is shared by activations and hidden states", "[unit]") {
  ModelConfig config = config_of(kModel);
  config.head_dim = 128;
  StreamingPlan plan;
  plan.limit = 5000;
  plan.buffer_bytes = 3000;
  const SweepMemory memory = share_memory(plan, 3000 + 2'304'000);
  CHECK(memory.activations == 1'152'000);
  CHECK(memory.waiting == 1'152'000);
  REQUIRE_FALSE(config.sliding_rope.has_value());
  // 64 bytes of each token, and its rotation by 64 pairs: two float32 each.
  CHECK(SweepMemory::table_bytes(config, 10) == 5760);
  CHECK(memory.most_tokens(config) == 1000);
  CHECK(memory.for_rows(config, 1000) == 576'000);
  CHECK(memory.for_rows(config, 1'000'000) == 0);
  CHECK(SweepSize(config, 7).tokens() == 1);
  SweepSize size(config, 7);
  size.adapt(1000, 1.0, 1.0);
  CHECK(size.tokens() == 7);
  CHECK_THAT(error_of([&] { share_memory(plan, 3000); }, ErrorKind::usage),
             Catch::Contains("weights_memory: 5.0 kB leave the device nothing"));
}

TEST_CASE("a sweep takes ten times as long as loading, within limits", "[unit]") {
  ModelConfig config = config_of(kModel);
  config.hidden_size = 4096;
  SweepSize size(config);
  CHECK(size.tokens() == 1);
  size.adapt(1000, 10.0, 5.0);  // 100 tokens/s
  CHECK(size.tokens() == 5000);
  size.adapt(1000, 10.0, 0.0);
  CHECK(size.tokens() == 2000);
  size.adapt(1000, 10.0, 1e6);
  CHECK(size.tokens() == 180000);
  size.adapt(1'000'000'000, 1.0, 1e6);
  CHECK(size.tokens() == (std::int64_t{16} << 30) / 4 / 4096);
}

TEST_CASE("a forecast counts sweeps and says what bounds them", "[unit]") {
  ModelConfig config = config_of(kModel);
  config.hidden_size = 4096;
  StreamingPlan plan;
  plan.read_bytes = 10'000'000'000;
  // 100 tokens/s and 10 s of reading: sweeps of 100 s.
  const StreamingForecast slow = forecast_streaming(plan, SweepSize(config), 100'000, 1000.0, {.disk = 1e9});
  CHECK(slow.sweep_tokens == 10000);
  CHECK(slow.sweeps == 10);
  CHECK_FALSE(slow.reading_bounds());
  CHECK(slow.seconds() == Approx(1000.0));
  // A job of 1 s of arithmetic is one sweep, which reads for 10 s.
  const StreamingForecast fast = forecast_streaming(plan, SweepSize(config), 100'000, 1.0, {.disk = 1e9});
  CHECK(fast.sweeps == 1);
  CHECK(fast.reading_bounds());
  CHECK(fast.seconds() == Approx(10.0));
  CHECK(forecast_streaming(plan, SweepSize(config), 0, 0.0, {.disk = 1e9}).sweeps == 0);
}

TEST_CASE("layers come as fast as the slower one of the disk and the copies to a GPU", "[unit]") {
  StreamingPlan plan;
  plan.read_bytes = 20'000'000'000;
  plan.copied_bytes = 10'000'000'000;
  CHECK(loading_seconds(plan, {.disk = 2e9}) == Approx(10.0));
  CHECK(loading_seconds(plan, {.disk = 2e9, .copying = 5e9}) == Approx(10.0));
  CHECK(disk_bounds(plan, {.disk = 2e9, .copying = 5e9}));
  CHECK(loading_seconds(plan, {.disk = 2e9, .copying = 5e8}) == Approx(20.0));
  CHECK_FALSE(disk_bounds(plan, {.disk = 2e9, .copying = 5e8}));
  CHECK(loading_seconds(plan, {.disk = 2e9, .copying = 5e9, .from_cache = true}) == Approx(2.0));
  CHECK_FALSE(disk_bounds(plan, {.disk = 2e9, .copying = 5e9, .from_cache = true}));
}

namespace {

LayerSource counting_source(std::atomic<int>& alive, std::atomic<int>& most) {
  LayerSource source;
  source.mapped.resize(6);
  source.load = [&](std::size_t layer) {
    most = std::max(most.load(), ++alive);
    LayerWeights weights;
    at::Tensor counted = at::from_blob(
        new float(static_cast<float>(layer)), {1},
        [&alive](void* value) {
          delete static_cast<float*>(value);
          --alive;
        },
        at::kFloat);
    weights.input_norm = counted;
    return weights;
  };
  return source;
}

}  // namespace

TEST_CASE("at most two streamed layers are in memory, in the order of use, again and again", "[unit]") {
  std::atomic<int> alive = 0;
  std::atomic<int> most = 0;
  {
    StreamedLayers layers({1, 2, 4}, counting_source(alive, most));
    CHECK(layers.contains(4));
    CHECK_FALSE(layers.contains(0));
    for (int sweep = 0; sweep < 3; ++sweep)
      for (const std::size_t layer : {1, 2, 4}) {
        float value = -1.0F;
        layers.with(layer, [&](const LayerWeights& weights) {
          std::this_thread::sleep_for(std::chrono::milliseconds(5));
          value = weights.input_norm.item<float>();
        });
        CHECK(value == static_cast<float>(layer));
      }
    CHECK(layers.take_times().loading > 0.0);
    layers.with(4, [](const LayerWeights&) {});  // leaves two out
    CHECK_THROWS_WITH(layers.with(1, [](const LayerWeights&) { throw std::runtime_error("full"); }), "full");
    layers.with(2, [](const LayerWeights&) {});
    CHECK_THROWS_WITH(layers.with(3, [](const LayerWeights&) {}), Catch::Contains("layer 3 is not streamed"));
  }
  CHECK(most <= 2);
  CHECK(alive == 0);
}

TEST_CASE("a device is waited for before a layer's memory is freed, after an error too", "[unit]") {
  std::atomic<int> alive = 0;
  std::atomic<int> most = 0;
  int waits = 0;
  bool used = false;
  LayerSource source = counting_source(alive, most);
  source.single_threaded = false;
  source.finish_use = [&] {
    CHECK(used);
    CHECK(alive >= 1);
    ++waits;
    if (waits == 3) throw std::runtime_error("the device is lost");
  };
  StreamedLayers layers({1, 2, 4}, source);
  std::vector<float> values;
  // The layer is there until the wait is over, whose error counts unless there was one before it.
  const auto use = [&](const LayerWeights& weights) {
    used = true;
    values.push_back(weights.input_norm.item<float>());
    if (waits == 1) throw std::runtime_error("full");
  };
  layers.with(1, use);
  CHECK_THROWS_WITH(layers.with(2, use), "full");
  CHECK_THROWS_WITH(layers.with(4, use), "the device is lost");
  layers.with(2, use);  // drops layer 1, which was not used
  CHECK(waits == 4);
  const std::vector<float> expected{1.0F, 2.0F, 4.0F, 2.0F};
  CHECK(values == expected);
}

TEST_CASE("a layer that could not be loaded is loaded again once the error is known", "[unit]") {
  std::atomic<int> alive = 0;
  std::atomic<int> most = 0;
  std::atomic<int> failures = 2;
  LayerSource source = counting_source(alive, most);
  source.load = [&, load = source.load](std::size_t layer) {
    if (layer == 2 && failures > 0) {
      --failures;
      throw std::bad_alloc();
    }
    return load(layer);
  };
  {
    StreamedLayers layers({1, 2, 4}, source);
    const auto nothing = [](const LayerWeights&) {};
    layers.with(1, nothing);
    CHECK_THROWS_AS(layers.with(2, nothing), std::bad_alloc);
    CHECK_THROWS_AS(layers.with(1, nothing), std::bad_alloc);
    layers.with(1, nothing);  // drops layers 2 and 4
    layers.with(2, nothing);
  }
  CHECK(failures == 0);
  CHECK(alive == 0);
}

TEST_CASE("an error while a layer is loaded reaches the computation", "[unit]") {
  LayerSource source;
  source.mapped.resize(2);
  source.load = [](std::size_t layer) -> LayerWeights {
    if (layer == 1) fail_data("tensor of layer 1");
    return {};
  };
  StreamedLayers layers({0, 1}, source);
  CHECK(error_of([&] { layers.with(1, [](const LayerWeights&) {}); }, ErrorKind::data) ==
        "tensor of layer 1");
}

TEST_CASE("rows wait in place, then in a copy, then in a file", "[unit]") {
  const TempDir folder;
  WaitingRows waiting(4, {.in_place = 50, .on_host = 30}, folder.path());
  for (int layer = 0; layer < 3; ++layer) {
    std::vector<const void*> given;
    for (std::size_t pack = 0; pack < 4; ++pack) {
      at::Tensor rows = at::full({2, 3}, static_cast<double>(10 * layer) + static_cast<double>(pack));
      given.push_back(rows.const_data_ptr());
      waiting.put(pack, std::move(rows));
    }
    for (std::size_t pack = 0; pack < 4; ++pack) {
      const at::Tensor rows = waiting.take(pack);
      CHECK((rows.const_data_ptr() == given[pack]) == (pack < 2));
      CHECK(at::equal(rows, at::full({2, 3}, static_cast<double>(10 * layer) + static_cast<double>(pack))));
    }
  }
  CHECK(waiting.bytes_in_file() == 24);
}

TEST_CASE("rows that wait in a file are an error without space", "[unit]") {
  const TempDir folder;
  WaitingRows waiting(1, {}, folder / "absent");
  CHECK_THAT(error_of([&] { waiting.put(0, at::ones({2, 3})); }, ErrorKind::io), Catch::Contains("absent"));
}

TEST_CASE("what a control group leaves free counts files that can be dropped", "[unit]") {
  const TempDir dir;
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(dir / name) << text;
  };
  CHECK(free_in_group(dir.path()) == std::numeric_limits<std::int64_t>::max());
  write("memory.limit_in_bytes", "1000\n");
  write("memory.usage_in_bytes", "700\n");
  write("memory.stat", "cache 400\ninactive_file 5\ntotal_inactive_file 200\n");
  CHECK(free_in_group(dir.path()) == 500);
  write("memory.max", "max\n");
  write("memory.current", "700\n");
  CHECK(free_in_group(dir.path()) == std::numeric_limits<std::int64_t>::max());
  write("memory.max", "650\n");
  write("memory.stat", "anon 400\ninactive_file 0\n");
  CHECK(free_in_group(dir.path()) == 0);
  CHECK(free_host_memory() > 0);
}

}  // namespace armorm::model
