#include "model/architecture.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/error.h"

namespace armorm::model {
namespace {

constexpr const char* kOriginalPositions = "original_max_position_embeddings";

// Fields that are never null.
constexpr const char* kLlamaFields[]{"attention_bias", "hidden_act", "mlp_bias"};
constexpr const char* kGemma2Fields[]{"attention_bias", "head_dim", "hidden_activation",
                                      "num_key_value_heads", "query_pre_attn_scalar"};
constexpr const char* kMistralFields[]{"hidden_act", "num_key_value_heads"};
constexpr const char* kQwen2Fields[]{"hidden_act", "max_window_layers", "use_sliding_window"};
constexpr const char* kQwen3Fields[]{"attention_bias", "head_dim", "hidden_act", "max_window_layers",
                                     "use_sliding_window"};

constexpr const char* kPhi3Fields[]{"head_dim", "hidden_act", kOriginalPositions};
constexpr const char* kGemma3Fields[]{"attention_bias", "head_dim", "hidden_activation",
                                      "num_key_value_heads", "query_pre_attn_scalar"};
constexpr const char* kInternlm2Fields[]{"bias", "hidden_act"};

constexpr std::string_view kPhi3Ropes[]{"default", "longrope"};
constexpr std::string_view kInternlm2Ropes[]{"default", "dynamic", "linear"};

// Read by no version of the architecture, or by its heads and training.
constexpr std::string_view kGemma2Ignored[]{"final_logit_softcapping", "hidden_act"};
constexpr std::string_view kPhi3Ignored[]{"embd_pdrop", "full_attn_mod", "interpolate_factor", "lm_head_bias",
                                          "resid_pdrop"};
constexpr std::string_view kGemma3Ignored[]{"_sliding_window_pattern", "final_logit_softcapping",
                                            "hidden_act"};

constexpr TensorNames kPhi3Names{
    .qkv_rows = QkvRows::blocks, .qkv = "self_attn.qkv_proj", .gate_up = "mlp.gate_up_proj"};
constexpr TensorNames kInternlm2Names{.embedding = "tok_embeddings",
                                      .input_norm = "attention_norm",
                                      .post_attention_norm = "ffn_norm",
                                      .qkv_rows = QkvRows::groups,
                                      .qkv = "attention.wqkv",
                                      .o = "attention.wo",
                                      .gate = "feed_forward.w1",
                                      .up = "feed_forward.w3",
                                      .down = "feed_forward.w2"};

constexpr std::array<ArchitectureFacts, 8> kFacts{{
    {.architecture = Architecture::llama,
     .model_type = "llama",
     .transformers_class = "Llama",
     .sizes = {32000, 4096, 11008, 32, 32, 0, 0, 2048},
     .never_null = kLlamaFields,
     .heads_divide_width = true,
     .attention_bias_field = "attention_bias",
     .mlp_bias_field = "mlp_bias"},
    {.architecture = Architecture::gemma2,
     .model_type = "gemma2",
     .transformers_class = "Gemma2",
     .sizes = {256000, 2304, 9216, 26, 8, 4, 256, 8192},
     .never_null = kGemma2Fields,
     .heads_divide_width = true,
     .norms_add_one = true,
     .norms_of_outputs = true,
     .attention_bias_field = "attention_bias",
     // Folders of the first release also hold hidden_act, which was never used.
     .activation_field = "hidden_activation",
     .activation = "gelu_pytorch_tanh",
     .one_activation = true,
     .scales_embedding = true,
     .caps_scores = true,
     .scales_queries = true,
     .may_see_both_ways = true,
     .windows = WindowedLayers::even,
     .typed_layers = true,
     .ignored = kGemma2Ignored},
    {.architecture = Architecture::mistral,
     .model_type = "mistral",
     .transformers_class = "Mistral",
     .sizes = {32000, 4096, 14336, 32, 32, 8, 0, 131072},
     .never_null = kMistralFields,
     .windows = WindowedLayers::all},
    {.architecture = Architecture::qwen2,
     .model_type = "qwen2",
     .transformers_class = "Qwen2",
     .sizes = {151936, 4096, 22016, 32, 32, 32, 0, 32768},
     .never_null = kQwen2Fields,
     .qkv_bias = true,
     .windows = WindowedLayers::from_max_window_layers,
     .typed_layers = true},
    {.architecture = Architecture::qwen3,
     .model_type = "qwen3",
     .transformers_class = "Qwen3",
     .sizes = {151936, 4096, 22016, 32, 32, 32, 128, 32768},
     .never_null = kQwen3Fields,
     .norms_of_heads = true,
     .attention_bias_field = "attention_bias",
     .windows = WindowedLayers::from_max_window_layers,
     .typed_layers = true},
    {.architecture = Architecture::phi3,
     .model_type = "phi3",
     .transformers_class = "Phi3",
     .sizes = {32064, 3072, 8192, 32, 32, 0, 0, 4096},
     .rms_norm_eps = 1e-5,
     .never_null = kPhi3Fields,
     .windows = WindowedLayers::all,
     .default_window = 0,
     .rope_kinds = kPhi3Ropes,
     .yarn_is_longrope = true,
     .rotates_partially = true,
     .original_positions = 4096,
     .has_published_code = true,
     .ignored = kPhi3Ignored,
     .names = kPhi3Names},
    {.architecture = Architecture::gemma3,
     .model_type = "gemma3_text",
     .nested_type = "gemma3",
     .transformers_class = "Gemma3Text",
     .sizes = {262208, 2304, 9216, 26, 8, 4, 256, 131072},
     .never_null = kGemma3Fields,
     .heads_divide_width = true,
     .norms_add_one = true,
     .norms_of_outputs = true,
     .norms_of_heads = true,
     .attention_bias_field = "attention_bias",
     .activation_field = "hidden_activation",
     .activation = "gelu_pytorch_tanh",
     .one_activation = true,
     .scales_embedding = true,
     .scales_queries = true,
     .may_see_both_ways = true,
     .windows = WindowedLayers::by_pattern,
     .typed_layers = true,
     .rope_by_kind_of_layer = true,
     .ignored = kGemma3Ignored},
    // As the publisher's modeling_internlm2.py computes it.
    {.architecture = Architecture::internlm2,
     .model_type = "internlm2",
     .transformers_class = "Llama",
     .sizes = {103168, 4096, 11008, 32, 32, 0, 0, 2048},
     .never_null = kInternlm2Fields,
     .heads_divide_width = true,
     .attention_bias_field = "bias",
     .attention_bias = true,
     .rope_kinds = kInternlm2Ropes,
     .has_reward_token = true,
     .has_published_code = true,
     .names = kInternlm2Names},
}};

}  // namespace

std::span<const ArchitectureFacts> all_architectures() { return kFacts; }

const ArchitectureFacts& facts_of(Architecture architecture) {
  const auto* found = std::find_if(kFacts.begin(), kFacts.end(), [&](const ArchitectureFacts& facts) {
    return facts.architecture == architecture;
  });
  if (found == kFacts.end()) fail_internal("an architecture without facts");
  return *found;
}

std::string supported_model_types() {
  std::vector<std::string_view> types;
  for (const ArchitectureFacts& facts : kFacts) types.push_back(facts.model_type);
  std::sort(types.begin(), types.end());
  return fmt::format("{}", fmt::join(types, ", "));
}

}  // namespace armorm::model
