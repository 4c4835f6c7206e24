#include "model/work_estimate.h"

#include "model/matmul_rate.h"
#include "model/pack_plan.h"
#include "support/test_support.h"

namespace armorm::model {
namespace {

ModelConfig config_of(const std::string& json) { return ModelConfig::parse(json, "config.json"); }

const char* const kLlama3 = R"({"model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
  "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
  "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "rope_theta": 500000.0})";
const char* const kGemma2 = R"({"model_type": "gemma2", "hidden_size": 3584, "intermediate_size": 14336,
  "num_hidden_layers": 42, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256, "vocab_size": 256000,
  "max_position_embeddings": 8192, "sliding_window": 4096, "query_pre_attn_scalar": 256,
  "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "hidden_activation": "gelu_pytorch_tanh"})";
const char* const kQwen2 = R"({"model_type": "qwen2", "hidden_size": 3584, "intermediate_size": 18944,
  "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064,
  "max_position_embeddings": 32768})";

// From the model cards, minus the head where it is not tied to the embedding.
TEST_CASE("parameters are those of the published models", "[golden]") {
  CHECK(parameter_count(config_of(kLlama3)) == 8'030'261'248 - 128256LL * 4096);
  CHECK(parameter_count(config_of(kGemma2)) == 9'241'705'984);
  CHECK(parameter_count(config_of(kQwen2)) == 7'615'616'512 - 152064LL * 3584);
}

TEST_CASE("an 8B body takes 13.96 GFLOP a token", "[unit]") {
  const std::vector<text::tokenizer::TokenId> tokens(1000, 1);
  std::vector<std::int64_t> all(tokens.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  const std::vector<ExtractionRequest> every_row{{tokens, all}};
  const WorkEstimate work = estimate_work(config_of(kLlama3), BackboneOptions{}, every_row, 4096);
  CHECK(work.computed_tokens == 1000);
  CHECK(work.matmul_flops / 1000 == Approx(13.96e9).epsilon(1e-3));
  // 4 FLOP per query, visible key and channel.
  CHECK(work.attention_flops == Approx(4.0 * 4096 * 32 * (1000.0 * 1001.0 / 2)));
}

TEST_CASE("rows nobody wants cost the last layer its keys and values alone", "[unit]") {
  const std::vector<text::tokenizer::TokenId> tokens(500, 1);
  const std::vector<ExtractionRequest> last_row{{tokens, {499}}};
  const WorkEstimate work = estimate_work(config_of(kLlama3), BackboneOptions{}, last_row, 4096);
  const double layer = 4096.0 * (4096 + 2 * 1024) + 4096.0 * 4096 + 3 * 4096.0 * 14336;
  const double keys_values = 4096.0 * 2048;
  CHECK(work.matmul_flops == Approx(2 * (500 * (31 * layer + keys_values) + layer - keys_values)));
  CHECK(work.attention_flops == Approx(4.0 * 4096 * (31 * (500.0 * 501.0 / 2) + 500)));
}

TEST_CASE("what is shared is counted once", "[unit]") {
  std::vector<text::tokenizer::TokenId> chosen(300, 7), rejected(300, 7);
  chosen.insert(chosen.end(), 100, 8);
  rejected.insert(rejected.end(), 50, 9);
  const std::vector<ExtractionRequest> pair{{chosen, {399}}, {rejected, {349}}, {chosen, {299}}};
  const WorkEstimate work = estimate_work(config_of(kLlama3), BackboneOptions{}, pair, 4096);
  CHECK(work.input_tokens == 400 + 350 + 400);
  CHECK(work.computed_tokens == 300 + 100 + 50);
}

TEST_CASE("what a run does not share is counted for each sequence", "[unit]") {
  std::vector<text::tokenizer::TokenId> chosen(300, 7), rejected(300, 7);
  chosen.insert(chosen.end(), 100, 8);
  rejected.insert(rejected.end(), 50, 9);
  const std::vector<ExtractionRequest> pair{{chosen, {399}}, {rejected, {349}}};
  ModelConfig dynamic = config_of(kLlama3);
  dynamic.rope_scaling = RopeScaling{.rope_type = "dynamic", .factor = 2.0};
  CHECK(estimate_work(dynamic, {}, pair, 4096).computed_tokens == 400 + 350);
  const BackboneOptions invariant{.model_folder = {}, .device = 0, .batch_invariant = true};
  CHECK(estimate_work(config_of(kLlama3), invariant, pair, 4096).computed_tokens == 300 + 100 + 50);
  CHECK(estimate_work(config_of(kGemma2), invariant, pair, 4096).computed_tokens == 400 + 350);
}

TEST_CASE("a dry run for a GPU counts what its packs of 65535 sequences compute", "[unit]") {
  std::vector<std::vector<text::tokenizer::TokenId>> sequences;
  for (int i = 0; i < 70000; ++i) {
    sequences.emplace_back(41, 7);
    sequences.back().back() = i;
  }
  std::vector<ExtractionRequest> requests;
  for (const auto& tokens : sequences) requests.push_back({tokens, {40}});
  BackboneOptions options{.model_folder = {}, .device = -1};
  CHECK(estimate_work(config_of(kLlama3), options, requests, 100'000'000).computed_tokens == 40 + 70000);
  options.device = 0;  // a sequence that shares counts twice: three packs
  CHECK(estimate_work(config_of(kLlama3), options, requests, 100'000'000).computed_tokens == 3 * 40 + 70000);
}

TEST_CASE("weights take the bytes of their precision", "[unit]") {
  const ModelConfig config = config_of(kLlama3);
  const auto n = static_cast<std::uint64_t>(parameter_count(config));
  CHECK(weight_bytes(config, Precision::fp32, 0) == 4 * n);
  CHECK(weight_bytes(config, Precision::bf16, 0) == 2 * n);
  // 32 layers of 4096 x (4096 + 2 * 1024), 4096 x 4096 and three of 4096 x 14336, one byte each, with a scale
  // per output; the rest stays bfloat16.
  const std::uint64_t products = 32ULL * 4096 * (4096 + 2 * 1024 + 4096 + 3 * 14336);
  const std::uint64_t scales = 32ULL * 4 * (4096 + 2 * 1024 + 4096 + 2 * 14336 + 4096);
  CHECK(weight_bytes(config, Precision::fp8, 0) == products + scales + 2 * (n - products));
  // Of int8, 2 x 14336 x 4096 have one byte, the others two; each output has a scale and an offset, and those
  // of one byte one for each of 16 groups.
  CHECK(weight_bytes(config, Precision::int8, -1) ==
        2 * n - 32ULL * 2 * 14336 * 4096 + 2 * scales + 32ULL * 8 * 2 * 14336 * 15);
  CHECK(weight_bytes(config, Precision::fp8, -1) >= weight_bytes(config, Precision::fp8, 0));
}

TEST_CASE("the rate of a product is measured in every precision", "[unit]") {
  for (const Precision precision : {Precision::fp32, Precision::bf16, Precision::fp8})
    CHECK(measure_matmul_rate(-1, precision).value_or(0.0) > 1e6);
  CHECK_FALSE(measure_matmul_rate(63, Precision::fp8));
}

TEST_CASE("a sliding window bounds the keys of a query", "[unit]") {
  ModelConfig config = config_of(kGemma2);
  config.num_hidden_layers = 2;
  config.sliding_window = 64;
  config.layer_is_sliding = {true, false};
  const std::vector<text::tokenizer::TokenId> tokens(200, 1);
  const std::vector<ExtractionRequest> request{{tokens, {199}}};
  double keys = 0;
  for (int q = 0; q < 200; ++q) keys += std::min(q + 1, 64);
  CHECK(estimate_work(config, BackboneOptions{}, request, 4096).attention_flops ==
        Approx(4.0 * 16 * 256 * (keys + 200)));
}

}  // namespace
}  // namespace armorm::model
