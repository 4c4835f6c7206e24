// Extraction with a cache of prompts has the bits of extraction without one, whatever the cache holds.
#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <set>

#include "core/stop_point.h"
#include "model/extractor.h"
#include "model/kernels_test_support.h"
#include "model/model_test_support.h"
#include "model/prefix_rows.h"
#include "model/small_memory.h"
#include "support/fixed_kernels.h"

namespace armorm::model {
namespace {

using namespace test;

using Tokens = std::vector<text::tokenizer::TokenId>;
using States = std::vector<std::vector<float>>;

constexpr std::uint64_t kLarge = 1 << 26;

Backbone load_invariant(const std::string& model, Precision precision) {
  return Backbone::load(
      {.model_folder = golden_model(model), .precision = precision, .device = kCpu, .batch_invariant = true});
}

Tokens random_tokens(std::mt19937& random, std::size_t length) {
  Tokens out(length);
  for (auto& token : out) token = static_cast<text::tokenizer::TokenId>(random() % 128);
  return out;
}

Tokens joined(Tokens a, const Tokens& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// A conversation: its prompt, and the prompt with an answer.
struct Turn {
  Tokens tokens;
  std::int64_t prompt = 0;

  // As the scorer's: the last position and that after the prompt.
  ExtractionRequest request() const { return {tokens, {std::ssize(tokens) - 1, prompt}, prompt}; }
};

// Prompts of which some begin alike, and some continue an earlier conversation.
class Conversations {
 public:
  explicit Conversations(std::uint32_t seed) : random_(seed), system_(random_tokens(random_, 45)) {}

  Turn next() {
    if (prompts_.empty() || random_() % 3 == 0) prompts_.push_back(new_prompt());
    const Tokens& prompt = prompts_[random_() % prompts_.size()];
    Turn turn{joined(joined(prompt, header_), random_tokens(random_, 1 + random_() % 50)),
              std::ssize(prompt)};
    if (random_() % 4 == 0 && turn.tokens.size() < 400)
      prompts_.push_back(joined(turn.tokens, random_tokens(random_, 30)));
    return turn;
  }

 private:
  Tokens new_prompt() {
    const Tokens own = random_tokens(random_, 1 + random_() % 150);
    return random_() % 2 == 0 ? own : joined(system_, own);
  }

  std::mt19937 random_;
  Tokens system_;
  Tokens header_{5, 6, 7};
  std::vector<Tokens> prompts_;
};

struct Result {
  States rows;
  ExtractionStats stats;
};

Result extract(Extractor& extractor, const std::vector<ExtractionRequest>& requests) {
  Result result{States(requests.size()), {}};
  result.stats = extractor.run(requests, [&](std::size_t r, MatrixView<const float> rows) {
    for (std::int64_t i = 0; i < rows.rows; ++i)
      result.rows[r].insert(result.rows[r].end(), rows.row(i).begin(), rows.row(i).end());
  });
  return result;
}

void add(const ExtractionStats& more, ExtractionStats& sum) {
  sum.distinct_tokens += more.distinct_tokens;
  sum.computed_tokens += more.computed_tokens;
  sum.cached_tokens += more.cached_tokens;
  sum.cache_lookups += more.cache_lookups;
  sum.cache_hits += more.cache_hits;
}

struct Plan {
  std::uint64_t cache_bytes = 0;
  std::int64_t batch_tokens = 0;
  int calls = 0;
};

// Calls with several turns each; some want other positions, or keep nothing.
ExtractionStats compare(const Backbone& backbone, const Plan& plan, std::uint32_t seed) {
  Extractor plain(backbone, {.batch_tokens = 4096});
  Extractor cached(backbone, {.batch_tokens = plan.batch_tokens, .prefix_cache_bytes = plan.cache_bytes});
  Conversations conversations(seed);
  std::mt19937 random(seed + 1);
  ExtractionStats sum;
  for (int call = 0; call < plan.calls; ++call) {
    std::vector<Turn> turns;
    for (std::size_t i = 0; i < 1 + random() % 6; ++i) turns.push_back(conversations.next());
    std::vector<ExtractionRequest> requests;
    for (const Turn& turn : turns) requests.push_back(turn.request());
    if (random() % 5 == 0)
      requests.front().wanted.push_back(static_cast<std::int64_t>(random() % 40) %
                                        std::ssize(turns.front().tokens));
    if (random() % 5 == 0) requests.back().cacheable = 0;
    if (random() % 5 == 0) requests.back().cacheable = std::ssize(turns.back().tokens);
    const Result found = extract(cached, requests);
    REQUIRE(found.rows == extract(plain, requests).rows);
    add(found.stats, sum);
    if (cached.prefix_cache() != nullptr) REQUIRE(cached.prefix_cache()->bytes() <= plan.cache_bytes);
  }
  return sum;
}

}  // namespace

namespace {

// With ample memory, in small packs, and with eviction.
ExtractionStats compare_plans(const Backbone& backbone, std::uint32_t seed) {
  ExtractionStats sum;
  add(compare(backbone, {kLarge, 4096, 3}, seed), sum);
  add(compare(backbone, {kLarge, 100, 2}, seed + 1), sum);
  add(compare(backbone, {backbone.prefix_bytes_per_token() * 300, 300, 4}, seed + 2), sum);
  return sum;
}

void check_models(Precision precision) {
  with_every_kernels(precision, true, [&] {
    for (const std::string& model : golden_models()) {
      CAPTURE(model);
      const Backbone backbone = load_invariant(model, precision);
      const ExtractionStats stats = compare_plans(backbone, 1);
      CHECK((stats.cache_hits > 0) == backbone.why_no_shared_prefixes().empty());
      CHECK((stats.cached_tokens > 0) == (stats.cache_hits > 0));
    }
  });
}

}  // namespace

TEST_CASE("in float32, every architecture has the same bits with a cache", "[unit]") {
  check_models(Precision::fp32);
}

TEST_CASE("in bfloat16, every architecture has the same bits with a cache", "[unit]") {
  check_models(Precision::bf16);
}

TEST_CASE("in int8, every architecture has the same bits with a cache", "[unit]") {
  check_models(Precision::int8);
}

TEST_CASE("the answers to a prompt compute it once, in whatever calls they come", "[unit]") {
  const Backbone backbone = load_cpu("llama_gqa");
  Extractor extractor(backbone, {.batch_tokens = 4096, .prefix_cache_bytes = kLarge});
  std::mt19937 random(1);
  const Tokens prompt = random_tokens(random, 100);
  std::vector<Turn> turns;
  for (int i = 0; i < 5; ++i) turns.push_back({joined(prompt, random_tokens(random, 20)), 100});
  const ExtractionStats first = extract(extractor, {turns[0].request(), turns[1].request()}).stats;
  CHECK(first.computed_tokens == 100 + 2 * 20);
  CHECK(first.cache_lookups == 2);
  CHECK(first.cache_hits == 0);
  CHECK(first.saved_by_prefixes() == 100);
  const ExtractionStats one = extract(extractor, {turns[2].request()}).stats;
  CHECK(one.computed_tokens == 20);
  CHECK(one.cached_tokens == 100);
  CHECK(one.cache_hits == 1);
  CHECK(one.saved_by_prefixes() == 0);
  const ExtractionStats two = extract(extractor, {turns[3].request(), turns[4].request()}).stats;
  CHECK(two.computed_tokens == 2 * 20);
  CHECK(two.cached_tokens == 2 * 100);
  CHECK(two.saved_by_prefixes() == 0);
  CHECK(extractor.prefix_cache()->bytes() == 100 * backbone.prefix_bytes_per_token());
}

TEST_CASE("prompts that begin alike take their own prompts from the cache, not the common start", "[unit]") {
  const Backbone backbone = load_cpu("llama_gqa");
  Extractor extractor(backbone, {.batch_tokens = 4096, .prefix_cache_bytes = kLarge});
  std::mt19937 random(2);
  const Tokens system = random_tokens(random, 60);
  std::vector<Turn> turns;
  for (int i = 0; i < 3; ++i) {
    const Tokens prompt = joined(system, random_tokens(random, 80));
    for (int j = 0; j < 2; ++j) turns.push_back({joined(prompt, random_tokens(random, 10)), 140});
  }
  CHECK(extract(extractor, {turns[0].request(), turns[2].request()}).stats.computed_tokens == 60 + 2 * 90);
  const ExtractionStats both = extract(extractor, {turns[1].request(), turns[3].request()}).stats;
  CHECK(both.computed_tokens == 2 * 10);
  // The third prompt takes the start that it has in common with the others.
  CHECK(extract(extractor, {turns[4].request()}).stats.computed_tokens == 90);
}

TEST_CASE("a conversation that grows by turns takes the memory of its longest prompt", "[unit]") {
  const Backbone backbone = load_cpu("llama_gqa");
  Extractor extractor(backbone, {.batch_tokens = 4096, .prefix_cache_bytes = kLarge});
  std::mt19937 random(3);
  Tokens tokens = random_tokens(random, 50);
  for (int turn = 0; turn < 4; ++turn) {
    const std::int64_t prompt = std::ssize(tokens);
    const Turn now{joined(tokens, random_tokens(random, 40)), prompt};
    const ExtractionStats stats = extract(extractor, {now.request()}).stats;
    CHECK(stats.computed_tokens == (turn == 0 ? 90 : 40 + 40 + 10));
    tokens = joined(now.tokens, random_tokens(random, 10));
    CHECK(extractor.prefix_cache()->entries() == 1);
    CHECK(extractor.prefix_cache()->bytes() ==
          static_cast<std::uint64_t>(prompt) * backbone.prefix_bytes_per_token());
  }
}

namespace {

// Bytes of the storages that the pack's kept rows refer to.
std::uint64_t storage_bytes(const PrefixRows& rows) {
  std::uint64_t sum = 0;
  std::set<const void*> seen;
  for (const at::Tensor& layer : rows.layers) {
    CHECK(seen.insert(layer.storage().data()).second);
    sum += layer.storage().nbytes();
  }
  return sum;
}

}  // namespace

TEST_CASE("kept rows have storage of their own, of exactly their size", "[unit]") {
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    for (const std::string model : {"llama_gqa", "qwen3", "gemma2", "internlm2"}) {
      CAPTURE(model);
      const Backbone backbone = load_on(kCpu, model, precision);
      std::mt19937 random(4);
      PackedBatch batch = pack({random_tokens(random, 500), random_tokens(random, 40)});
      batch.wanted = {0};
      batch.keep = {{1, 40}, {0, 33}};
      const auto kept = backbone.submit(batch).take_kept();
      REQUIRE(kept.size() == 2);
      CHECK(storage_bytes(*kept[0]) == 40 * backbone.prefix_bytes_per_token());
      CHECK(storage_bytes(*kept[1]) == 33 * backbone.prefix_bytes_per_token());
    }
  }
}

namespace {

// Counts the bytes that are allocated and not freed.
class CountedMemory : public at::Allocator {
 public:
  CountedMemory() : before_(c10::GetCPUAllocator()) { c10::SetCPUAllocator(this); }
  ~CountedMemory() override { c10::SetCPUAllocator(before_); }
  CountedMemory(const CountedMemory&) = delete;
  CountedMemory& operator=(const CountedMemory&) = delete;

  at::DataPtr allocate(std::size_t bytes) override {
    auto* const block = new Block{before_->allocate(bytes), bytes, &live_};
    live_ += bytes;
    void* const data = block->data.get();
    return {data, block, &release, at::Device(at::kCPU)};
  }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
  std::uint64_t live() const { return live_; }

 private:
  struct Block {
    at::DataPtr data;
    std::size_t bytes;
    std::atomic<std::uint64_t>* live;
  };
  static void release(void* block) {
    const std::unique_ptr<Block> owned(static_cast<Block*>(block));
    *owned->live -= owned->bytes;
  }

  at::Allocator* before_;
  std::atomic<std::uint64_t> live_ = 0;
};

}  // namespace

TEST_CASE("over 2000 passes with eviction, memory is what the cache counts", "[unit]") {
  const KernelsGuard guard;
  use_kernels(CpuKernels::libtorch);  // others prepare each new shape of a product
  const Backbone backbone = load_cpu("llama_gqa");
  const std::uint64_t bytes = backbone.prefix_bytes_per_token() * 500;
  CountedMemory memory;
  {
    Extractor extractor(backbone, {.batch_tokens = 4096, .prefix_cache_bytes = bytes});
    Conversations conversations(5);
    for (int call = 0; call < 2000; ++call) {
      const Turn turn = conversations.next();
      extract(extractor, {turn.request()});
      REQUIRE(memory.live() == extractor.prefix_cache()->bytes());
      REQUIRE(memory.live() <= bytes);
    }
    CHECK(extractor.prefix_cache()->evicted() > 100);
  }
  CHECK(memory.live() == 0);
}

TEST_CASE("a pass that fails leaves the cache as it was", "[unit]") {
  if (!can_be_batch_invariant()) ARMORM_SKIP(kOnlyLibtorch);
  const Backbone backbone = load_invariant("llama_gqa", Precision::fp32);
  Extractor plain(backbone, {.batch_tokens = 4096});
  Extractor extractor(backbone, {.batch_tokens = 4096, .prefix_cache_bytes = kLarge});
  std::mt19937 random(6);
  const Tokens prompt = random_tokens(random, 70);
  const Turn good{joined(prompt, random_tokens(random, 9)), 70};
  extract(extractor, {good.request()});
  const std::uint64_t bytes = extractor.prefix_cache()->bytes();
  const Turn bad{joined(random_tokens(random, 80), {999}), 80};
  CHECK_THROWS_WITH(extract(extractor, {bad.request()}), Catch::Contains("id 999"));
  CHECK(extractor.prefix_cache()->bytes() == bytes);
  {
    int polls = 0;
    const StopRequested stop = [&] { return ++polls > 1; };
    const StopScope scope(&stop);
    const Turn stopped{random_tokens(random, 90), 80};
    CHECK_THROWS(extract(extractor, {stopped.request()}));
  }
  CHECK(extractor.prefix_cache()->bytes() == bytes);
  const Result again = extract(extractor, {good.request()});
  CHECK(again.stats.cached_tokens == 70);
  CHECK(again.rows == extract(plain, {good.request()}).rows);
}

TEST_CASE("when memory runs out, the cache is emptied before packs are halved", "[unit]") {
  if (!can_be_batch_invariant()) ARMORM_SKIP(kOnlyLibtorch);
  const Backbone backbone = load_invariant("llama_gqa", Precision::fp32);
  Extractor plain(backbone, {.batch_tokens = 4096});
  Extractor extractor(backbone, {.batch_tokens = 4096, .prefix_cache_bytes = kLarge});
  Conversations conversations(7);
  std::vector<Turn> turns;
  for (int i = 0; i < 30; ++i) turns.push_back(conversations.next());
  std::vector<ExtractionRequest> requests;
  for (const Turn& turn : turns) requests.push_back(turn.request());
  extract(extractor, requests);
  REQUIRE(extractor.prefix_cache()->entries() > 3);
  Result result;
  {
    const SmallMemory memory(200 * 1024);
    result = extract(extractor, requests);
  }
  CHECK(result.stats.passes > 1);
  CHECK(result.rows == extract(plain, requests).rows);
}

TEST_CASE("the cache is not used where it cannot be", "[unit]") {
  const Backbone backbone = load_cpu("llama_gqa");
  const Backbone other = load_cpu("llama_gqa");
  const Backbone longrope = load_cpu("phi3_longrope");
  const ExtractorOptions options{.prefix_cache_bytes = kLarge};
  CHECK(Extractor(backbone, options).prefix_cache() != nullptr);
  CHECK(Extractor(backbone, {}).prefix_cache() == nullptr);
  CHECK(Extractor(longrope, options).prefix_cache() == nullptr);
  CHECK(Extractor({&backbone, &other}, options).prefix_cache() == nullptr);
  CHECK(Extractor(backbone, {.share_prefixes = false, .prefix_cache_bytes = kLarge}).prefix_cache() ==
        nullptr);
}

TEST_CASE("a pack that breaks the contract of cached rows is refused", "[unit]") {
  const Backbone backbone = load_cpu("llama_gqa");
  PackedBatch batch = pack({{1, 2, 3}, {4, 5}});
  batch.wanted = {4};
  const auto fails = [&](const std::string& words) {
    CHECK_THROWS_WITH(backbone.submit(batch), Catch::Contains(words));
  };
  batch.keep = {{2, 1}};
  fails("keep names sequence 2 of 2");
  batch.keep = {{1, 3}};
  fails("keep names 3 tokens of a sequence of 2");
  batch.keep = {{1, 2}};
  const auto rows = backbone.submit(batch).take_kept().front();
  batch.keep = {};
  batch.cached = {{rows, 2}};
  fails("cached has 1 entries");
  batch.cached = {{}, {rows, 3}};
  fails("takes 3 cached tokens of 2");
  batch.prefix_of = {-1, 0};
  batch.cached = {{}, {rows, 2}};
  fails("continues another one");
}

}  // namespace armorm::model
