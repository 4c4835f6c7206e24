// What distinguishes the decoders that can be a backbone, as one row of facts for each architecture: adding a
// family is a row, and its goldens.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace armorm::model {

enum class Architecture { llama, gemma2, mistral, qwen2, qwen3, phi3, gemma3, internlm2 };

// What the configuration class takes for absent fields; 0: derived from others.
struct DefaultSizes {
  std::int64_t vocab_size, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads;
  std::int64_t num_key_value_heads, head_dim, max_position_embeddings;
};

// How the rows of queries, keys and values are stored.
enum class QkvRows {
  separate,  // three tensors
  blocks,    // one, with all queries, then all keys, then all values
  groups,    // one, with the queries of a key's group, the key and the value, for each key
};

// Names of modules: of a layer below "model.layers.<i>.", the others below "model.".
struct TensorNames {
  std::string_view embedding = "embed_tokens";
  std::string_view final_norm = "norm";
  std::string_view input_norm = "input_layernorm";
  std::string_view post_attention_norm = "post_attention_layernorm";
  std::string_view pre_mlp_norm = "pre_feedforward_layernorm";    // with norms_of_outputs
  std::string_view post_mlp_norm = "post_feedforward_layernorm";  // with norms_of_outputs
  std::string_view q_norm = "self_attn.q_norm";                   // with norms_of_heads
  std::string_view k_norm = "self_attn.k_norm";
  QkvRows qkv_rows = QkvRows::separate;
  std::string_view qkv{};  // unless separate
  std::string_view q = "self_attn.q_proj";
  std::string_view k = "self_attn.k_proj";
  std::string_view v = "self_attn.v_proj";
  std::string_view o = "self_attn.o_proj";
  std::string_view gate_up{};  // one tensor with both, instead of the two
  std::string_view gate = "mlp.gate_proj";
  std::string_view up = "mlp.up_proj";
  std::string_view down = "mlp.down_proj";
};

// Which layers have a sliding window, where config.json has no layer_types.
enum class WindowedLayers {
  none,
  all,                     // that the window is null means none
  even,                    // 0, 2, 4...
  from_max_window_layers,  // with use_sliding_window
  by_pattern,              // but each sliding_window_pattern-th
};

inline constexpr std::string_view kRopeKinds[] = {"default", "dynamic",  "linear",
                                                  "llama3",  "longrope", "yarn"};

struct ArchitectureFacts {
  Architecture architecture;
  std::string_view model_type;
  std::string_view nested_type{};  // of a model with images that holds this one in text_config
  // "Llama" of LlamaModel. Of a decoder that transformers lacks: of the one that it is exported as.
  std::string_view transformers_class;
  DefaultSizes sizes;
  double rms_norm_eps = 1e-6;
  std::span<const char* const> never_null;  // fields, besides those of all architectures
  bool heads_divide_width = false;          // hidden_size is a multiple of num_attention_heads

  bool norms_add_one = false;     // a stored weight w means 1 + w
  bool norms_of_outputs = false;  // of attention and MLP, before they are added
  bool norms_of_heads = false;    // of each query and key, before its rotation

  bool qkv_bias = false;                       // always
  const char* attention_bias_field = nullptr;  // of q, k, v and o
  bool attention_bias = false;                 // where the field is absent
  const char* mlp_bias_field = nullptr;

  const char* activation_field = "hidden_act";
  const char* activation = "silu";  // where the field is absent
  bool one_activation = false;      // no other is supported
  bool scales_embedding = false;    // by the root of hidden_size
  bool caps_scores = false;         // reads attn_logit_softcapping
  bool scales_queries = false;      // reads query_pre_attn_scalar
  bool may_see_both_ways = false;   // with use_bidirectional_attention

  WindowedLayers windows = WindowedLayers::none;
  std::int64_t default_window = 4096;
  bool typed_layers = false;  // layer_types decides; elsewhere it has to agree

  std::span<const std::string_view> rope_kinds = kRopeKinds;
  bool yarn_is_longrope = false;        // an older name of it
  bool rope_by_kind_of_layer = false;   // other parameters with a window than without
  bool rotates_partially = false;       // reads partial_rotary_factor
  std::int64_t original_positions = 0;  // where original_max_position_embeddings is absent; 0: as elsewhere
  bool has_reward_token = false;        // reads reward_token_id
  bool has_published_code = false;      // folders bring configuration_*.py and modeling_*.py
  std::span<const std::string_view> ignored{};  // fields that do not matter here

  TensorNames names{};
};

const ArchitectureFacts& facts_of(Architecture architecture);
std::span<const ArchitectureFacts> all_architectures();

// "gemma2, llama, ...", in the order of the alphabet.
std::string supported_model_types();

}  // namespace armorm::model
