#include "model/model_config.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/file_kind.h"
#include "io/read_file.h"
#include "model/config_fields.h"
#include "model/config_reader.h"
#include "model/rope_config.h"

namespace armorm::model {
namespace {

using model::ConfigReader;
using Json = nlohmann::json;

// Far above any published model, and small enough that the product of two sizes does not overflow.
constexpr std::int64_t kMaxSize = std::int64_t{1} << 24;
constexpr std::int64_t kMaxLayers = 4096;
constexpr std::size_t kMaxConfigBytes = std::uintmax_t{16} << 20;

const ArchitectureFacts& read_architecture(const ConfigReader& reader) {
  const std::string type = reader.required_string("model_type");
  for (const ArchitectureFacts& facts : all_architectures())
    if (facts.model_type == type || (!facts.nested_type.empty() && facts.nested_type == type)) return facts;
  reader.fail("model_type", fmt::format("'{}'", type), "one of " + supported_model_types());
}

void read_sizes(const ConfigReader& reader, ModelConfig& c) {
  const DefaultSizes& sizes = c.facts().sizes;
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
  const bool derived = c.facts().sizes.head_dim == 0 && !reader.has("head_dim");
  if ((derived || c.facts().heads_divide_width) && c.hidden_size % c.num_attention_heads != 0) {
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
  const ArchitectureFacts& facts = c.facts();
  c.hidden_act = reader.string_or(facts.activation_field, facts.activation);
  const auto fail = [&](std::string_view expected) {
    reader.fail(facts.activation_field, fmt::format("'{}'", c.hidden_act), expected);
  };
  if (facts.one_activation) {
    if (c.hidden_act != facts.activation) fail(fmt::format("'{}'", facts.activation));
    return;
  }
  if (c.hidden_act == "swish") c.hidden_act = "silu";  // two names of one function
  if (c.hidden_act != "silu" && c.hidden_act != "gelu_pytorch_tanh")
    fail("'silu', 'swish' or 'gelu_pytorch_tanh'");
}

bool sliding_by_default(const ConfigReader& reader, const ModelConfig& c, std::int64_t layer) {
  switch (c.facts().windows) {
    case WindowedLayers::none:
      return false;
    case WindowedLayers::all:
      return true;
    case WindowedLayers::even:
      return layer % 2 == 0;
    case WindowedLayers::from_max_window_layers:
      return layer >= reader.size_or("max_window_layers", kMaxLayers, 28, 0);
    case WindowedLayers::by_pattern:
      if (reader.is_null("sliding_window_pattern") && !reader.has("layer_types"))
        reader.fail("sliding_window_pattern", "a number, or no such field");
      return (layer + 1) % reader.size_or("sliding_window_pattern", kMaxLayers, 6) != 0;
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
    if (!c.facts().typed_layers && full == c.layer_is_sliding[i]) {
      reader.fail("layer_types", fmt::format("'{}' for layer {}", types[i], i),
                  fmt::format("what all layers of a {} with this sliding_window are", c.model_type));
    }
    c.layer_is_sliding[i] = !full;
  }
}

// 0 = none
std::int64_t window_of(const ConfigReader& reader, const ModelConfig& c) {
  const ArchitectureFacts& facts = c.facts();
  if (facts.windows == WindowedLayers::none) return 0;
  const std::int64_t window = reader.is_null("sliding_window")
                                  ? 0
                                  : reader.size_or("sliding_window", kMaxPositions, facts.default_window);
  const bool off = facts.windows == WindowedLayers::from_max_window_layers &&
                   !reader.boolean_or("use_sliding_window", false);
  return off ? 0 : window;
}

void read_sliding_window(const ConfigReader& reader, ModelConfig& c) {
  c.sliding_window = window_of(reader, c);
  // Their layers are of two kinds, whatever the window is.
  const WindowedLayers windows = c.facts().windows;
  const bool slides =
      c.sliding_window > 0 || windows == WindowedLayers::even || windows == WindowedLayers::by_pattern;
  for (std::int64_t i = 0; i < c.num_hidden_layers; ++i)
    c.layer_is_sliding.push_back(sliding_by_default(reader, c, i) && slides);
  if (reader.has("layer_types")) read_layer_types(reader, c);
  const bool any =
      std::find(c.layer_is_sliding.begin(), c.layer_is_sliding.end(), true) != c.layer_is_sliding.end();
  if (any && c.sliding_window == 0)
    reader.fail("sliding_window", "none", "a size, as layer_types has layers of sliding_attention");
}

void read_scores(const ConfigReader& reader, ModelConfig& c) {
  if (c.facts().caps_scores && !reader.is_null("attn_logit_softcapping"))
    c.attn_logit_softcapping = reader.positive_or("attn_logit_softcapping", 50.0);
  if (c.facts().scales_queries)
    c.query_pre_attn_scalar = static_cast<double>(reader.size_or("query_pre_attn_scalar", kMaxSize, 256));
}

void read_biases(const ConfigReader& reader, ModelConfig& c) {
  const ArchitectureFacts& facts = c.facts();
  const auto given = [&](const char* field, bool fallback) {
    return field != nullptr && reader.boolean_or(field, fallback);
  };
  c.o_bias = given(facts.attention_bias_field, facts.attention_bias);
  c.qkv_bias = facts.qkv_bias || c.o_bias;
  c.mlp_bias = given(facts.mlp_bias_field, false);
}

std::optional<std::int64_t> read_bos(const ConfigReader& reader) {
  if (!reader.has("bos_token_id")) return std::nullopt;
  return reader.size("bos_token_id", kMaxSize, 0);
}

// Of the decoder's own fields.
void read_decoder(const ConfigReader& reader, ModelConfig& c) {
  refuse_fields(reader, c.facts());
  if (reader.has("text_config"))
    reader.fail("text_config", "a configuration within", "the fields of a text model themselves");
  refuse_null_fields(reader, c.facts());
  read_sizes(reader, c);
  check_sizes(reader, c);
  c.rms_norm_eps = reader.positive_or("rms_norm_eps", c.facts().rms_norm_eps);
  read_rope(reader, c);
  read_biases(reader, c);
  read_activation(reader, c);
  read_sliding_window(reader, c);
  read_scores(reader, c);
  c.bos_token_id = read_bos(reader);
  if (c.facts().has_reward_token && reader.has("reward_token_id"))
    c.reward_token_id = reader.size("reward_token_id", kMaxSize, 0);
}

// Of a model with images, whose decoder's fields are in text_config.
void read_nested(const ConfigReader& reader, ModelConfig& c) {
  refuse_fields(reader, c.facts());
  const ConfigReader text = reader.object("text_config");
  const std::string type = text.string_or("model_type", std::string(c.facts().model_type));
  if (type != c.facts().model_type)
    text.fail("model_type", fmt::format("'{}'", type), fmt::format("'{}'", c.facts().model_type));
  read_decoder(text, c);
  const std::optional<std::int64_t> bos = read_bos(reader);
  if (!c.bos_token_id) c.bos_token_id = bos;
  warn_of_unknown_fields(text, c.facts());
  ignore_image_fields(reader);
}

ModelConfig read(const ConfigReader& reader) {
  ModelConfig c;
  c.architecture = read_architecture(reader).architecture;
  c.model_type = reader.required_string("model_type");
  refuse_other_weights(reader);
  if (c.model_type == c.facts().model_type)
    read_decoder(reader, c);
  else
    read_nested(reader, c);
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
  warn_of_unknown_fields(reader, config.facts());
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
