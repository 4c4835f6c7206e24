#include "model/model_config.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/file_kind.h"
#include "io/read_file.h"
#include "model/config_fields.h"
#include "model/config_reader.h"

namespace armorm::model {
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

// What transformers' configuration classes take for absent fields; 0: derived from others.
struct DefaultSizes {
  std::int64_t vocab_size, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads;
  std::int64_t num_key_value_heads, head_dim, max_position_embeddings;
};

DefaultSizes default_sizes(Architecture architecture) {
  switch (architecture) {
    case Architecture::llama:
      return {32000, 4096, 11008, 32, 32, 0, 0, 2048};
    case Architecture::gemma2:
      return {256000, 2304, 9216, 26, 8, 4, 256, 8192};
    case Architecture::mistral:
      return {32000, 4096, 14336, 32, 32, 8, 0, 131072};
    case Architecture::qwen2:
      return {151936, 4096, 22016, 32, 32, 32, 0, 32768};
  }
  return {};
}

void read_sizes(const ConfigReader& reader, ModelConfig& c) {
  const DefaultSizes sizes = default_sizes(c.architecture);
  c.hidden_size = reader.size_or("hidden_size", kMaxSize, sizes.hidden_size);
  c.intermediate_size = reader.size_or("intermediate_size", kMaxSize, sizes.intermediate_size);
  c.num_hidden_layers = reader.size_or("num_hidden_layers", kMaxLayers, sizes.num_hidden_layers);
  c.num_attention_heads = reader.size_or("num_attention_heads", kMaxSize, sizes.num_attention_heads);
  const bool all_heads = sizes.num_key_value_heads == 0 || reader.is_null("num_key_value_heads");
  c.num_key_value_heads = reader.size_or("num_key_value_heads", kMaxSize,
                                         all_heads ? c.num_attention_heads : sizes.num_key_value_heads);
  c.vocab_size = reader.size_or("vocab_size", kMaxSize, sizes.vocab_size);
  c.head_dim = reader.size_or("head_dim", kMaxSize,
                              sizes.head_dim > 0 ? sizes.head_dim : c.hidden_size / c.num_attention_heads);
  c.max_position_embeddings =
      reader.size_or("max_position_embeddings", kMaxPositions, sizes.max_position_embeddings);
}

void check_sizes(const ConfigReader& reader, const ModelConfig& c) {
  const bool llama_or_gemma2 =
      c.architecture == Architecture::llama || c.architecture == Architecture::gemma2;
  if ((!reader.has("head_dim") || llama_or_gemma2) && c.hidden_size % c.num_attention_heads != 0) {
    reader.fail("num_attention_heads", std::to_string(c.num_attention_heads),
                fmt::format("a divisor of hidden_size = {}", c.hidden_size));
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
  if (c.hidden_act == "swish") c.hidden_act = "silu";  // two names of one function
  if (c.hidden_act != "silu" && c.hidden_act != "gelu_pytorch_tanh") {
    reader.fail("hidden_act", fmt::format("'{}'", c.hidden_act), "'silu', 'swish' or 'gelu_pytorch_tanh'");
  }
}

// A length beside rope_scaling comes before the one within, as in transformers.
std::int64_t original_positions(const ConfigReader& reader, const ConfigReader& rope, const ModelConfig& c) {
  constexpr const char* kField = "original_max_position_embeddings";
  const std::int64_t within = rope.size_or(kField, kMaxPositions, c.max_position_embeddings);
  if (reader.is_null(kField)) reader.fail(kField, "an integer, or no such field");
  return reader.size_or(kField, kMaxPositions, within);
}

void read_llama3_scaling(const ConfigReader& rope, RopeScaling& scaling) {
  scaling.low_freq_factor = rope.positive("low_freq_factor");
  scaling.high_freq_factor = rope.positive("high_freq_factor");
  if (scaling.high_freq_factor <= scaling.low_freq_factor) {
    rope.fail("high_freq_factor", fmt::format("{}", scaling.high_freq_factor),
              fmt::format("more than low_freq_factor = {}", scaling.low_freq_factor));
  }
}

void check_complete_heads(const ConfigReader& reader) {
  if (reader.number_or("partial_rotary_factor", 1.0) != 1.0 || reader.is_null("partial_rotary_factor"))
    reader.fail("partial_rotary_factor", "1, as only complete heads are rotated here");
}

// Older folders hold rope_theta and rope_scaling (with its kind under "type" or "rope_type"); newer ones hold
// both in rope_parameters. Where both are given, transformers uses rope_scaling alone, unless it is null or
// empty.
std::optional<ConfigReader> rope_parameters(const ConfigReader& reader) {
  std::optional<ConfigReader> found;
  if (reader.has("rope_parameters")) found = reader.object("rope_parameters");
  if (!reader.has("rope_scaling")) return found;
  ConfigReader scaling = reader.object("rope_scaling");
  if (scaling.empty()) return found;
  if (found && !found->empty()) reader.warn("rope_parameters", "is not used, as rope_scaling is given");
  return scaling;
}

void read_scaling(const ConfigReader& reader, const ConfigReader& rope, ModelConfig& c) {
  RopeScaling scaling;
  const char* kind = rope.has("rope_type") || rope.is_null("rope_type") ? "rope_type" : "type";
  if (rope.is_null(kind)) rope.fail(kind, "a string, or no such field");
  scaling.rope_type = rope.string_or("rope_type", rope.string_or("type", "default"));
  if (scaling.rope_type == "default") return;
  if (scaling.rope_type != "linear" && scaling.rope_type != "dynamic" && scaling.rope_type != "llama3") {
    rope.fail("rope_type", fmt::format("'{}'", scaling.rope_type), "one of default, dynamic, linear, llama3");
  }
  scaling.factor = rope.positive("factor");
  if (scaling.rope_type == "dynamic" && c.head_dim < 4) {
    reader.fail("head_dim", std::to_string(c.head_dim), "at least 4 with dynamic rope scaling");
  }
  if (scaling.rope_type == "llama3") {
    read_llama3_scaling(rope, scaling);
    scaling.original_max_position_embeddings = original_positions(reader, rope, c);
  }
  c.rope_scaling = scaling;
}

void read_rope(const ConfigReader& reader, ModelConfig& c) {
  check_complete_heads(reader);
  const std::optional<ConfigReader> rope = rope_parameters(reader);
  c.rope_theta = reader.positive_or("rope_theta", 10000.0);
  if (!rope) {
    if (reader.is_null("rope_theta")) reader.fail("rope_theta", "a number, or no such field");
    return;
  }
  const bool given = rope->has("rope_theta");
  if (rope->is_null("rope_theta") || (!given && reader.is_null("rope_theta")))
    reader.fail("rope_theta", "null", "a number, or no such field");
  c.rope_theta = rope->positive_or("rope_theta", c.rope_theta);
  check_complete_heads(*rope);
  for (const char* nested : {"full_attention", "sliding_attention"})
    if (rope->has(nested)) rope->fail(nested, "parameters for one kind of layer", "the same for all layers");
  read_scaling(reader, *rope, c);
  rope->warn_of_rest("they are not used; check them");
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
    const bool full = types[i] == "full_attention" || types[i] == "attention";
    if (!full && types[i] != "sliding_attention") {
      reader.fail("layer_types", fmt::format("'{}' for layer {}", types[i], i),
                  "'sliding_attention' or 'full_attention'");
    }
    const bool typed = c.architecture == Architecture::gemma2 || c.architecture == Architecture::qwen2;
    if (!typed && full == c.layer_is_sliding[i]) {
      reader.fail("layer_types", fmt::format("'{}' for layer {}", types[i], i),
                  fmt::format("what all layers of a {} with this sliding_window are", c.model_type));
    }
    c.layer_is_sliding[i] = !full;
  }
}

// 0 = none
std::int64_t window_of(const ConfigReader& reader, const ModelConfig& c) {
  if (c.architecture == Architecture::llama) return 0;
  const std::int64_t window =
      reader.is_null("sliding_window") ? 0 : reader.size_or("sliding_window", kMaxPositions, 4096);
  const bool off = c.architecture == Architecture::qwen2 && !reader.boolean_or("use_sliding_window", false);
  return off ? 0 : window;
}

void read_sliding_window(const ConfigReader& reader, ModelConfig& c) {
  c.sliding_window = window_of(reader, c);
  const bool slides = c.sliding_window > 0 || c.architecture == Architecture::gemma2;
  for (std::int64_t i = 0; i < c.num_hidden_layers; ++i)
    c.layer_is_sliding.push_back(sliding_by_default(reader, c, i) && slides);
  if (reader.has("layer_types")) read_layer_types(reader, c);
  const bool any =
      std::find(c.layer_is_sliding.begin(), c.layer_is_sliding.end(), true) != c.layer_is_sliding.end();
  if (any && c.sliding_window == 0)
    reader.fail("sliding_window", "none", "a size, as layer_types has layers of sliding_attention");
}

void read_gemma2(const ConfigReader& reader, ModelConfig& c) {
  c.attn_logit_softcapping =
      reader.is_null("attn_logit_softcapping") ? 0.0 : reader.positive_or("attn_logit_softcapping", 50.0);
  c.query_pre_attn_scalar = static_cast<double>(reader.size_or("query_pre_attn_scalar", kMaxSize, 256));
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
  refuse_fields(reader, c.architecture);
  read_sizes(reader, c);
  check_sizes(reader, c);
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

std::string config_text(const std::filesystem::path& path) {
  check_regular_file(path);
  std::error_code error;
  static_cast<void>(std::filesystem::file_size(path, error));
  if (error) {
    fail_io("{}: {}; a model folder holds config.json, tokenizer.json and safetensors files", path.string(),
            error.message());
  }
  return io::read_text_file(path, kMaxConfigBytes);
}

}  // namespace

ModelConfig ModelConfig::parse(std::string_view json, std::string_view origin,
                               std::span<const std::string_view> read_elsewhere) {
  const Json root = parse_json(json, origin);
  const ConfigReader reader(root, std::string(origin));
  ModelConfig config = read(reader);
  reader.ignore(read_elsewhere);
  warn_of_unknown_fields(reader, config.architecture);
  return config;
}

ModelConfig ModelConfig::load(const std::filesystem::path& folder,
                              std::span<const std::string_view> read_elsewhere) {
  const std::filesystem::path path = folder / "config.json";
  return parse(config_text(path), path.string(), read_elsewhere);
}

ModelConfig ModelConfig::load_again(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "config.json";
  const Json root = parse_json(config_text(path), path.string());
  return read(ConfigReader(root, path.string(), /*warns=*/false));
}

}  // namespace armorm::model
