#include "model/config_fields.h"

#include <array>
#include <span>

namespace armorm::model {
namespace {

// Written by transformers, and by training and serving programs, of every version; they describe the file,
// the tokenizer, the heads, training, text generation or the choice among equivalent kernels.
constexpr std::array<std::string_view, 86> kHarmless{"_attn_implementation",
                                                     "_attn_implementation_autoset",
                                                     "_attn_implementation_internal",
                                                     "_commit_hash",
                                                     "_experts_implementation",
                                                     "_flash_attn_2_enabled",
                                                     "_name_or_path",
                                                     "architectures",
                                                     "assistant_confidence_threshold",
                                                     "assistant_lookbehind",
                                                     "attention_dropout",
                                                     "attn_implementation",
                                                     "bad_words_ids",
                                                     "begin_suppress_tokens",
                                                     "cache_implementation",
                                                     "chunk_size_feed_forward",
                                                     "classifier_dropout",
                                                     "decoder_start_token_id",
                                                     "diversity_penalty",
                                                     "do_sample",
                                                     "dtype",
                                                     "early_stopping",
                                                     "encoder_no_repeat_ngram_size",
                                                     "encoder_repetition_penalty",
                                                     "eos_token_id",
                                                     "epsilon_cutoff",
                                                     "eta_cutoff",
                                                     "experts_implementation",
                                                     "exponential_decay_length_penalty",
                                                     "finetuning_task",
                                                     "forced_bos_token_id",
                                                     "forced_eos_token_id",
                                                     "id2label",
                                                     "initializer_range",
                                                     "is_decoder",
                                                     "is_encoder_decoder",
                                                     "label2id",
                                                     "length_penalty",
                                                     "max_length",
                                                     "min_length",
                                                     "name_or_path",
                                                     "no_repeat_ngram_size",
                                                     "num_assistant_tokens",
                                                     "num_assistant_tokens_schedule",
                                                     "num_beam_groups",
                                                     "num_beams",
                                                     "num_labels",
                                                     "num_quantiles",
                                                     "num_return_sequences",
                                                     "output_attentions",
                                                     "output_hidden_states",
                                                     "output_scores",
                                                     "pad_token_id",
                                                     "prefix",
                                                     "pretraining_tp",
                                                     "problem_type",
                                                     "remove_invalid_values",
                                                     "repetition_penalty",
                                                     "return_dict",
                                                     "return_dict_in_generate",
                                                     "sep_token_id",
                                                     "seq_length",
                                                     "suppress_tokens",
                                                     "target_lookbehind",
                                                     "task_specific_params",
                                                     "temperature",
                                                     "tf_legacy_loss",
                                                     "tie_encoder_decoder",
                                                     "tie_last_hidden_states",
                                                     "tie_word_embeddings",
                                                     "tokenizer_class",
                                                     "top_k",
                                                     "top_p",
                                                     "torch_dtype",
                                                     "torchscript",
                                                     "transformers_version",
                                                     "typical_p",
                                                     "unk_token_id",
                                                     "unsloth_fixed",
                                                     "unsloth_version",
                                                     "use_bfloat16",
                                                     "use_cache",
                                                     "use_return_dict",
                                                     "vhead_layer_type",
                                                     "vhead_num_layers",
                                                     "vhead_num_neurons"};

// Fields of sibling architectures, which transformers does not read here. Folders often carry them unset.
constexpr std::array<std::string_view, 16> kUnsetElsewhere{"add_cross_attention",
                                                           "attention_bias",
                                                           "attn_logit_softcapping",
                                                           "cross_attention_hidden_size",
                                                           "layer_types",
                                                           "mlp_bias",
                                                           "partial_rotary_factor",
                                                           "per_layer_config",
                                                           "quantization_config",
                                                           "rope_parameters",
                                                           "rope_scaling",
                                                           "sliding_window",
                                                           "transformers_weights",
                                                           "use_bidirectional_attention",
                                                           "use_mrope",
                                                           "use_sliding_window"};

// Heads and tokenizers; none of them is used, as the backbone is.
constexpr std::array<std::string_view, 6> kCodeOfHeads{"AutoModelForCausalLM",
                                                       "AutoModelForQuestionAnswering",
                                                       "AutoModelForSequenceClassification",
                                                       "AutoModelForTokenClassification",
                                                       "AutoProcessor",
                                                       "AutoTokenizer"};

// Null is no value of these in transformers, of any architecture.
constexpr std::array<const char*, 7> kNeverNull{
    "hidden_size",         "intermediate_size", "max_position_embeddings",
    "num_attention_heads", "num_hidden_layers", "rms_norm_eps",
    "vocab_size"};

void refuse_null(const ConfigReader& reader, std::span<const char* const> fields) {
  for (const char* field : fields)
    if (reader.is_null(field)) reader.fail(field, "a value, or no such field");
}

// The publisher's code of an architecture computes what its facts say; a folder can have other code.
void check_published_code(const ConfigReader& code, const ArchitectureFacts& facts) {
  const std::string type(facts.model_type);
  for (const char* field : {"AutoConfig", "AutoModel"}) {
    const std::string name = code.string_or(field, "");
    if (!name.empty() && !name.starts_with("configuration_" + type + ".") &&
        !name.starts_with("modeling_" + type + "."))
      code.warn(field, "is not run; the model is computed as the publisher's code does");
  }
}

}  // namespace

void refuse_null_fields(const ConfigReader& reader, const ArchitectureFacts& facts) {
  refuse_null(reader, kNeverNull);
  refuse_null(reader, facts.never_null);
}

void ignore_image_fields(const ConfigReader& reader) {
  constexpr std::array<std::string_view, 9> kFields{
      "boi_token_index", "boi_token_id",        "eoi_token_index", "eoi_token_id",   "image_token_index",
      "image_token_id",  "mm_tokens_per_image", "vision_config",   "processor_class"};
  reader.ignore(kFields);
}

void refuse_fields(const ConfigReader& reader, const ArchitectureFacts& facts) {
  for (const char* field : {"quantization_config", "compression_config"}) {
    if (reader.has(field))
      reader.fail(field, "quantised weights",
                  "none; use the folder of the bfloat16, float16 or float32 model");
  }
  if (reader.is_null("is_causal") || !reader.boolean_or("is_causal", true))
    reader.fail("is_causal", "true, as only causal decoders are supported");
  if (facts.may_see_both_ways && reader.boolean_or("use_bidirectional_attention", false))
    reader.fail("use_bidirectional_attention", "true", "false, as only causal decoders are supported");
  if (reader.has("per_layer_config") && !reader.object("per_layer_config").empty())
    reader.fail("per_layer_config", "none, as all layers have one configuration here");
}

void refuse_other_weights(const ConfigReader& reader) {
  if (reader.has("transformers_weights"))
    reader.fail("transformers_weights", "none; name the weight file model.safetensors");
}

void warn_of_unknown_fields(const ConfigReader& reader, const ArchitectureFacts& facts) {
  reader.ignore(facts.ignored);
  if (reader.has("auto_map")) {
    const ConfigReader code = reader.object("auto_map");
    code.ignore(kCodeOfHeads);
    if (facts.has_published_code) check_published_code(code, facts);
    code.warn_of_rest(
        "the folder's own code is not run; the model is computed as transformers' own class does");
  }
  reader.ignore(kHarmless);
  reader.ignore_unset(kUnsetElsewhere);
  reader.warn_of_rest("they are not used; check that they do not change what the model computes");
}

}  // namespace armorm::model
