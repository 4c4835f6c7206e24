// The fields of config.json that determine a backbone's arithmetic. Field names are those of transformers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace armorm::model {

enum class Architecture { llama, gemma2, mistral, qwen2 };

struct RopeScaling {
  std::string rope_type = "default";  // default, linear, dynamic, llama3
  double factor = 1.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  std::int64_t original_max_position_embeddings = 0;
};

struct ModelConfig {
  Architecture architecture = Architecture::llama;
  std::string model_type;  // as in the file
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t num_hidden_layers = 0;
  std::int64_t num_attention_heads = 0;
  std::int64_t num_key_value_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t vocab_size = 0;
  std::int64_t max_position_embeddings = 0;
  double rms_norm_eps = 1e-6;
  double rope_theta = 10000.0;
  std::optional<RopeScaling> rope_scaling;
  bool attention_bias = false;
  bool mlp_bias = false;
  std::string hidden_act = "silu";
  std::int64_t sliding_window = 0;      // 0 = none
  std::vector<bool> layer_is_sliding;   // one per layer
  double attn_logit_softcapping = 0.0;  // 0 = none
  double query_pre_attn_scalar = 0.0;   // 0 = head_dim
  std::optional<std::int64_t> bos_token_id;

  // Reads <folder>/config.json as transformers does. data error that names field, found and expected, also
  // for a field whose value would change the arithmetic in a way not supported here; for an unsupported
  // model_type it lists the supported ones. Warns of fields that are not known; those in `read_elsewhere`
  // are.
  static ModelConfig load(const std::filesystem::path& folder,
                          std::span<const std::string_view> read_elsewhere = {});
  static ModelConfig parse(std::string_view json, std::string_view origin,
                           std::span<const std::string_view> read_elsewhere = {});
  // As load() without warnings, for a folder that the process has loaded before.
  static ModelConfig load_again(const std::filesystem::path& folder);
};

}  // namespace armorm::model
