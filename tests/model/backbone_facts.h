// The files of configs/backbones/, and small model folders with the shape that they describe.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "io/read_file.h"
#include "io/safetensors.h"
#include "model/pt/pt_file.h"
#include "support/test_support.h"

namespace armorm::test {

using Json = nlohmann::ordered_json;

inline std::filesystem::path backbones_dir() { return source_dir() / "configs/backbones"; }

// By name.
inline std::vector<Json> backbone_facts() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(backbones_dir()))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Json> all;
  for (const auto& path : paths) {
    INFO(path);
    const Json facts = Json::parse(io::read_text_file(path), nullptr, true, true);
    const std::string id = facts.at("id");
    REQUIRE(path.filename() == id.substr(id.find('/') + 1) + ".json");
    all.push_back(facts);
  }
  return all;
}

inline bool is_gemma(const std::string& family) { return family.starts_with("gemma"); }
inline bool is_gemma3(const std::string& family) { return family.starts_with("gemma3"); }

// Fields that publishers of a family write beside those of the facts.
inline Json other_fields(const std::string& family) {
  Json fields = Json::parse(R"({"attention_dropout": 0.0, "initializer_range": 0.02, "use_cache": true,
    "torch_dtype": "bfloat16", "transformers_version": "4.51.3", "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2, "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}})");
  static const Json own = Json::parse(R"({
    "llama": {"attention_bias": false, "mlp_bias": false, "pretraining_tp": 1, "hidden_act": "silu"},
    "mistral": {"hidden_act": "silu"},
    "qwen2": {"hidden_act": "silu", "max_window_layers": 70, "use_sliding_window": false, "sliding_window": 131072},
    "qwen3": {"hidden_act": "silu", "attention_bias": false, "max_window_layers": 36,
              "use_sliding_window": false, "sliding_window": null},
    "gemma2": {"attention_bias": false, "cache_implementation": "hybrid", "final_logit_softcapping": 30.0,
               "hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh"},
    "gemma3_text": {"attention_bias": false, "cache_implementation": "hybrid", "final_logit_softcapping": null,
                    "hidden_activation": "gelu_pytorch_tanh", "sliding_window_pattern": 6},
    "phi3": {"attention_bias": false, "embd_pdrop": 0.0, "resid_pdrop": 0.0, "hidden_act": "silu",
             "original_max_position_embeddings": 4096, "auto_map": {"AutoConfig": "configuration_phi3.Phi3Config",
             "AutoModelForCausalLM": "modeling_phi3.Phi3ForCausalLM"}},
    "internlm2": {"bias": false, "pretraining_tp": 1, "hidden_act": "silu", "attn_implementation": "eager",
                  "reward_token_id": 92527,
                  "auto_map": {"AutoConfig": "configuration_internlm2.InternLM2Config",
                               "AutoModel": "modeling_internlm2.InternLM2ForRewardModel"}}})");
  fields.update(own.at(is_gemma3(family) ? "gemma3_text" : family));
  return fields;
}

// A factor for each pair of a head's elements. They stand for those of the publisher's config.json, which the
// facts do not repeat.
inline Json longrope_factors(std::int64_t head_dim) {
  return {{"short_factor", std::vector<double>(static_cast<std::size_t>(head_dim / 2), 1.0)},
          {"long_factor", std::vector<double>(static_cast<std::size_t>(head_dim / 2), 2.0)}};
}

inline void add_rope(const Json& facts, Json& config) {
  const Json& rope = facts.at("rope");
  const std::string kind = rope.at("kind"), family = facts.at("family");
  config["rope_theta"] = rope.at("theta");
  config["rope_scaling"] = nullptr;
  if (rope.contains("local_theta")) config["rope_local_base_freq"] = rope.at("local_theta");
  if (kind == "default") return;
  Json scaling{{kind == "llama3" || is_gemma3(family) ? "rope_type" : "type", kind}};
  for (const auto& [key, value] : rope.items())
    if (key != "kind" && key != "theta" && key != "local_theta" && kind != "longrope") scaling[key] = value;
  if (kind == "longrope") {
    scaling.update(longrope_factors(facts.at("shape").at("head_dim")));
    config["original_max_position_embeddings"] = rope.at("original_max_position_embeddings");
  }
  config["rope_scaling"] = scaling;
}

inline Json decoder_config(const Json& facts) {
  const std::string family = facts.at("family");
  Json config = other_fields(family);
  config["model_type"] = family == "gemma3" ? "gemma3_text" : family;
  config.update(facts.at("shape"));
  // The families whose publishers leave out the size of a head that divides the width.
  const bool divides = family == "qwen2" || family == "phi3" || family == "internlm2" || family == "mistral";
  if (divides) config.erase("head_dim");
  const Json& attention = facts.at("attention");
  if (family != "qwen2" && family != "qwen3" &&
      (family == "mistral" || !attention.at("sliding_window").is_null()))
    config["sliding_window"] = attention.at("sliding_window");
  if (is_gemma(family))
    for (const char* key : {"query_pre_attn_scalar", "attn_logit_softcapping"})
      config[key] = attention.at(key);
  if (!facts.at("weights").at("tied").is_null())
    config["tie_word_embeddings"] = facts.at("weights").at("tied");
  add_rope(facts, config);
  return config;
}

// config.json as the facts and the family's publishers have it.
inline Json config_of(const Json& facts) {
  Json config = decoder_config(facts);
  Json outer;
  Json& target = facts.at("family") == "gemma3" ? outer : config;
  if (&target == &outer) {
    outer = {{"model_type", "gemma3"},     {"text_config", config},       {"boi_token_index", 255999},
             {"eoi_token_index", 256000},  {"image_token_index", 262144}, {"initializer_range", 0.02},
             {"mm_tokens_per_image", 256}, {"torch_dtype", "bfloat16"},   {"transformers_version", "4.50.0"}};
    outer["vision_config"] = {{"hidden_size", 1152}, {"model_type", "siglip_vision_model"}};
  }
  const Json& name = facts.at("head").at("class");
  if (!name.is_null()) target["architectures"] = {name};
  return target;
}

// The same model with few and narrow layers: kinds of layers, groups of heads and tensors stay.
inline Json tiny(Json facts) {
  Json& shape = facts.at("shape");
  const std::int64_t kv = std::min<std::int64_t>(2, shape.at("num_key_value_heads").get<std::int64_t>());
  const std::int64_t group = shape.at("num_attention_heads").get<std::int64_t>() /
                             shape.at("num_key_value_heads").get<std::int64_t>();
  const bool square =
      shape.at("num_attention_heads").get<std::int64_t>() * shape.at("head_dim").get<std::int64_t>() ==
      shape.at("hidden_size").get<std::int64_t>();
  shape["num_hidden_layers"] = is_gemma3(facts.at("family")) ? 6 : 2;
  shape["num_key_value_heads"] = kv;
  shape["num_attention_heads"] = kv * group;
  shape["head_dim"] = 8;
  shape["hidden_size"] = kv * group * (square ? 8 : 4);
  shape["intermediate_size"] = 24;
  shape["vocab_size"] = 64;
  shape["max_position_embeddings"] = 64;
  if (facts.at("attention").at("sliding_window").is_number()) facts["attention"]["sliding_window"] = 8;
  if (facts.at("attention").at("query_pre_attn_scalar").is_number())
    facts["attention"]["query_pre_attn_scalar"] = 12;
  if (facts.at("rope").contains("original_max_position_embeddings"))
    facts["rope"]["original_max_position_embeddings"] = 16;
  return facts;
}

using NamedShape = std::pair<std::string, std::vector<std::int64_t>>;

struct LayerSizes {
  std::int64_t width, inner, queries, keys, head;
};

inline std::vector<NamedShape> attention_tensors(const std::string& family, const LayerSizes& n) {
  std::vector<NamedShape> out;
  if (family == "internlm2")
    return {{"attention.wqkv.weight", {n.queries + 2 * n.keys, n.width}},
            {"attention.wo.weight", {n.width, n.queries}}};
  if (family == "phi3")
    return {{"self_attn.qkv_proj.weight", {n.queries + 2 * n.keys, n.width}},
            {"self_attn.o_proj.weight", {n.width, n.queries}}};
  for (const char* name : {"q", "k", "v"}) {
    const std::int64_t rows = *name == 'q' ? n.queries : n.keys;
    const std::string prefix = std::string("self_attn.") + name + "_proj.";
    out.push_back({prefix + "weight", {rows, n.width}});
    if (family == "qwen2") out.push_back({prefix + "bias", {rows}});
  }
  out.push_back({"self_attn.o_proj.weight", {n.width, n.queries}});
  if (family == "qwen3" || is_gemma3(family))
    for (const char* name : {"self_attn.q_norm.weight", "self_attn.k_norm.weight"})
      out.push_back({name, {n.head}});
  return out;
}

inline std::vector<NamedShape> mlp_tensors(const std::string& family, const LayerSizes& n) {
  if (family == "internlm2")
    return {{"feed_forward.w1.weight", {n.inner, n.width}},
            {"feed_forward.w3.weight", {n.inner, n.width}},
            {"feed_forward.w2.weight", {n.width, n.inner}}};
  if (family == "phi3")
    return {{"mlp.gate_up_proj.weight", {2 * n.inner, n.width}},
            {"mlp.down_proj.weight", {n.width, n.inner}}};
  return {{"mlp.gate_proj.weight", {n.inner, n.width}},
          {"mlp.up_proj.weight", {n.inner, n.width}},
          {"mlp.down_proj.weight", {n.width, n.inner}}};
}

inline std::vector<std::string> norm_names(const std::string& family) {
  if (family == "internlm2") return {"attention_norm.weight", "ffn_norm.weight"};
  std::vector<std::string> names{"input_layernorm.weight", "post_attention_layernorm.weight"};
  if (is_gemma(family))
    for (const char* name : {"pre_feedforward_layernorm.weight", "post_feedforward_layernorm.weight"})
      names.emplace_back(name);
  return names;
}

// Names and shapes as in the publishers' indexes, the head included.
inline std::vector<NamedShape> tensors_of(const Json& facts) {
  const Json& shape = facts.at("shape");
  const std::string family = facts.at("family"), prefix = facts.at("weights").at("prefix");
  const auto size = [&](const char* key) { return shape.at(key).get<std::int64_t>(); };
  const std::int64_t head = size("head_dim"), width = size("hidden_size");
  const LayerSizes n{width, size("intermediate_size"), size("num_attention_heads") * head,
                     size("num_key_value_heads") * head, head};
  std::vector<NamedShape> out{
      {prefix + (family == "internlm2" ? "tok_embeddings" : "embed_tokens") + ".weight",
       {size("vocab_size"), width}},
      {prefix + "norm.weight", {width}}};
  for (std::int64_t i = 0; i < size("num_hidden_layers"); ++i) {
    const std::string layer = prefix + "layers." + std::to_string(i) + ".";
    for (const auto& [name, dims] : attention_tensors(family, n)) out.push_back({layer + name, dims});
    for (const auto& [name, dims] : mlp_tensors(family, n)) out.push_back({layer + name, dims});
    for (const std::string& name : norm_names(family)) out.push_back({layer + name, {width}});
  }
  if (!facts.at("head").at("tensors").is_null())
    for (const Json& name : facts.at("head").at("tensors")) out.push_back({name, {1, width}});
  return out;
}

// Small, and different in each tensor and element.
inline std::vector<float> values_of(const NamedShape& tensor) {
  std::size_t count = 1;
  for (const std::int64_t dim : tensor.second) count *= static_cast<std::size_t>(dim);
  const bool norm = tensor.first.find("norm") != std::string::npos;
  std::vector<float> values(count);
  const std::size_t seed = tensor.first.size() * 131 + static_cast<std::size_t>(tensor.first.back());
  for (std::size_t i = 0; i < count; ++i) {
    const auto step = static_cast<float>((i * 29 + seed) % 31);
    values[i] = (norm ? 1.0F : 0.0F) + (step - 15.0F) / 64.0F;  // a bfloat16 of few bits
  }
  return values;
}

inline void write_safetensors(const std::filesystem::path& path, const std::vector<NamedShape>& tensors) {
  std::vector<io::TensorSpec> specs;
  for (const auto& [name, dims] : tensors) specs.push_back({name, DType::f32, dims});
  io::SafetensorsWriter writer(path, specs, {{"format", "pt"}});
  for (const NamedShape& tensor : tensors) writer.append(std::span<const float>(values_of(tensor)));
  writer.publish();
}

inline void write_bin(const std::filesystem::path& path, const std::vector<NamedShape>& tensors) {
  model::pt::PtTensors dictionary;
  for (const NamedShape& tensor : tensors)
    dictionary.push_back({tensor.first, {tensor.second, values_of(tensor)}});
  model::pt::save_pt_file(path, dictionary);
}

// The folder of `facts` as published: safetensors or pytorch_model.bin, in one file or in two with an index.
inline void write_model_folder(const std::filesystem::path& folder, const Json& facts, bool bin,
                               bool sharded) {
  std::ofstream(folder / "config.json") << config_of(facts).dump();
  const std::vector<NamedShape> tensors = tensors_of(facts);
  const std::string stem = bin ? "pytorch_model" : "model", suffix = bin ? ".bin" : ".safetensors";
  const auto write = [&](const std::string& name, const std::vector<NamedShape>& some) {
    bin ? write_bin(folder / name, some) : write_safetensors(folder / name, some);
  };
  if (!sharded) return write(stem + suffix, tensors);
  Json index{{"metadata", {{"total_size", 0}}}, {"weight_map", Json::object()}};
  const auto half = tensors.begin() + std::ssize(tensors) / 2;
  for (int i = 0; i < 2; ++i) {
    const std::string name = stem + "-0000" + std::to_string(i + 1) + "-of-00002" + suffix;
    const std::vector<NamedShape> some(i == 0 ? tensors.begin() : half, i == 0 ? half : tensors.end());
    write(name, some);
    for (const NamedShape& tensor : some) index["weight_map"][tensor.first] = name;
  }
  std::ofstream(folder / (stem + suffix + ".index.json")) << index.dump();
}

}  // namespace armorm::test
