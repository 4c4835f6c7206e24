#include "model_files.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/dtype.h"
#include "io/publish.h"
#include "io/safetensors.h"
#include "random.h"

namespace armorm::demo {
namespace {

struct Shape {
  std::int64_t hidden_size = 256;
  std::int64_t intermediate_size = 512;
  std::int64_t num_layers = 2;
  std::int64_t num_heads = 8;
  std::int64_t num_kv_heads = 2;
  std::int64_t head_dim = 32;
};

// Standard deviation of a weight matrix times the square root of its fan-in: its amplification.
struct Gains {
  double embedding = 0.3;  // not divided: a token's share in its own state
  double query_key = 0.2;
  double value_output = 2.0;
  double mlp = 0.3;
};

// A weight and its distribution. std 0 means a norm: all ones.
struct Weight {
  io::TensorSpec spec;
  double standard_deviation = 0;
};

double scaled(double gain, std::int64_t fan_in) { return gain / std::sqrt(static_cast<double>(fan_in)); }

void add_layer(std::vector<Weight>& weights, const Shape& s, const Gains& g, std::int64_t layer) {
  const std::string prefix = "model.layers." + std::to_string(layer) + ".";
  const auto add = [&](const char* name, std::vector<std::int64_t> shape, double gain) {
    const double deviation = shape.size() == 2 ? scaled(gain, shape[1]) : 0.0;
    weights.push_back({{prefix + name, DType::bf16, std::move(shape)}, deviation});
  };
  const std::int64_t d = s.hidden_size, q = s.num_heads * s.head_dim, kv = s.num_kv_heads * s.head_dim;
  add("input_layernorm.weight", {d}, 0);
  add("self_attn.q_proj.weight", {q, d}, g.query_key);
  add("self_attn.k_proj.weight", {kv, d}, g.query_key);
  add("self_attn.v_proj.weight", {kv, d}, g.value_output);
  add("self_attn.o_proj.weight", {d, q}, g.value_output);
  add("post_attention_layernorm.weight", {d}, 0);
  add("mlp.gate_proj.weight", {s.intermediate_size, d}, g.mlp);
  add("mlp.up_proj.weight", {s.intermediate_size, d}, g.mlp);
  add("mlp.down_proj.weight", {d, s.intermediate_size}, g.mlp);
}

std::vector<Weight> all_weights(const Shape& s, const Gains& g, std::int64_t vocab_size) {
  std::vector<Weight> weights{
      {{"model.embed_tokens.weight", DType::bf16, {vocab_size, s.hidden_size}}, g.embedding}};
  for (std::int64_t layer = 0; layer < s.num_layers; ++layer) add_layer(weights, s, g, layer);
  weights.push_back({{"model.norm.weight", DType::bf16, {s.hidden_size}}, 0});
  weights.push_back({{"score.weight", DType::bf16, {1, s.hidden_size}}, scaled(1.0, s.hidden_size)});
  return weights;
}

std::vector<BFloat16> draw(const Weight& weight, std::uint64_t seed) {
  std::int64_t size = 1;
  for (const std::int64_t extent : weight.spec.shape) size *= extent;
  Random random(seed, weight.spec.name);
  const double bound = weight.standard_deviation * std::sqrt(3.0);  // of the uniform distribution
  std::vector<BFloat16> values;
  for (std::int64_t i = 0; i < size; ++i)
    values.push_back(
        BFloat16::from_float(bound == 0 ? 1.0F : static_cast<float>(random.uniform(-bound, bound))));
  return values;
}

std::string config(const Shape& s, const SpecialIds& ids) {
  const nlohmann::ordered_json json = {{"architectures", {"LlamaForSequenceClassification"}},
                                       {"attention_bias", false},
                                       {"attention_dropout", 0.0},
                                       {"bos_token_id", ids.bos},
                                       {"eos_token_id", ids.eos},
                                       {"head_dim", s.head_dim},
                                       {"hidden_act", "silu"},
                                       {"hidden_size", s.hidden_size},
                                       {"id2label", {{"0", "LABEL_0"}}},
                                       {"initializer_range", 0.02},
                                       {"intermediate_size", s.intermediate_size},
                                       {"label2id", {{"LABEL_0", 0}}},
                                       {"max_position_embeddings", 8192},
                                       {"mlp_bias", false},
                                       {"model_type", "llama"},
                                       {"num_attention_heads", s.num_heads},
                                       {"num_hidden_layers", s.num_layers},
                                       {"num_key_value_heads", s.num_kv_heads},
                                       {"pad_token_id", ids.pad},
                                       {"rms_norm_eps", 1e-5},
                                       {"rope_scaling", nullptr},
                                       {"rope_theta", 500000.0},
                                       {"tie_word_embeddings", false},
                                       {"torch_dtype", "bfloat16"},
                                       {"use_cache", true},
                                       {"vocab_size", ids.vocab_size}};
  return json.dump(2) + "\n";
}

}  // namespace

void write_model(const std::filesystem::path& folder, const SpecialIds& ids, std::uint64_t seed) {
  const Shape shape;
  const std::vector<Weight> weights = all_weights(shape, Gains{}, ids.vocab_size);
  std::vector<io::TensorSpec> specs;
  for (const Weight& weight : weights) specs.push_back(weight.spec);
  io::SafetensorsWriter writer(folder / "model.safetensors", specs, {{"format", "pt"}});
  for (const Weight& weight : weights) {
    const std::vector<BFloat16> values = draw(weight, seed);
    writer.append(std::span<const BFloat16>(values));
  }
  writer.publish();
  io::publish_text(folder / "config.json", config(shape, ids));
}

}  // namespace armorm::demo
