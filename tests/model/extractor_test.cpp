// The extractor compared with transformers' states, under every plan; the effect of a cursor, a stop, an
// error and a lack of memory on a run.
#include "model/extractor.h"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>

#include "model/cpu_kernels.h"
#include "model/gpu_test_support.h"
#include "model/model_test_support.h"
#include "model/small_memory.h"
#include "model/streaming_plan.h"

namespace armorm::model {
namespace {

using namespace test;

// Requests made from a golden's sequences, with their expected states.
struct Workload {
  std::vector<GoldenSequence> sequences;
  std::vector<ExtractionRequest> requests;
  std::vector<std::vector<float>> fp32;
  std::vector<std::vector<float>> bf16;
  std::int64_t hidden_size = 0;

  void add(const GoldenSequence& sequence, std::int64_t length, const std::vector<std::int64_t>& wanted) {
    requests.push_back({std::span(sequence.tokens).first(static_cast<std::size_t>(length)), wanted});
    fp32.push_back(pick(sequence.fp32, wanted));
    bf16.push_back(pick(sequence.bf16, wanted));
  }

 private:
  std::vector<float> pick(const std::vector<float>& states, const std::vector<std::int64_t>& wanted) const {
    std::vector<float> out;
    for (const std::int64_t position : wanted)
      out.insert(out.end(), states.begin() + position * hidden_size,
                 states.begin() + (position + 1) * hidden_size);
    return out;
  }
};

// Each sequence, some of its prefixes (with the same states, unless the rotation depends on the length), and
// copies.
Workload make_workload(const std::string& model) {
  Workload work;
  work.sequences = golden_sequences(model);
  work.hidden_size = std::ssize(work.sequences.front().fp32) / std::ssize(work.sequences.front().tokens);
  const auto scaling = ModelConfig::load(golden_model(model)).rope_scaling;
  const bool whole = scaling && scaling->depends_on_length();
  for (const GoldenSequence& sequence : work.sequences) {
    const auto n = std::ssize(sequence.tokens);
    std::vector<std::int64_t> lengths{n};
    for (std::int64_t length = n - 1; !whole && length > 0; length -= 9) lengths.push_back(length);
    for (const std::int64_t length : lengths) {
      work.add(sequence, length, {length - 1});
      work.add(sequence, length, {length - 1, 0, length / 2});
    }
  }
  return work;
}

void shuffle(Workload& work, std::uint32_t seed) {
  std::mt19937 random(seed);
  for (std::size_t i = work.requests.size(); i > 1; --i) {
    const std::size_t j = random() % i;
    std::swap(work.requests[i - 1], work.requests[j]);
    std::swap(work.fp32[i - 1], work.fp32[j]);
    std::swap(work.bf16[i - 1], work.bf16[j]);
  }
}

struct Result {
  std::vector<std::vector<float>> rows;  // by request; empty if the sink was not called
  std::vector<std::size_t> order;        // of the sink's calls
  std::vector<ExtractionCursor> cursors;
  ExtractionStats stats;
};

Result extract_on(const std::vector<const Backbone*>& devices, const Workload& work,
                  const ExtractorOptions& options, const ExtractionCursor& start = {}) {
  Result result;
  result.rows.resize(work.requests.size());
  Extractor extractor(devices, options);
  result.stats = extractor.run(
      work.requests,
      [&](std::size_t request, MatrixView<const float> rows) {
        for (std::int64_t i = 0; i < rows.rows; ++i)
          result.rows[request].insert(result.rows[request].end(), rows.row(i).begin(), rows.row(i).end());
        result.order.push_back(request);
      },
      start,
      [&](const ExtractionCursor& after) {
        result.cursors.push_back(after);
        return true;
      });
  return result;
}

Result extract(const Backbone& backbone, const Workload& work, const ExtractorOptions& options,
               const ExtractionCursor& start = {}) {
  return extract_on({&backbone}, work, options, start);
}

std::vector<float> flat(const std::vector<std::vector<float>>& rows) {
  std::vector<float> out;
  for (const auto& row : rows) out.insert(out.end(), row.begin(), row.end());
  return out;
}

void check_bounds(const Workload& work, const Result& result, int device, Precision precision) {
  if (precision == Precision::fp32) {
    const double bound = device == test::kCpu ? 2e-5 : test::kCudaStatesBound;
    CHECK(max_difference(flat(result.rows), flat(work.fp32)) <= bound);
    return;
  }
  const double ours = squared_error(flat(result.rows), flat(work.fp32));
  const double theirs = squared_error(flat(work.bf16), flat(work.fp32));
  INFO("error relative to transformers " << std::sqrt(ours / theirs));
  CHECK(std::sqrt(ours / theirs) <= 1.05);
}

void check_plans(int device, Precision precision) {
  for (const std::string& model : golden_models()) {
    const Backbone backbone = load_on(device, model, precision);
    Workload work = make_workload(model);
    for (const bool share : {true, false}) {
      for (const std::int64_t budget : {1, 70, 100000}) {
        CAPTURE(model, share, budget);
        shuffle(work, static_cast<std::uint32_t>(budget));
        const Result result = extract(backbone, work, {.batch_tokens = budget, .share_prefixes = share});
        check_bounds(work, result, device, precision);
        CHECK(result.order.size() == work.requests.size());
        if (budget == 100000) CHECK(result.stats.passes == 1);
      }
    }
  }
}

}  // namespace

TEST_CASE("every plan gives the float32 states of transformers", "[golden]") {
  check_plans(test::kCpu, Precision::fp32);
}

TEST_CASE("every plan is as close to float32 as transformers' bfloat16 states", "[golden]") {
  check_plans(test::kCpu, Precision::bf16);
}

TEST_CASE("on CUDA, every plan keeps to the bounds of the golden states", "[gpu]") {
  if (!test::has_cuda()) ARMORM_SKIP("no CUDA device");
  check_plans(0, Precision::fp32);
  check_plans(0, Precision::bf16);
}

namespace {

void check_cursors(int device) {
  const Backbone backbone = test::load_on(device, "llama_gqa", Precision::bf16);
  const Workload work = make_workload("llama_gqa");
  const ExtractorOptions options{.batch_tokens = 60};
  const Result whole = extract(backbone, work, options);
  REQUIRE(whole.cursors.size() >= 4);
  CHECK(whole.cursors.size() == static_cast<std::size_t>(whole.stats.passes));
  std::size_t fewest = 0;
  for (auto cursor = whole.cursors.rbegin(); cursor != whole.cursors.rend(); ++cursor) {
    const Result rest = extract(backbone, work, options, *cursor);
    CHECK(rest.order.size() >= fewest);
    fewest = rest.order.size();
    CHECK(std::equal(rest.order.begin(), rest.order.end(), whole.order.end() - std::ssize(rest.order)));
    for (const std::size_t request : rest.order) CHECK(rest.rows[request] == whole.rows[request]);
    CHECK(rest.stats.requests == std::ssize(rest.order));
  }
  CHECK(fewest > 0);
  CHECK(fewest < work.requests.size());
}

}  // namespace

TEST_CASE("from every cursor the remaining passes give the same bits", "[unit]") {
  check_cursors(test::kCpu);
}

TEST_CASE("on CUDA, from every cursor the remaining passes give the same bits", "[gpu]") {
  if (!test::has_cuda()) ARMORM_SKIP("no CUDA device");
  check_cursors(0);
}

TEST_CASE("on CUDA, 70000 sequences fit no pack and are computed in several", "[gpu]") {
  if (!test::has_cuda()) ARMORM_SKIP("no CUDA device");
  std::vector<std::vector<text::tokenizer::TokenId>> sequences;
  for (int i = 0; i < 70000; ++i) sequences.push_back({i % 100, i / 100 % 100, i / 10000});
  std::vector<ExtractionRequest> requests;
  for (const auto& tokens : sequences) requests.push_back({tokens, {2}});
  const Backbone backbone = load_on(0, "llama_gqa", Precision::bf16);
  Extractor all(backbone, {.batch_tokens = 1'000'000});
  std::size_t rows = 0;
  const ExtractionStats stats = all.run(
      requests, [&](std::size_t, MatrixView<const float> row) { rows += !std::isnan(row.row(0)[0]); });
  CHECK(rows == requests.size());
  CHECK(stats.passes == 2);
}

TEST_CASE("a run stops after the pass whose callback says so", "[unit]") {
  const Backbone backbone = test::load_cpu("llama_gqa");
  const Workload work = make_workload("llama_gqa");
  const Result whole = extract(backbone, work, {.batch_tokens = 60});
  std::vector<std::size_t> delivered;
  std::vector<std::thread::id> threads;
  Extractor extractor(backbone, {.batch_tokens = 60});
  std::size_t after_first = 0;
  const ExtractionStats stats = extractor.run(
      work.requests,
      [&](std::size_t request, MatrixView<const float>) {
        delivered.push_back(request);
        threads.push_back(std::this_thread::get_id());
      },
      {},
      [&](const ExtractionCursor& after) {
        threads.push_back(std::this_thread::get_id());
        if (after_first == 0) after_first = after.next_sequence;
        return after.next_sequence == after_first;
      });
  CHECK(stats.passes == 2);
  CHECK(std::set<std::thread::id>(threads.begin(), threads.end()).size() == 1);
  REQUIRE(delivered.size() < work.requests.size());
  CHECK(std::equal(delivered.begin(), delivered.end(), whole.order.begin()));
}

TEST_CASE("what the sink throws ends the run", "[unit]") {
  const Backbone backbone = test::load_cpu("llama_gqa");
  const Workload work = make_workload("llama_gqa");
  std::size_t calls = 0;
  Extractor extractor(backbone, {.batch_tokens = 60});
  const auto sink = [&](std::size_t, MatrixView<const float>) {
    if (++calls == 3) throw std::runtime_error("disk full");
  };
  CHECK_THROWS_WITH(extractor.run(work.requests, sink), "disk full");
  CHECK(calls == 3);
}

TEST_CASE("a bad token ends the run when its pass is reached", "[unit]") {
  const Backbone backbone = test::load_cpu("llama_gqa");
  Workload work = make_workload("llama_gqa");
  const std::vector<text::tokenizer::TokenId> bad{1, 2, 128};
  work.requests.push_back({bad, {2}});
  CHECK_THROWS_WITH(extract(backbone, work, {.batch_tokens = 60}), Catch::Contains("id 128"));
}

TEST_CASE("the tokens that sharing saves are counted exactly", "[unit]") {
  const Backbone backbone = test::load_cpu("llama_gqa");
  std::vector<text::tokenizer::TokenId> prompt(40, 7);
  std::vector<text::tokenizer::TokenId> chosen = prompt;
  std::vector<text::tokenizer::TokenId> rejected = prompt;
  chosen.insert(chosen.end(), 10, 1);
  rejected.insert(rejected.end(), 20, 2);
  Workload work;
  for (const auto* tokens : {&chosen, &rejected, &chosen, &chosen}) work.requests.push_back({*tokens, {0}});
  const ExtractionStats shared = extract(backbone, work, {.batch_tokens = 1000}).stats;
  CHECK(shared.input_tokens == 50 + 60 + 50 + 50);
  CHECK(shared.distinct_tokens == 50 + 60);
  CHECK(shared.computed_tokens == 40 + 10 + 20);
  CHECK(shared.saved_by_duplicates() == 100);
  CHECK(shared.saved_by_prefixes() == 40);
  CHECK(shared.sharing_ratio() == 3.0);
  CHECK(shared.busy_fraction() > 0.0);
  CHECK(shared.busy_fraction() <= 1.0);
  const ExtractionStats apart =
      extract(backbone, work, {.batch_tokens = 1000, .share_prefixes = false}).stats;
  CHECK(apart.computed_tokens == 110);
  CHECK(apart.saved_by_prefixes() == 0);
}

namespace {

// The widest activation of llama_gqa, in float32: queries, keys and values, or the gate-up product where the
// activation is not part of it.
std::size_t bytes_of_tokens(const Backbone& backbone, std::int64_t tokens) {
  const ModelConfig& c = backbone.config();
  const std::int64_t qkv = (c.num_attention_heads + 2 * c.num_key_value_heads) * c.head_dim;
  const std::int64_t widest =
      kernels_in_use() == CpuKernels::libtorch ? 2 * c.intermediate_size : std::max(qkv, c.intermediate_size);
  return static_cast<std::size_t>(tokens * widest) * sizeof(float);
}

}  // namespace

TEST_CASE("out of memory halves the packs and goes on", "[unit]") {
  const Backbone backbone = test::load_cpu("llama_gqa");
  const Workload work = make_workload("llama_gqa");
  Result result;
  {
    const test::SmallMemory memory(bytes_of_tokens(backbone, 80));
    result = extract(backbone, work, {.batch_tokens = 100000});
  }
  check_bounds(work, result, test::kCpu, Precision::fp32);
  CHECK(result.order.size() == work.requests.size());
  REQUIRE(result.cursors.size() >= 2);
  CHECK(result.cursors.front().budget <= 80);
  CHECK(result.cursors.front().budget >= 40);
  const Result rest = extract(backbone, work, {.batch_tokens = 100000}, result.cursors.front());
  for (const std::size_t request : rest.order) CHECK(rest.rows[request] == result.rows[request]);
}

TEST_CASE("a sequence that does not fit the memory alone is named by its length", "[unit]") {
  const Backbone backbone = test::load_cpu("llama_gqa");
  Workload work = make_workload("llama_gqa");
  std::erase_if(work.requests, [](const ExtractionRequest& request) { return request.tokens.size() != 64; });
  for (const test::SmallMemory::Kind kind :
       {test::SmallMemory::Kind::device, test::SmallMemory::Kind::host}) {
    const test::SmallMemory memory(bytes_of_tokens(backbone, 50), kind);
    CHECK_THROWS_WITH(
        extract(backbone, work, {.batch_tokens = 100000}),
        Catch::Contains("64 tokens does not fit the memory of cpu") && Catch::Contains("`max_length`"));
  }
}

namespace {

// The same model on three devices.
struct ThreeDevices {
  Backbone first = test::load_cpu("llama_gqa"), second = test::load_cpu("llama_gqa"),
           third = test::load_cpu("llama_gqa");
  std::vector<const Backbone*> all() const { return {&first, &second, &third}; }
};

bool same_cursors(const std::vector<ExtractionCursor>& a, const std::vector<ExtractionCursor>& b) {
  return std::ranges::equal(a, b, [](const ExtractionCursor& x, const ExtractionCursor& y) {
    return x.next_sequence == y.next_sequence && x.budget == y.budget;
  });
}

// Fails once, as a device that is lost does.
class LosesDevice : public test::SmallMemory {
 public:
  explicit LosesDevice(int allocations) : test::SmallMemory(SIZE_MAX), left_(allocations) {}
  at::DataPtr allocate(std::size_t bytes) override {
    if (left_-- == 0) TORCH_CHECK(false, "the device is lost");
    return test::SmallMemory::allocate(bytes);
  }

 private:
  std::atomic<int> left_;
};

}  // namespace

TEST_CASE("several devices give the passes of one, bit for bit, in its order", "[unit]") {
  const ThreeDevices devices;
  const Workload work = make_workload("llama_gqa");
  const ExtractorOptions options{.batch_tokens = 60};
  const Result one = extract(devices.first, work, options);
  REQUIRE(one.cursors.size() >= 4);
  for (int round = 0; round < 5; ++round) {
    const Result several = extract_on(devices.all(), work, options);
    CHECK(several.order == one.order);
    CHECK(several.rows == one.rows);
    CHECK(same_cursors(several.cursors, one.cursors));
    CHECK(several.stats.passes == one.stats.passes);
    CHECK(several.stats.computed_tokens == one.stats.computed_tokens);
  }
  const ExtractionCursor middle = one.cursors[one.cursors.size() / 2];
  const Result rest = extract_on({&devices.first, &devices.second}, work, options, middle);
  CHECK(std::equal(rest.order.begin(), rest.order.end(), one.order.end() - std::ssize(rest.order)));
  for (const std::size_t request : rest.order) CHECK(rest.rows[request] == one.rows[request]);
}

namespace {

// The same model on two devices, whose layers are streamed, and on one that keeps them.
struct StreamingDevices {
  static BackboneOptions options(bool streams) {
    BackboneOptions options{.model_folder = test::golden_model("llama_sharded"),
                            .precision = Precision::fp32,
                            .device = test::kCpu};
    if (streams)
      options.weights_memory =
          least_weights_memory(ModelConfig::load(options.model_folder.base), options.precision,
                               WeightsFolder::open(options.model_folder));
    return options;
  }
  Backbone first = Backbone::load(options(true)), second = Backbone::load(options(true)),
           resident = Backbone::load(options(false));
  std::vector<const Backbone*> all() const { return {&first, &second, &resident}; }
};

}  // namespace

TEST_CASE("several devices that stream their layers give the passes of one, in its order", "[unit]") {
  const StreamingDevices devices;
  REQUIRE(devices.second.streams());
  const Workload work = make_workload("llama_sharded");
  const ExtractorOptions options{.batch_tokens = 60};
  const Result one = extract(devices.resident, work, options);
  REQUIRE(one.cursors.size() >= 4);
  const Result several = extract_on(devices.all(), work, options);
  CHECK(several.order == one.order);
  CHECK(several.rows == one.rows);
  CHECK(same_cursors(several.cursors, one.cursors));
  CHECK(several.stats.passes == one.stats.passes);
  const ExtractionCursor middle = one.cursors[one.cursors.size() / 2];
  const Result rest = extract_on({&devices.first, &devices.second}, work, options, middle);
  CHECK(std::equal(rest.order.begin(), rest.order.end(), one.order.end() - std::ssize(rest.order)));
  for (const std::size_t request : rest.order) CHECK(rest.rows[request] == one.rows[request]);
}

TEST_CASE("a device that fails in a sweep is left out, and the others compute its sweep", "[unit]") {
  const StreamingDevices devices;
  const Workload work = make_workload("llama_sharded");
  const ExtractorOptions options{.batch_tokens = 60};
  const Result one = extract(devices.resident, work, options);
  Result several;
  {
    const LosesDevice memory(200);
    several = extract_on(devices.all(), work, options);
  }
  CHECK(several.order == one.order);
  CHECK(several.rows == one.rows);
  CHECK(same_cursors(several.cursors, one.cursors));
}

TEST_CASE("a device that fails is left out, and the others compute its passes", "[unit]") {
  const ThreeDevices devices;
  const Workload work = make_workload("llama_gqa");
  const ExtractorOptions options{.batch_tokens = 60};
  const Result one = extract(devices.first, work, options);
  for (const int allocations : {0, 20, 150}) {
    CAPTURE(allocations);
    Result several;
    {
      const LosesDevice memory(allocations);
      several = extract_on(devices.all(), work, options);
    }
    CHECK(several.order == one.order);
    CHECK(several.rows == one.rows);
    CHECK(same_cursors(several.cursors, one.cursors));
  }
  const LosesDevice memory(20);
  CHECK_THROWS_WITH(extract(devices.first, work, options), Catch::Contains("the device is lost"));
}

TEST_CASE("out of memory halves the packs of all devices", "[unit]") {
  const ThreeDevices devices;
  const Workload work = make_workload("llama_gqa");
  Result one, several;
  {
    const test::SmallMemory memory(bytes_of_tokens(devices.first, 80));
    one = extract(devices.first, work, {.batch_tokens = 100000});
    several = extract_on(devices.all(), work, {.batch_tokens = 100000});
  }
  CHECK(several.order == one.order);
  CHECK(several.rows == one.rows);
  CHECK(same_cursors(several.cursors, one.cursors));
}

TEST_CASE("a stop and a bad token end a run on several devices", "[unit]") {
  const ThreeDevices devices;
  Workload work = make_workload("llama_gqa");
  Extractor extractor(devices.all(), {.batch_tokens = 60});
  int passes = 0;
  extractor.run(
      work.requests, [](std::size_t, MatrixView<const float>) {}, {},
      [&](const ExtractionCursor&) { return ++passes < 3; });
  CHECK(passes == 3);
  const std::vector<text::tokenizer::TokenId> bad{1, 2, 128};
  work.requests.push_back({bad, {2}});
  CHECK_THROWS_WITH(extract_on(devices.all(), work, {.batch_tokens = 60}), Catch::Contains("id 128"));
}

}  // namespace armorm::model
