// A folder with a complete ArmoRM: a decoder, its tokenizer, and the trained head, in the layout of the
// released model (RLHFlow/ArmoRM-Llama3-8B-v0.1) and of ModelExport.
//
//   config.json   the decoder's own, and num_objectives (19), gating_temperature (10),
//                 gating_hidden_dim (1024), gating_n_hidden (3);
//                 in our exports also attributes, regression_bias, gating_token_pattern,
//                 bradley_terry_scale where it was taken out of the gate, cpu_kernels with
//                 cpu_kernels_precision where a CPU made the embeddings, and fp8_accumulate for
//                 embeddings of fp8
//   safetensors   model.*, regression_layer.weight [K, D], reward_transform_matrix [K, K],
//                 gating.logit_scale [1], gating.layers.<i>.weight|bias;
//                 regression_layer.bias [K] if regression_bias is set
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gating/reward_head.h"
#include "model/model_config.h"
#include "model/model_folder.h"
#include "text/conversation_encoder.h"

namespace armorm::stages::reward_model {

// Fields of config.json.
constexpr const char* kTemplateDateField = "template_date";
constexpr const char* kScaleField = "bradley_terry_scale";
constexpr const char* kKernelsField = "cpu_kernels";
constexpr const char* kKernelsPrecisionField = "cpu_kernels_precision";
constexpr const char* kAccumulateField = "fp8_accumulate";

// How the embeddings of the training were made; empty where it is not recorded.
struct TrainedKernels {
  std::string kernels;  // of a CPU, and their precision; empty if a GPU made them
  std::string precision;
  std::string fp8_accumulate;  // of fp8; empty if they have another precision
};

struct RewardModel {
  std::filesystem::path folder;
  model::ModelConfig config;
  std::vector<std::string> attributes;  // [K]
  std::vector<text::tokenizer::TokenId> gating_pattern;
  gating::RewardHead head;
  text::ConversationEncoder encoder;
  std::optional<double> bradley_terry_scale;  // margins times it are the logits of the training loss
  TrainedKernels trained_kernels;

  // Tensors may have any float type. data error when the folder is a model without such a head, or when sizes
  // disagree. `template_date`: for a template that inserts today's date; empty = the training date in
  // config.json, else the default.
  static RewardModel load(const model::ModelFolder& folder, bool allow_special_in_content,
                          const std::string& template_date = "");
};

}  // namespace armorm::stages::reward_model
