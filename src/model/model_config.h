// The fields of config.json that determine a backbone's arithmetic. Field names are those of transformers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/architecture.h"

namespace armorm::model {

// Far above any published model, and small enough that the product of two sizes does not overflow.
inline constexpr std::int64_t kMaxPositions = std::int64_t{1} << 31;

struct RopeScaling {
  std::string rope_type = "default";  // default, linear, dynamic, llama3, yarn, longrope
  double factor = 1.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  bool truncate = true;
  double attention_factor = 1.0;     // of cosines and sines
  std::vector<double> short_factor;  // [rotary_dim / 2]: in sequences up to the original length
  std::vector<double> long_factor;   // in longer ones
  std::int64_t original_max_position_embeddings = 0;

  // The same token has other keys in a sequence of another length.
  bool depends_on_length() const { return rope_type == "dynamic" || rope_type == "longrope"; }
};

struct RopeParameters {
  double theta = 10000.0;
  std::optional<RopeScaling> scaling;
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
  std::int64_t rotary_dim = 0;  // the first elements of a head that are rotated; even
  double rope_theta = 10000.0;
  std::optional<RopeScaling> rope_scaling;
  std::optional<RopeParameters> sliding_rope;  // of the layers with a window, where it is another
  bool qkv_bias = false;
  bool o_bias = false;
  bool mlp_bias = false;
  std::string hidden_act = "silu";
  std::int64_t sliding_window = 0;      // 0 = none
  std::vector<bool> layer_is_sliding;   // one per layer
  double attn_logit_softcapping = 0.0;  // 0 = none
  double query_pre_attn_scalar = 0.0;   // 0 = head_dim
  std::optional<std::int64_t> bos_token_id;
  std::optional<std::int64_t> reward_token_id;  // ends every conversation of a published reward model

  const ArchitectureFacts& facts() const { return facts_of(architecture); }

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
