#include "model/model_config.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/read_file.h"
#include "model/config_reader.h"

namespace armorm {
namespace {

using model::ConfigReader;
using Json = nlohmann::json;

// Far above any published model, and small enough that the product of two sizes does not overflow.
constexpr std::int64_t kMaxSize = std::int64_t{1} << 24;
constexpr std::int64_t kMaxLayers = 4096;
constexpr std::int64_t kMaxPositions = std::int64_t{1} << 31;
constexpr std::size_t kMaxConfigBytes = std::uintmax_t{16} << 20;

constexpr std::string_view kSupported = "gemma2, llama, mistral, qwen2";

Architecture parse_architecture(const ConfigReader& reader) {
  const std::string type = reader.required_string("model_type");
  if (type == "llama") return Architecture::llama;
  if (type == "gemma2") return Architecture::gemma2;
  if (type == "mistral") return Architecture::mistral;
  if (type == "qwen2") return Architecture::qwen2;
  reader.fail("model_type", fmt::format("'{}'", type), fmt::format("one of {}", kSupported));
}

void read_sizes(const ConfigReader& reader, ModelConfig& c) {
  const bool llama = c.architecture == Architecture::llama;
  c.hidden_size = reader.size("hidden_size", kMaxSize);
  c.intermediate_size = reader.size("intermediate_size", kMaxSize);
  c.num_hidden_layers = reader.size("num_hidden_layers", kMaxLayers);
  c.num_attention_heads = reader.size("num_attention_heads", kMaxSize);
  // Only the oldest Llama folders omit it; the other families have always written it.
  c.num_key_value_heads = llama ? reader.size_or("num_key_value_heads", kMaxSize, c.num_attention_heads)
                                : reader.size("num_key_value_heads", kMaxSize);
  c.vocab_size = reader.size("vocab_size", kMaxSize);
  const std::int64_t default_head_dim =
      c.architecture == Architecture::gemma2 ? 256 : c.hidden_size / c.num_attention_heads;
  c.head_dim = reader.size_or("head_dim", kMaxSize, default_head_dim);
}

void check_sizes(const ConfigReader& reader, const ModelConfig& c) {
  if (!reader.has("head_dim") && c.architecture != Architecture::gemma2 &&
      c.hidden_size % c.num_attention_heads != 0) {
    reader.fail("num_attention_heads", std::to_string(c.num_attention_heads),
                fmt::format("a divisor of hidden_size = {}, as head_dim is not given", c.hidden_size));
  }
  if (c.num_attention_heads % c.num_key_value_heads != 0) {
    reader.fail("num_key_value_heads", std::to_string(c.num_key_value_heads),
                fmt::format("a divisor of num_attention_heads = {}", c.num_attention_heads));
  }
  if (c.head_dim % 2 != 0) {
    reader.fail("head_dim", std::to_string(c.head_dim),
                "an even number, as rotary embeddings pair its halves");
  }
  if (c.num_attention_heads > kMaxSize / c.head_dim) {
    reader.fail("num_attention_heads", std::to_string(c.num_attention_heads),
                fmt::format("at most {} with head_dim = {}", kMaxSize / c.head_dim, c.head_dim));
  }
}

std::int64_t default_max_positions(Architecture architecture) {
  switch (architecture) {
    case Architecture::llama:
      return 2048;
    case Architecture::gemma2:
      return 8192;
    case Architecture::mistral:
      return 131072;
    case Architecture::qwen2:
      return 32768;
  }
  return 0;
}

void read_activation(const ConfigReader& reader, ModelConfig& c) {
  if (c.architecture == Architecture::gemma2) {
    // Folders of the first release also hold hidden_act, which was never used.
    c.hidden_act = reader.string_or("hidden_activation", "gelu_pytorch_tanh");
    if (c.hidden_act != "gelu_pytorch_tanh") {
      reader.fail("hidden_activation", fmt::format("'{}'", c.hidden_act), "'gelu_pytorch_tanh'");
    }
    return;
  }
  c.hidden_act = reader.string_or("hidden_act", "silu");
  if (c.hidden_act != "silu" && c.hidden_act != "gelu_pytorch_tanh") {
    reader.fail("hidden_act", fmt::format("'{}'", c.hidden_act), "'silu' or 'gelu_pytorch_tanh'");
  }
}

void read_llama3_scaling(const ConfigReader& rope, const ModelConfig& c, RopeScaling& scaling) {
  scaling.low_freq_factor = rope.positive("low_freq_factor");
  scaling.high_freq_factor = rope.positive("high_freq_factor");
  scaling.original_max_position_embeddings =
      rope.size_or("original_max_position_embeddings", kMaxPositions, c.max_position_embeddings);
  if (scaling.high_freq_factor <= scaling.low_freq_factor) {
    rope.fail("high_freq_factor", fmt::format("{}", scaling.high_freq_factor),
              fmt::format("more than low_freq_factor = {}", scaling.low_freq_factor));
  }
}

// Older folders hold rope_theta and rope_scaling (with its kind under "type" or "rope_type"); newer ones hold
// both in rope_parameters.
void read_rope(const ConfigReader& reader, ModelConfig& c) {
  c.rope_theta = reader.positive_or("rope_theta", 10000.0);
  const char* field = reader.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  if (reader.number_or("partial_rotary_factor", 1.0) != 1.0) {
    reader.fail("partial_rotary_factor", "another value", "1, as only complete heads are rotated here");
  }
  if (!reader.has(field)) return;
  const ConfigReader rope = reader.object(field);
  c.rope_theta = rope.positive_or("rope_theta", c.rope_theta);
  if (rope.number_or("partial_rotary_factor", 1.0) != 1.0) {
    rope.fail("partial_rotary_factor", "another value", "1, as only complete heads are rotated here");
  }
  for (const char* nested : {"full_attention", "sliding_attention"}) {
    if (rope.has(nested)) rope.fail(nested, "parameters for one kind of layer", "the same for all layers");
  }
  RopeScaling scaling;
  scaling.rope_type = rope.string_or("rope_type", rope.string_or("type", "default"));
  if (scaling.rope_type == "default") return;
  if (scaling.rope_type != "linear" && scaling.rope_type != "dynamic" && scaling.rope_type != "llama3") {
    rope.fail("rope_type", fmt::format("'{}'", scaling.rope_type), "one of default, dynamic, linear, llama3");
  }
  scaling.factor = rope.positive("factor");
  if (scaling.rope_type == "dynamic" && c.head_dim < 4) {
    reader.fail("head_dim", std::to_string(c.head_dim), "at least 4 with dynamic rope scaling");
  }
  if (scaling.rope_type == "llama3") read_llama3_scaling(rope, c, scaling);
  c.rope_scaling = scaling;
}

bool sliding_by_default(const ConfigReader& reader, const ModelConfig& c, std::int64_t layer) {
  switch (c.architecture) {
    case Architecture::llama:
      return false;
    case Architecture::gemma2:
      return layer % 2 == 0;
    case Architecture::mistral:
      return true;
    case Architecture::qwen2:
      return layer >= reader.size_or("max_window_layers", kMaxLayers, 28, 0);
  }
  return false;
}

void read_layer_types(const ConfigReader& reader, ModelConfig& c) {
  const std::vector<std::string> types = reader.strings("layer_types");
  if (std::ssize(types) != c.num_hidden_layers) {
    reader.fail("layer_types", fmt::format("{} entries", types.size()),
                fmt::format("one for each of the {} layers", c.num_hidden_layers));
  }
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (types[i] != "sliding_attention" && types[i] != "full_attention") {
      reader.fail("layer_types", fmt::format("'{}' for layer {}", types[i], i),
                  "'sliding_attention' or 'full_attention'");
    }
    c.layer_is_sliding[i] = types[i] == "sliding_attention";
  }
}

void read_sliding_window(const ConfigReader& reader, ModelConfig& c) {
  c.layer_is_sliding.assign(static_cast<std::size_t>(c.num_hidden_layers), false);
  if (c.architecture == Architecture::llama) return;
  if (c.architecture == Architecture::qwen2 && !reader.boolean_or("use_sliding_window", false)) return;
  if (reader.is_null("sliding_window")) return;
  c.sliding_window = reader.size_or("sliding_window", kMaxPositions, 4096);
  const bool typed = c.architecture == Architecture::gemma2 || c.architecture == Architecture::qwen2;
  if (typed && reader.has("layer_types")) return read_layer_types(reader, c);
  for (std::int64_t i = 0; i < c.num_hidden_layers; ++i) {
    c.layer_is_sliding[static_cast<std::size_t>(i)] = sliding_by_default(reader, c, i);
  }
}

void read_gemma2(const ConfigReader& reader, ModelConfig& c) {
  c.attn_logit_softcapping =
      reader.is_null("attn_logit_softcapping") ? 0.0 : reader.positive_or("attn_logit_softcapping", 50.0);
  c.query_pre_attn_scalar = reader.positive_or("query_pre_attn_scalar", 256.0);
  if (reader.boolean_or("use_bidirectional_attention", false)) {
    reader.fail("use_bidirectional_attention", "true", "false, as only causal decoders are supported");
  }
}

std::optional<std::int64_t> read_bos(const ConfigReader& reader) {
  if (!reader.has("bos_token_id")) return std::nullopt;
  return reader.size("bos_token_id", kMaxSize, 0);
}

ModelConfig read(const ConfigReader& reader) {
  ModelConfig c;
  c.architecture = parse_architecture(reader);
  c.model_type = reader.required_string("model_type");
  if (reader.has("quantization_config")) {
    reader.fail("quantization_config", "quantised weights",
                "none; use the folder of the bfloat16, float16 or float32 model");
  }
  read_sizes(reader, c);
  check_sizes(reader, c);
  c.max_position_embeddings =
      reader.size_or("max_position_embeddings", kMaxPositions, default_max_positions(c.architecture));
  c.rms_norm_eps = reader.positive_or("rms_norm_eps", 1e-6);
  read_rope(reader, c);
  const bool biased = c.architecture == Architecture::llama || c.architecture == Architecture::gemma2;
  if (biased) c.attention_bias = reader.boolean_or("attention_bias", false);
  if (c.architecture == Architecture::llama) c.mlp_bias = reader.boolean_or("mlp_bias", false);
  read_activation(reader, c);
  read_sliding_window(reader, c);
  if (c.architecture == Architecture::gemma2) read_gemma2(reader, c);
  c.bos_token_id = read_bos(reader);
  return c;
}

}  // namespace

ModelConfig ModelConfig::parse(std::string_view json, std::string_view origin) {
  const Json root = model::parse_json(json, origin);
  return read(ConfigReader(root, std::string(origin)));
}

ModelConfig ModelConfig::load(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "config.json";
  std::error_code error;
  static_cast<void>(std::filesystem::file_size(path, error));
  if (error) {
    fail_io("{}: {}; a model folder holds config.json, tokenizer.json and safetensors files", path.string(),
            error.message());
  }
  return parse(read_text_file(path, kMaxConfigBytes), path.string());
}

}  // namespace armorm
