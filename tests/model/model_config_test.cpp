#include "model/model_config.h"

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>

#include "core/error.h"
#include "core/log.h"
#include "model/model_test_support.h"
#include "support/error_of.h"

namespace armorm::model {
namespace {

using namespace test;
using Json = nlohmann::json;

Json llama() {
  return {{"model_type", "llama"},    {"hidden_size", 64},
          {"intermediate_size", 128}, {"num_hidden_layers", 2},
          {"num_attention_heads", 4}, {"num_key_value_heads", 2},
          {"vocab_size", 100},        {"rope_theta", 500000.0},
          {"rms_norm_eps", 1e-5},     {"max_position_embeddings", 8192}};
}

Json with(Json config, const Json& changes) {
  config.update(changes);  // null stays null
  return config;
}

ModelConfig parse(const Json& config) { return ModelConfig::parse(config.dump(), "config.json"); }

std::string refusal(const std::string& text) {
  const std::string error =
      test::error_of([&] { ModelConfig::parse(text, "dir/config.json"); }, ErrorKind::data);
  CHECK(error.find('\n') == std::string::npos);
  return error;
}

}  // namespace

TEST_CASE("a Llama 3 configuration is read as transformers reads it", "[unit]") {
  const ModelConfig config = parse(with(llama(), {{"bos_token_id", 7}}));
  CHECK(config.architecture == Architecture::llama);
  CHECK(config.model_type == "llama");
  CHECK(config.hidden_size == 64);
  CHECK(config.head_dim == 16);
  CHECK(config.num_key_value_heads == 2);
  CHECK(config.rope_theta == 500000.0);
  CHECK(config.rms_norm_eps == 1e-5);
  CHECK(config.max_position_embeddings == 8192);
  CHECK_FALSE(config.rope_scaling.has_value());
  CHECK(config.bos_token_id == 7);
  CHECK(config.layer_is_sliding == std::vector<bool>{false, false});
  CHECK(parse(with(llama(), {{"num_key_value_heads", nullptr}})).num_key_value_heads == 4);
}

TEST_CASE("rope parameters are read in the old and in the new place", "[unit]") {
  const Json scaling = {{"rope_type", "llama3"},
                        {"factor", 8.0},
                        {"low_freq_factor", 1.0},
                        {"high_freq_factor", 4.0},
                        {"original_max_position_embeddings", 8192}};
  const ModelConfig old_place = parse(with(llama(), {{"rope_scaling", scaling}}));
  Json parameters = scaling;
  parameters["rope_theta"] = 500000.0;
  Json config = with(llama(), {{"rope_parameters", parameters}});
  config.erase("rope_theta");
  const ModelConfig new_place = parse(config);
  for (const ModelConfig& read : {old_place, new_place}) {
    REQUIRE(read.rope_scaling.has_value());
    CHECK(read.rope_theta == 500000.0);
    CHECK(read.rope_scaling->rope_type == "llama3");
    CHECK(read.rope_scaling->factor == 8.0);
    CHECK(read.rope_scaling->high_freq_factor == 4.0);
    CHECK(read.rope_scaling->original_max_position_embeddings == 8192);
  }
  CHECK(parse(with(llama(), {{"rope_scaling", {{"type", "linear"}, {"factor", 2}}}})).rope_scaling->factor ==
        2.0);
}

TEST_CASE("sliding windows follow the architecture and layer_types", "[unit]") {
  const auto sliding = [](const Json& changes) { return parse(with(llama(), changes)).layer_is_sliding; };
  CHECK(sliding({{"model_type", "gemma2"}}) == std::vector<bool>{true, false});
  CHECK(sliding({{"model_type", "gemma2"}, {"layer_types", {"full_attention", "sliding_attention"}}}) ==
        std::vector<bool>{false, true});
  CHECK(sliding({{"model_type", "mistral"}, {"sliding_window", 16}}) == std::vector<bool>{true, true});
  CHECK(sliding({{"model_type", "qwen2"}, {"sliding_window", 16}}) == std::vector<bool>{false, false});
  CHECK(sliding({{"model_type", "qwen2"}, {"use_sliding_window", true}, {"max_window_layers", 1}}) ==
        std::vector<bool>{false, true});
  Json unlimited = with(llama(), {{"model_type", "mistral"}});
  unlimited["sliding_window"] = nullptr;
  CHECK(parse(unlimited).sliding_window == 0);
}

TEST_CASE("an unsupported model type lists the supported ones", "[unit]") {
  const std::string message = refusal(with(llama(), {{"model_type", "mamba"}}).dump());
  CHECK_THAT(message,
             Catch::Contains("dir/config.json") && Catch::Contains("model_type") && Catch::Contains("mamba"));
  for (const char* name :
       {"llama", "gemma2", "mistral", "qwen2", "qwen3", "phi3", "gemma3_text", "internlm2"})
    CHECK_THAT(message, Catch::Contains(name));
}

TEST_CASE("each wrong field is a data error that names it", "[unit]") {
  const std::vector<std::pair<Json, std::string>> cases = {
      {{{"hidden_size", 0}}, "hidden_size"},
      {{{"hidden_size", -64}}, "hidden_size"},
      {{{"hidden_size", "64"}}, "hidden_size"},
      {{{"hidden_size", 64.0}}, "hidden_size"},
      {{{"hidden_size", true}}, "hidden_size"},
      {{{"hidden_size", nullptr}}, "hidden_size"},
      {{{"hidden_size", 9223372036854775807}}, "hidden_size"},
      {{{"hidden_size", 18446744073709551615U}}, "hidden_size"},
      {{{"intermediate_size", {1}}}, "intermediate_size"},
      {{{"num_hidden_layers", 5000}}, "num_hidden_layers"},
      {{{"num_attention_heads", 5}}, "num_attention_heads"},
      {{{"num_key_value_heads", 3}}, "num_key_value_heads"},
      {{{"num_key_value_heads", 8}}, "num_key_value_heads"},
      {{{"head_dim", 15}}, "head_dim"},
      {{{"head_dim", 16777216}}, "num_attention_heads"},
      {{{"vocab_size", nullptr}}, "vocab_size"},
      {{{"rms_norm_eps", 0}}, "rms_norm_eps"},
      {{{"rms_norm_eps", "small"}}, "rms_norm_eps"},
      {{{"rope_theta", -1}}, "rope_theta"},
      {{{"rope_scaling", "llama3"}}, "rope_scaling"},
      {{{"rope_scaling", {{"rope_type", "proportional"}, {"factor", 2}}}}, "rope_type"},
      {{{"rope_scaling", {{"rope_type", "yarn"}}}}, "factor"},
      {{{"rope_theta", 1}, {"rope_scaling", {{"rope_type", "yarn"}, {"factor", 2}}}}, "rope_theta"},
      {{{"rope_scaling", {{"rope_type", "longrope"}, {"short_factor", {1, 1}}}}}, "short_factor"},
      {{{"rope_scaling", {{"rope_type", "linear"}}}}, "factor"},
      {{{"rope_scaling", {{"rope_type", "linear"}, {"factor", 0}}}}, "factor"},
      {{{"rope_scaling", {{"rope_type", "llama3"}, {"factor", 8}}}}, "low_freq_factor"},
      {{{"rope_scaling",
         {{"rope_type", "llama3"}, {"factor", 8}, {"low_freq_factor", 4}, {"high_freq_factor", 4}}}},
       "high_freq_factor"},
      {{{"rope_parameters", {{"full_attention", {{"rope_type", "default"}}}}}}, "full_attention"},
      {{{"head_dim", 2}, {"rope_scaling", {{"rope_type", "dynamic"}, {"factor", 2}}}}, "head_dim"},
      {{{"partial_rotary_factor", 0.5}}, "partial_rotary_factor"},
      {{{"hidden_act", "relu"}}, "hidden_act"},
      {{{"attention_bias", 1}}, "attention_bias"},
      {{{"mlp_bias", "no"}}, "mlp_bias"},
      {{{"bos_token_id", -1}}, "bos_token_id"},
      {{{"quantization_config", {{"bits", 4}}}}, "quantization_config"},
      {{{"model_type", 3}}, "model_type"},
      {{{"model_type", "gemma2"}, {"layer_types", {"full_attention"}}}, "layer_types"},
      {{{"model_type", "gemma2"}, {"layer_types", {"full_attention", 1}}}, "layer_types"},
      {{{"model_type", "gemma2"}, {"layer_types", {"full_attention", "none"}}}, "layer_types"},
      {{{"model_type", "gemma2"}, {"attn_logit_softcapping", 0}}, "attn_logit_softcapping"},
      {{{"model_type", "gemma2"}, {"use_bidirectional_attention", true}}, "use_bidirectional_attention"},
      {{{"model_type", "gemma2"}, {"hidden_activation", "gelu"}}, "hidden_activation"},
      {{{"model_type", "mistral"}, {"sliding_window", 0}}, "sliding_window"},
      {{{"model_type", "mistral"}, {"num_key_value_heads", nullptr}}, "num_key_value_heads"},
  };
  for (const auto& [changes, field] : cases) {
    CAPTURE(changes.dump());
    CHECK_THAT(refusal(with(llama(), changes).dump()),
               Catch::Contains("dir/config.json") && Catch::Contains("'" + field + "'"));
  }
}

TEST_CASE("absent sizes have transformers' defaults", "[unit]") {
  const ModelConfig llama_2 = parse({{"model_type", "llama"}});
  CHECK(llama_2.hidden_size == 4096);
  CHECK(llama_2.intermediate_size == 11008);
  CHECK(llama_2.num_key_value_heads == 32);
  CHECK(llama_2.head_dim == 128);
  CHECK(llama_2.vocab_size == 32000);
  CHECK(llama_2.max_position_embeddings == 2048);
  CHECK(parse({{"model_type", "mistral"}}).num_key_value_heads == 8);
  CHECK(parse({{"model_type", "gemma2"}}).head_dim == 256);
  CHECK(parse({{"model_type", "gemma2"}}).num_hidden_layers == 26);
  CHECK(parse({{"model_type", "qwen2"}}).vocab_size == 151936);
  CHECK(parse({{"model_type", "qwen2"}}).num_key_value_heads == 32);
}

TEST_CASE("rope_scaling replaces rope_parameters, as in transformers", "[unit]") {
  Json config = with(llama(), {{"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 7.0}}},
                               {"rope_scaling", {{"rope_type", "linear"}, {"factor", 2.0}}}});
  config.erase("rope_theta");
  const ModelConfig read = parse(config);
  CHECK(read.rope_theta == 10000.0);
  REQUIRE(read.rope_scaling.has_value());
  CHECK(read.rope_scaling->factor == 2.0);
  config["rope_scaling"] = Json::object();
  CHECK(parse(config).rope_theta == 7.0);
  config["rope_scaling"] = {{"rope_type", "proportional"}, {"factor", 2.0}};
  CHECK_THAT(refusal(config.dump()), Catch::Contains("rope_scaling") && Catch::Contains("'rope_type'"));
}

TEST_CASE("fields that change the computation are refused by name", "[unit]") {
  for (const char* type : {"llama", "gemma2", "mistral", "qwen2"}) {
    const std::vector<std::pair<std::string, Json>> cases{{"is_causal", false},
                                                          {"is_causal", nullptr},
                                                          {"per_layer_config", {{"0", {{"head_dim", 8}}}}},
                                                          {"text_config", {{"hidden_size", 8}}},
                                                          {"transformers_weights", "other.safetensors"},
                                                          {"compression_config", {{"bits", 4}}}};
    for (const auto& [field, value] : cases) {
      CAPTURE(type, field, value.dump());
      CHECK_THAT(refusal(with(llama(), {{"model_type", type}, {field, value}}).dump()),
                 Catch::Contains("'" + field + "'"));
    }
  }
}

TEST_CASE("unknown fields are warned of once, by name", "[unit]") {
  const auto warnings = [](const Json& config, std::span<const std::string_view> elsewhere = {}) {
    std::vector<std::string> lines;
    log::set_sink([&](log::Level, std::string_view line) { lines.emplace_back(line); });
    ModelConfig::parse(config.dump(), "dir/config.json", elsewhere);
    log::set_sink({});
    return lines;
  };
  CHECK(warnings(llama()).empty());
  CHECK(warnings(with(llama(), {{"torch_dtype", "bfloat16"}, {"sliding_window", nullptr}})).empty());
  const auto lines = warnings(with(llama(), {{"use_qk_norm", true}, {"num_experts", 8}}));
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines.front(),
             Catch::Contains("dir/config.json") && Catch::Contains("fields 'num_experts', 'use_qk_norm'"));
  const auto within =
      warnings(with(llama(), {{"rope_scaling", {{"type", "linear"}, {"factor", 2}, {"mscale", 2}}}}));
  REQUIRE(within.size() == 1);
  CHECK_THAT(within.front(), Catch::Contains("rope_scaling") && Catch::Contains("'mscale'"));
  constexpr std::array<std::string_view, 1> kElsewhere{"num_objectives"};
  CHECK(warnings(with(llama(), {{"num_objectives", 19}}), kElsewhere).empty());
  const Json code = {{"AutoModel", "m.Model"}, {"AutoModelForSequenceClassification", "m.Head"}};
  const auto own_code = warnings(with(llama(), {{"auto_map", code}}));
  REQUIRE(own_code.size() == 1);
  CHECK_THAT(own_code.front(), Catch::Contains("'AutoModel'"));
}

TEST_CASE("text that is no JSON object is a data error", "[unit]") {
  for (const std::string text : {"", "{", "[]", "3", "{\"model_type\": \"llama\"} x"}) {
    CAPTURE(text);
    CHECK_THAT(refusal(text), Catch::Contains("dir/config.json") && Catch::Contains("JSON"));
  }
  CHECK_THAT(refusal("{\"a\":" + std::string(100000, '[')), Catch::Contains("nested"));
}

TEST_CASE("an error in the text is shown with what precedes it", "[unit]") {
  CHECK_THAT(refusal(R"({"model_type":"llama","attention_dropout": -5e1166})"), Catch::Contains("-5e1166"));
  CHECK_THAT(refusal(R"({"model_type":"llama","attention_dropout": NaN})"),
             Catch::Contains("after 44 bytes") && Catch::Contains("attention_dropout"));
  CHECK_THAT(refusal(std::string("{\"model_type\":\"llama\"}\0{}", 25)), Catch::Contains("after 22 bytes"));
}

TEST_CASE("a folder without config.json is an I/O error", "[unit]") {
  const test::TempDir folder;
  try {
    ModelConfig::load(folder.path());
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::io);
    CHECK_THAT(error.what(), Catch::Contains("config.json"));
  }
}

}  // namespace armorm::model
