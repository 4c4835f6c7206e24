// A row's result depends only on its sequence, not on the pack, the order, the wanted rows or shared
// prefixes.
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "model/extractor.h"
#include "model/gpu_test_support.h"
#include "model/kernels_test_support.h"
#include "model/model_test_support.h"

namespace armorm::model {
namespace {

using namespace test;

// Only rounding may differ with the number of rows of a product.
constexpr double kSame = 1e-5;

// Where blocks of attention have other shapes as well.
constexpr double same_attention(int device) { return device == kCpu ? kSame : kCudaStatesBound; }

std::vector<text::tokenizer::TokenId> some_tokens(int length, int seed) {
  std::vector<text::tokenizer::TokenId> out;
  for (int i = 0; i < length; ++i) out.push_back((i * 37 + seed * 11 + i * i * 5) % 128);
  return out;
}

std::vector<float> states_alone(const Backbone& backbone,
                                const std::vector<text::tokenizer::TokenId>& tokens) {
  PackedBatch batch = pack({tokens});
  want_all(batch);
  return embed(backbone, batch);
}

std::vector<float> rows(const std::vector<float>& states, std::int64_t first, std::int64_t count,
                        std::int64_t width) {
  return {states.begin() + first * width, states.begin() + (first + count) * width};
}

std::vector<text::tokenizer::TokenId> joined(std::vector<text::tokenizer::TokenId> a,
                                             const std::vector<text::tokenizer::TokenId>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

namespace {

void check_packs(int device) {
  for (const std::string model : {"llama_gqa", "llama_dynamic_rope", "gemma2", "mistral_window", "qwen2",
                                  "qwen3", "phi3_longrope", "gemma3", "internlm2_dynamic"}) {
    CAPTURE(model);
    const Backbone backbone = test::load_on(device, model);
    const std::int64_t width = backbone.config().hidden_size;
    const std::vector<std::vector<text::tokenizer::TokenId>> sequences = {
        some_tokens(1, 1), some_tokens(40, 2), some_tokens(17, 3), some_tokens(1, 4), some_tokens(63, 5)};
    PackedBatch batch = test::pack(sequences);
    test::want_all(batch);
    const std::vector<float> together = test::embed(backbone, batch);
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const auto first = batch.cu_seqlens[i];
      const auto part = rows(together, first, std::ssize(sequences[i]), width);
      CHECK(test::max_difference(part, states_alone(backbone, sequences[i])) <= kSame);
    }
  }
}

}  // namespace

TEST_CASE("a sequence's states do not depend on what shares its pack", "[unit]") {
  with_every_kernels(Precision::bf16, false, [] { check_packs(test::kCpu); });
}

TEST_CASE("on CUDA, a sequence's states do not depend on what shares its pack", "[gpu]") {
  if (!test::has_cuda()) ARMORM_SKIP("no CUDA device");
  check_packs(0);
}

namespace {

void check_wanted_rows(int device) {
  for (const std::string model :
       {"llama_gqa", "gemma2", "mistral_window", "qwen3_window", "phi3", "gemma3_ropes", "internlm2"}) {
    CAPTURE(model);
    const Backbone backbone = test::load_on(device, model);
    const std::int64_t width = backbone.config().hidden_size;
    PackedBatch batch = test::pack({some_tokens(30, 1), some_tokens(5, 2), some_tokens(21, 3)});
    test::want_all(batch);
    const std::vector<float> all = test::embed(backbone, batch);
    batch.wanted = {55, 0, 34, 29, 29, 30, 12, 41};
    const std::vector<float> some = test::embed(backbone, batch);
    for (std::size_t i = 0; i < batch.wanted.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      CHECK(test::max_difference(rows(some, row, 1, width), rows(all, batch.wanted[i], 1, width)) <=
            same_attention(device));
    }
  }
}

}  // namespace

TEST_CASE("wanted rows may be any, in any order, and repeat", "[unit]") {
  with_every_kernels(Precision::bf16, false, [] { check_wanted_rows(test::kCpu); });
}

TEST_CASE("on CUDA, wanted rows may be any, in any order, and repeat", "[gpu]") {
  if (!test::has_cuda()) ARMORM_SKIP("no CUDA device");
  check_wanted_rows(0);
}

namespace {

void check_submissions(int device) {
  const Backbone backbone = test::load_on(device, "llama_gqa");
  std::vector<PackedBatch> batches;
  std::vector<PendingRows> pending;
  for (int i = 0; i < 4; ++i) {
    batches.push_back(test::pack({some_tokens(20 + i, i), some_tokens(3, i + 1)}));
    test::want_all(batches.back());
    pending.push_back(backbone.submit(batches.back()));
  }
  for (const std::size_t i : {2U, 0U, 3U, 1U}) {
    std::vector<float> rows(batches[i].tokens.size() *
                            static_cast<std::size_t>(backbone.config().hidden_size));
    const auto count = std::ssize(batches[i].tokens);
    backbone.collect(std::move(pending[i]), {rows.data(), count, backbone.config().hidden_size});
    CHECK(rows == test::embed(backbone, batches[i]));
  }
}

}  // namespace

TEST_CASE("packs may be submitted ahead and collected in any order", "[unit]") {
  check_submissions(test::kCpu);
}

TEST_CASE("on CUDA, packs may be submitted ahead and collected in any order", "[gpu]") {
  if (!test::has_cuda()) ARMORM_SKIP("no CUDA device");
  check_submissions(0);
}

namespace {

// Bits of the last token, alone and in packs of any size, with and without a shared prefix.
void check_invariance(int device, Precision precision, const std::string& model) {
  CAPTURE(model, precision == Precision::bf16);
  const Backbone backbone = Backbone::load({.model_folder = test::golden_model(model),
                                            .precision = precision,
                                            .device = device,
                                            .batch_invariant = true});
  const auto prompt = some_tokens(41, 1);
  const auto answer = some_tokens(60, 2);
  PackedBatch alone = test::pack({joined(prompt, answer)});
  alone.wanted = {100};
  const std::vector<float> expected = test::embed(backbone, alone);
  for (const int others : {1, 3, 40}) {
    std::vector<std::vector<text::tokenizer::TokenId>> sequences;
    for (int i = 0; i < others; ++i) sequences.push_back(some_tokens(5 + 7 * i % 90, i));
    sequences.push_back(joined(prompt, answer));
    PackedBatch batch = test::pack(sequences);
    batch.wanted = {0, std::ssize(batch.tokens) - 1};
    std::vector<float> rows_of_pack = test::embed(backbone, batch);
    CHECK(rows(rows_of_pack, 1, 1, std::ssize(expected)) == expected);
    if (!backbone.why_no_shared_prefixes().empty()) continue;
    sequences.back() = prompt;
    sequences.push_back(answer);
    batch = test::pack(sequences);
    batch.prefix_of.assign(sequences.size(), -1);
    batch.prefix_of.back() = others;
    batch.wanted = {std::ssize(batch.tokens) - 1};
    CHECK(test::embed(backbone, batch) == expected);
  }
}

void check_invariance(int device) {
  std::vector<Precision> precisions{Precision::fp32, Precision::bf16};
  if (device == kCpu && !available_kernels(Precision::int8, true).empty())
    precisions.push_back(Precision::int8);
  for (const Precision precision : precisions) {
    for (const std::string model : {"llama_gqa", "llama31_rope", "mistral_window", "gemma2", "qwen2", "qwen3",
                                    "phi3_partial", "gemma3", "internlm2_dynamic"}) {
      check_invariance(device, precision, model);
    }
  }
}

}  // namespace

namespace {

// Through the extractor, which shares the prefix where that keeps the bits.
void check_long_prefix(int device, Precision precision, const std::filesystem::path& model) {
  CAPTURE(model.string(), precision == Precision::bf16);
  const Backbone backbone = Backbone::load(
      {.model_folder = model, .precision = precision, .device = device, .batch_invariant = true});
  const auto prefix = some_tokens(1500, 1);
  const std::vector<std::vector<text::tokenizer::TokenId>> sequences = {
      joined(prefix, some_tokens(30, 2)), joined(prefix, some_tokens(700, 3)), prefix};
  std::vector<ExtractionRequest> requests;
  for (const auto& sequence : sequences) requests.push_back({sequence, {1499, std::ssize(sequence) - 1}});
  const auto width = backbone.config().hidden_size;
  const auto states = [&](std::span<const ExtractionRequest> some, std::int64_t& computed) {
    std::vector<std::vector<float>> out(some.size());
    Extractor extractor(backbone, {.batch_tokens = 100000});
    computed =
        extractor
            .run(some, [&](std::size_t r,
                           MatrixView<const float> rows) { out[r].assign(rows.data, rows.data + 2 * width); })
            .computed_tokens;
    return out;
  };
  std::int64_t computed = 0;
  const auto together = states(requests, computed);
  const bool shares = backbone.why_no_shared_prefixes().empty();
  CHECK(computed == (shares ? 1500 + 30 + 700 : 3 * 1500 + 30 + 700));
  for (std::size_t r = 0; r < requests.size(); ++r) {
    CAPTURE(r);
    CHECK(states(std::span(requests).subspan(r, 1), computed)[0] == together[r]);
  }
}

// Writes llama31_rope, whose heads FlashAttention supports, as a model with a sliding window.
void write_windowed_model(const std::filesystem::path& folder) {
  std::filesystem::copy(test::golden_model("llama31_rope"), folder, std::filesystem::copy_options::recursive);
  std::ifstream in(folder / "config.json");
  auto config = nlohmann::json::parse(in);
  config["model_type"] = "mistral";
  config["sliding_window"] = 100;
  std::ofstream(folder / "config.json") << config;
}

void check_long_prefix(int device) {
  const test::TempDir place;
  write_windowed_model(place / "windowed");
  std::vector<Precision> precisions{Precision::fp32, Precision::bf16};
  if (device == kCpu && !available_kernels(Precision::int8, true).empty())
    precisions.push_back(Precision::int8);
  for (const Precision precision : precisions) {
    for (const std::string model : {"llama_gqa", "llama31_rope", "llama_odd_heads", "gemma2", "qwen2"})
      check_long_prefix(device, precision, test::golden_model(model));
    check_long_prefix(device, precision, place / "windowed");
  }
}

}  // namespace

TEST_CASE("batch_invariant gives the same bits after a prefix of 1500 tokens, shared or not", "[unit]") {
  with_every_kernels(Precision::bf16, true, [] { check_long_prefix(test::kCpu); });
}

TEST_CASE("on CUDA, batch_invariant gives the same bits after a prefix of 1500 tokens, shared or not",
          "[gpu]") {
  if (!test::has_cuda()) ARMORM_SKIP("no CUDA device");
  check_long_prefix(0);
}

TEST_CASE("prefixes are shared where that can keep its promises", "[unit]") {
  const auto why = [](const std::string& model, const BackboneOptions& options) {
    return std::string(why_no_shared_prefixes(ModelConfig::load(test::golden_model(model)), options));
  };
  for (const int device : {test::kCpu, 0}) {
    for (const Precision precision : {Precision::fp32, Precision::bf16, Precision::fp8}) {
      const BackboneOptions usual{.model_folder = {}, .precision = precision, .device = device};
      CHECK(why("llama_gqa", usual).empty());
      CHECK(why("gemma2", usual).empty());
      CHECK_THAT(why("llama_dynamic_rope", usual), Catch::Contains("dynamic rope"));
      CHECK_THAT(why("phi3_longrope", usual), Catch::Contains("longrope"));
      for (const char* model : {"qwen3_tied_yarn", "gemma3_ropes", "internlm2"})
        CHECK(why(model, usual).empty());
      const BackboneOptions invariant{
          .model_folder = {}, .precision = precision, .device = device, .batch_invariant = true};
      const bool on_cpu = device == test::kCpu;
      CHECK(why("llama31_rope", invariant).empty() == (on_cpu || precision != Precision::fp32));
      CHECK(why("gemma2", invariant).empty() == on_cpu);           // soft cap
      CHECK(why("llama_odd_heads", invariant).empty() == on_cpu);  // heads of 20
    }
  }
}

TEST_CASE("batch_invariant gives the same bits in every pack", "[unit]") {
  with_every_kernels(Precision::bf16, true, [] { check_invariance(test::kCpu); });
}

TEST_CASE("on CUDA, batch_invariant gives the same bits in every pack", "[gpu]") {
  if (!test::has_cuda()) ARMORM_SKIP("no CUDA device");
  check_invariance(0);
}

TEST_CASE("no wanted row gives an empty result", "[unit]") {
  const Backbone backbone = test::load_cpu("llama_gqa");
  CHECK(test::embed(backbone, test::pack({some_tokens(4, 1)})).empty());
  CHECK(test::embed(backbone, test::pack({})).empty());
}

TEST_CASE("rows are written at the stride asked for", "[unit]") {
  const Backbone backbone = test::load_cpu("llama_gqa");
  const std::int64_t width = backbone.config().hidden_size;
  PackedBatch batch = test::pack({some_tokens(6, 1)});
  batch.wanted = {5, 2};
  const std::vector<float> dense = test::embed(backbone, batch);
  std::vector<float> wide(static_cast<std::size_t>(2 * (width + 3)), 7.0F);
  backbone.collect(backbone.submit(batch), {wide.data(), 2, width, width + 3});
  CHECK(std::equal(dense.begin(), dense.begin() + width, wide.begin()));
  CHECK(std::equal(dense.begin() + width, dense.end(), wide.begin() + width + 3));
  CHECK(std::all_of(wide.begin() + width, wide.begin() + width + 3, [](float x) { return x == 7.0F; }));
  CHECK(std::all_of(wide.end() - 3, wide.end(), [](float x) { return x == 7.0F; }));
}

namespace {

void check_prefixes(int device) {
  for (const std::string model : {"llama_gqa", "llama31_rope", "gemma2", "mistral_window", "qwen2"}) {
    CAPTURE(model);
    const Backbone backbone = test::load_on(device, model);
    const std::int64_t width = backbone.config().hidden_size;
    const auto prompt = some_tokens(23, 1);
    const auto turn = some_tokens(9, 2);
    const auto chosen = some_tokens(14, 3);
    const auto rejected = some_tokens(1, 4);
    // A tree: prompt -> {turn -> {chosen, rejected}, rejected}, and an unrelated sequence.
    PackedBatch batch = test::pack({prompt, some_tokens(8, 9), turn, chosen, rejected, rejected});
    batch.prefix_of = {-1, -1, 0, 2, 2, 0};
    test::want_all(batch);
    const std::vector<float> shared = test::embed(backbone, batch);
    const auto check = [&](std::size_t sequence, const std::vector<text::tokenizer::TokenId>& whole) {
      const auto own = batch.cu_seqlens[sequence + 1] - batch.cu_seqlens[sequence];
      const auto expected = rows(states_alone(backbone, whole), std::ssize(whole) - own, own, width);
      CHECK(test::max_difference(rows(shared, batch.cu_seqlens[sequence], own, width), expected) <=
            same_attention(device));
    };
    check(0, prompt);
    check(1, some_tokens(8, 9));
    check(2, joined(prompt, turn));
    check(3, joined(joined(prompt, turn), chosen));
    check(4, joined(joined(prompt, turn), rejected));
    check(5, joined(prompt, rejected));
    batch.wanted = {std::ssize(batch.tokens) - 1, batch.cu_seqlens[4] - 1, 3};
    const std::vector<float> some = test::embed(backbone, batch);
    for (std::size_t i = 0; i < batch.wanted.size(); ++i) {
      CHECK(test::max_difference(rows(some, static_cast<std::int64_t>(i), 1, width),
                                 rows(shared, batch.wanted[i], 1, width)) <= same_attention(device));
    }
  }
}

}  // namespace

TEST_CASE("a shared prefix gives the states of the whole sequences", "[unit]") {
  with_every_kernels(Precision::bf16, false, [] { check_prefixes(test::kCpu); });
}

TEST_CASE("on CUDA, a shared prefix gives the states of the whole sequences", "[gpu]") {
  if (!test::has_cuda()) ARMORM_SKIP("no CUDA device");
  check_prefixes(0);
}

TEST_CASE("dynamic rope scaling refuses a prefix whose keys would change", "[unit]") {
  const Backbone backbone = test::load_cpu("llama_dynamic_rope");
  PackedBatch batch = test::pack({some_tokens(10, 1), some_tokens(14, 2)});
  batch.prefix_of = {-1, 0};
  test::want_all(batch);
  const std::vector<float> within = test::embed(backbone, batch);  // 24 positions, the trained length
  const auto whole = states_alone(backbone, joined(some_tokens(10, 1), some_tokens(14, 2)));
  CHECK(test::max_difference(within, whole) <= kSame);
  batch = test::pack({some_tokens(10, 1), some_tokens(15, 2)});
  batch.prefix_of = {-1, 0};
  test::want_all(batch);
  CHECK_THROWS_WITH(test::embed(backbone, batch), Catch::Contains("dynamic rope scaling"));
}

TEST_CASE("a token outside the vocabulary is a data error", "[unit]") {
  const Backbone backbone = test::load_cpu("llama_gqa");
  for (const text::tokenizer::TokenId bad : {-1, 128, 2147483647}) {
    PackedBatch batch = test::pack({{3, bad}});
    test::want_all(batch);
    try {
      test::embed(backbone, batch);
      FAIL("accepted id " << bad);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::data);
      CHECK_THAT(error.what(), Catch::Contains("token 1") && Catch::Contains(std::to_string(bad)) &&
                                   Catch::Contains("0 to 127"));
    }
  }
}

TEST_CASE("a pack that breaks its contract is an internal error", "[unit]") {
  const Backbone backbone = test::load_cpu("llama_gqa");
  const auto broken = [&](const auto& change) {
    PackedBatch batch = test::pack({some_tokens(4, 1), some_tokens(3, 2)});
    test::want_all(batch);
    change(batch);
    try {
      test::embed(backbone, batch);
      return false;
    } catch (const Error& error) {
      return error.kind() == ErrorKind::internal;
    }
  };
  CHECK(broken([](PackedBatch& b) { b.cu_seqlens = {0, 4, 8}; }));
  CHECK(broken([](PackedBatch& b) { b.cu_seqlens = {1, 4, 7}; }));
  CHECK(broken([](PackedBatch& b) { b.cu_seqlens = {0, 4, 4, 7}; }));
  CHECK(broken([](PackedBatch& b) { b.cu_seqlens = {}; }));
  CHECK(broken([](PackedBatch& b) { b.wanted.back() = 7; }));
  CHECK(broken([](PackedBatch& b) { b.wanted.front() = -1; }));
  CHECK(broken([](PackedBatch& b) { b.prefix_of = {-1}; }));
  CHECK(broken([](PackedBatch& b) { b.prefix_of = {-1, 1}; }));
  CHECK(broken([](PackedBatch& b) { b.prefix_of = {-2, -1}; }));
  CHECK(broken([](PackedBatch& b) {
    b.wanted.clear();
    b.cu_seqlens = {0, 9};
  }));
}

}  // namespace armorm::model
