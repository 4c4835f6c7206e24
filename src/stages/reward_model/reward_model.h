// A folder that holds a whole ArmoRM: a decoder, its tokenizer, and the trained head, laid out as the
// released model (RLHFlow/ArmoRM-Llama3-8B-v0.1) and as ModelExport writes it.
//
//   config.json   the decoder's own, and num_objectives (19), gating_temperature (10), gating_hidden_dim
//   (1024),
//                 gating_n_hidden (3); in our exports also attributes, regression_bias, gating_token_pattern
//   safetensors   model.*, regression_layer.weight [K, D], reward_transform_matrix [K, K], gating.logit_scale
//   [1],
//                 gating.layers.<i>.weight|bias; regression_layer.bias [K] where regression_bias says so
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "gating/reward_head.h"
#include "model/model_config.h"
#include "text/conversation_encoder.h"

namespace armorm {

constexpr const char* kTemplateDateField = "template_date";  // of config.json

struct RewardModel {
  std::filesystem::path folder;
  ModelConfig config;
  std::vector<std::string> attributes;  // [K]
  std::vector<TokenId> gating_pattern;
  RewardHead head;
  ConversationEncoder encoder;

  // Tensors of any float type. data error when the folder is a model without such a head, or when sizes
  // disagree.
  // `template_date`: for a template that reads the clock; empty = the one that config.json says it was
  // trained with, else the default.
  static RewardModel load(const std::filesystem::path& folder, bool allow_special_in_content,
                          const std::string& template_date = "");
};

}  // namespace armorm
