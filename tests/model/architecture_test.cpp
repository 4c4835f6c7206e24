// The fields of config.json that published folders of each family hold, and what is read from them.
#include "model/architecture.h"

#include <nlohmann/json.hpp>
#include <set>

#include "core/log.h"
#include "model/model_config.h"
#include "model/model_test_support.h"
#include "model/work_estimate.h"
#include "support/error_of.h"

namespace armorm::model {
namespace {

using namespace test;
using Json = nlohmann::json;

struct Parsed {
  ModelConfig config;
  std::vector<std::string> warnings;
};

Parsed parse(const Json& config) {
  Parsed out;
  log::set_sink([&](log::Level, std::string_view line) { out.warnings.emplace_back(line); });
  try {
    out.config = ModelConfig::parse(config.dump(), "config.json");
  } catch (...) {
    log::set_sink({});
    throw;
  }
  log::set_sink({});
  return out;
}

// What most folders hold.
Json common(const Json& fields) {
  Json config = {{"attention_dropout", 0.0},
                 {"bos_token_id", 1},
                 {"eos_token_id", 2},
                 {"hidden_act", "silu"},
                 {"id2label", {{"0", "LABEL_0"}}},
                 {"initializer_range", 0.02},
                 {"label2id", {{"LABEL_0", 0}}},
                 {"pad_token_id", 0},
                 {"torch_dtype", "bfloat16"},
                 {"transformers_version", "4.51.0"},
                 {"use_cache", true}};
  config.update(fields);
  return config;
}

// Skywork-Reward-V2-Qwen3-8B
Json qwen3() {
  return common({{"architectures", {"Qwen3ForSequenceClassification"}},
                 {"attention_bias", false},
                 {"head_dim", 128},
                 {"hidden_size", 4096},
                 {"intermediate_size", 12288},
                 {"max_position_embeddings", 40960},
                 {"max_window_layers", 36},
                 {"model_type", "qwen3"},
                 {"num_attention_heads", 32},
                 {"num_hidden_layers", 36},
                 {"num_key_value_heads", 8},
                 {"rms_norm_eps", 1e-06},
                 {"rope_scaling", nullptr},
                 {"rope_theta", 1000000},
                 {"sliding_window", nullptr},
                 {"tie_word_embeddings", false},
                 {"use_sliding_window", false},
                 {"vocab_size", 151936}});
}

// Phi-3-mini-128k-instruct, with other factors
Json phi3() {
  const std::vector<double> factors(48, 1.5);
  return common(
      {{"architectures", {"Phi3ForCausalLM"}},
       {"attention_bias", false},
       {"auto_map",
        {{"AutoConfig", "configuration_phi3.Phi3Config"},
         {"AutoModelForCausalLM", "modeling_phi3.Phi3ForCausalLM"}}},
       {"embd_pdrop", 0.0},
       {"hidden_size", 3072},
       {"intermediate_size", 8192},
       {"max_position_embeddings", 131072},
       {"model_type", "phi3"},
       {"num_attention_heads", 32},
       {"num_hidden_layers", 32},
       {"num_key_value_heads", 32},
       {"original_max_position_embeddings", 4096},
       {"resid_pdrop", 0.0},
       {"rms_norm_eps", 1e-05},
       {"rope_scaling", {{"long_factor", factors}, {"short_factor", factors}, {"type", "longrope"}}},
       {"rope_theta", 10000.0},
       {"sliding_window", 262144},
       {"tie_word_embeddings", false},
       {"vocab_size", 32064}});
}

// gemma-3-1b-it
Json gemma3() {
  return {{"architectures", {"Gemma3ForCausalLM"}},
          {"attention_bias", false},
          {"attention_dropout", 0.0},
          {"attn_logit_softcapping", nullptr},
          {"bos_token_id", 2},
          {"cache_implementation", "hybrid"},
          {"eos_token_id", {1, 106}},
          {"final_logit_softcapping", nullptr},
          {"head_dim", 256},
          {"hidden_activation", "gelu_pytorch_tanh"},
          {"hidden_size", 1152},
          {"initializer_range", 0.02},
          {"intermediate_size", 6912},
          {"max_position_embeddings", 32768},
          {"model_type", "gemma3_text"},
          {"num_attention_heads", 4},
          {"num_hidden_layers", 26},
          {"num_key_value_heads", 1},
          {"pad_token_id", 0},
          {"query_pre_attn_scalar", 256},
          {"rms_norm_eps", 1e-06},
          {"rope_local_base_freq", 10000},
          {"rope_scaling", nullptr},
          {"rope_theta", 1000000},
          {"sliding_window", 512},
          {"sliding_window_pattern", 6},
          {"torch_dtype", "bfloat16"},
          {"transformers_version", "4.50.0.dev0"},
          {"use_cache", true},
          {"vocab_size", 262144}};
}

// gemma-3-4b-it
Json gemma3_with_images() {
  return {{"architectures", {"Gemma3ForConditionalGeneration"}},
          {"boi_token_index", 255999},
          {"eoi_token_index", 256000},
          {"eos_token_id", {1, 106}},
          {"image_token_index", 262144},
          {"initializer_range", 0.02},
          {"mm_tokens_per_image", 256},
          {"model_type", "gemma3"},
          {"text_config",
           {{"hidden_size", 2560},
            {"intermediate_size", 10240},
            {"model_type", "gemma3_text"},
            {"num_hidden_layers", 34},
            {"rope_scaling", {{"factor", 8.0}, {"rope_type", "linear"}}},
            {"sliding_window", 1024}}},
          {"torch_dtype", "bfloat16"},
          {"transformers_version", "4.50.0.dev0"},
          {"vision_config", {{"hidden_size", 1152}, {"model_type", "siglip_vision_model"}}}};
}

// internlm2-7b-reward, without its reward token
Json internlm2() {
  return {{"architectures", {"InternLM2ForRewardModel"}},
          {"attn_implementation", "eager"},
          {"auto_map",
           {{"AutoConfig", "configuration_internlm2.InternLM2Config"},
            {"AutoModel", "modeling_internlm2.InternLM2ForRewardModel"}}},
          {"bias", false},
          {"bos_token_id", 1},
          {"eos_token_id", 2},
          {"hidden_act", "silu"},
          {"hidden_size", 4096},
          {"initializer_range", 0.02},
          {"intermediate_size", 14336},
          {"max_position_embeddings", 32768},
          {"model_type", "internlm2"},
          {"num_attention_heads", 32},
          {"num_hidden_layers", 32},
          {"num_key_value_heads", 8},
          {"pad_token_id", 2},
          {"pretraining_tp", 1},
          {"rms_norm_eps", 1e-05},
          {"rope_scaling", {{"factor", 2.0}, {"type", "dynamic"}}},
          {"rope_theta", 1000000},
          {"tie_word_embeddings", false},
          {"torch_dtype", "bfloat16"},
          {"transformers_version", "4.41.0"},
          {"use_cache", true},
          {"vocab_size", 92544}};
}

std::string refusal(Json config, const Json& changes) {
  config.update(changes);
  return error_of([&] { ModelConfig::parse(config.dump(), "config.json"); }, ErrorKind::data);
}

}  // namespace

TEST_CASE("the fields of published folders are read without a warning", "[unit]") {
  for (const Json& config : {qwen3(), phi3(), gemma3(), gemma3_with_images(), internlm2()}) {
    CAPTURE(config.dump());
    CHECK(parse(config).warnings.empty());
  }
}

// Elements of the published safetensors files, less those of heads that are not tied to the embedding.
TEST_CASE("the parameters of each family are those of the published models", "[golden]") {
  CHECK(parameter_count(parse(qwen3()).config) == 8'190'735'360 - 151936LL * 4096);
  CHECK(parameter_count(parse(phi3()).config) == 3'821'079'552 - 32064LL * 3072);
  CHECK(parameter_count(parse(gemma3()).config) == 999'885'952);
  CHECK(parameter_count(parse(internlm2()).config) == 7'737'708'544 - 92544LL * 4096);
}

TEST_CASE("Qwen 3 has heads of their own width and no biases", "[unit]") {
  const ModelConfig c = parse(qwen3()).config;
  CHECK(c.architecture == Architecture::qwen3);
  CHECK(c.head_dim == 128);
  CHECK_FALSE(c.qkv_bias);
  CHECK_FALSE(c.o_bias);
  CHECK(c.sliding_window == 0);
  CHECK(parse({{"model_type", "qwen3"}}).config.head_dim == 128);
  Json biased = qwen3();
  biased["attention_bias"] = true;
  CHECK(parse(biased).config.qkv_bias);
  CHECK(parse(biased).config.o_bias);
}

TEST_CASE("Phi 3 stretches by the length of each sequence, and may rotate a fraction of its heads",
          "[unit]") {
  const ModelConfig c = parse(phi3()).config;
  REQUIRE(c.rope_scaling);
  CHECK(c.rope_scaling->rope_type == "longrope");
  CHECK(c.rope_scaling->original_max_position_embeddings == 4096);
  CHECK(c.rope_scaling->factor == 32.0);
  CHECK(c.rope_scaling->attention_factor == Approx(std::sqrt(1.0 + std::log(32.0) / std::log(4096.0))));
  CHECK_FALSE(std::string(why_no_shared_prefixes(c, {.model_folder = {}, .device = -1})).empty());
  Json partial = phi3();
  partial["num_attention_heads"] = 24;
  partial["num_key_value_heads"] = 8;
  partial["partial_rotary_factor"] = 0.75;
  CHECK(parse(partial).config.head_dim == 128);
  CHECK(parse(partial).config.rotary_dim == 96);
  CHECK_THAT(refusal(phi3(), {{"partial_rotary_factor", 1.5}}), Catch::Contains("'partial_rotary_factor'"));
  CHECK_THAT(refusal(phi3(), {{"rope_scaling", {{"type", "linear"}, {"factor", 2.0}}}}),
             Catch::Contains("'rope_type'") && Catch::Contains("longrope"));
  const Json short_list = {{"type", "longrope"}, {"short_factor", {1.0}}, {"long_factor", {1.0}}};
  CHECK_THAT(refusal(phi3(), {{"rope_scaling", short_list}}),
             Catch::Contains("'short_factor'") && Catch::Contains("48"));
}

TEST_CASE("Gemma 3 has two ropes, five layers with a window to one, and no caps", "[unit]") {
  const ModelConfig c = parse(gemma3()).config;
  CHECK(c.rope_theta == 1e6);
  REQUIRE(c.sliding_rope);
  CHECK(c.sliding_rope->theta == 1e4);
  CHECK_FALSE(c.rope_scaling);
  CHECK(c.sliding_window == 512);
  for (std::size_t i = 0; i < 26; ++i) CHECK(c.layer_is_sliding[i] == ((i + 1) % 6 != 0));
  CHECK(c.attn_logit_softcapping == 0.0);
  CHECK(c.query_pre_attn_scalar == 256.0);
  CHECK_THAT(refusal(gemma3(), {{"use_bidirectional_attention", true}}),
             Catch::Contains("'use_bidirectional_attention'"));
}

TEST_CASE("a decoder within a model with images has its fields in text_config", "[unit]") {
  const ModelConfig c = parse(gemma3_with_images()).config;
  CHECK(c.model_type == "gemma3");
  CHECK(c.architecture == Architecture::gemma3);
  CHECK(c.hidden_size == 2560);
  CHECK(c.num_attention_heads == 8);
  CHECK(c.vocab_size == 262208);
  REQUIRE(c.rope_scaling);
  CHECK(c.rope_scaling->factor == 8.0);
  CHECK_FALSE(c.sliding_rope->scaling);
  Json other = gemma3_with_images();
  other["text_config"]["model_type"] = "llama";
  CHECK_THAT(refusal(other, Json::object()),
             Catch::Contains("text_config") && Catch::Contains("'model_type'"));
  other = gemma3_with_images();
  other["text_config"]["head_size"] = 3;
  const std::vector<std::string> warnings = parse(other).warnings;
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings[0], Catch::Contains("text_config") && Catch::Contains("'head_size'"));
}

TEST_CASE("InternLM2 is refused where its publisher's code is another", "[unit]") {
  CHECK(parse(internlm2()).config.rope_scaling->rope_type == "dynamic");
  Json no_bias = internlm2();
  no_bias.erase("bias");
  CHECK(parse(no_bias).config.qkv_bias);  // the configuration class's default
  CHECK_THAT(refusal(internlm2(), {{"rope_scaling", {{"type", "yarn"}, {"factor", 2.0}}}}),
             Catch::Contains("'rope_type'"));
  Json own_code = internlm2();
  own_code["auto_map"]["AutoModel"] = "modeling_other.Model";
  const std::vector<std::string> warnings = parse(own_code).warnings;
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings[0], Catch::Contains("'AutoModel'"));
}

TEST_CASE("each architecture has one row of facts", "[unit]") {
  std::set<std::string_view> types;
  for (const ArchitectureFacts& facts : all_architectures()) {
    CHECK(&facts_of(facts.architecture) == &facts);
    CHECK(types.insert(facts.model_type).second);
    CHECK_THAT(supported_model_types(), Catch::Contains(std::string(facts.model_type)));
  }
}

}  // namespace armorm::model
