// What transformers' AutoTokenizer makes of the tokenizer files of a model folder: the class that it chooses
// may replace components of tokenizer.json, and tokenizer_config.json and special_tokens_map.json name and
// add special tokens (transformers 5.23).
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

namespace armorm::text::tokenizer {

struct PretrainedNames {
  // "bos_token" -> "<s>" and so on, with the names of model-specific tokens: what a chat template can refer
  // to.
  std::map<std::string, std::string> named;
  std::unordered_set<std::string> special;  // the named ones and extra_special_tokens
  // chat_control_tokens of tokenizer_config.json: what the template writes as control tokens, if listed
  // there.
  std::optional<std::unordered_set<std::string>> control;
};

// Changes `document`, tokenizer.json's `text` parsed, to what transformers would encode with. data error that
// names the file and the field when a setting is not supported.
PretrainedNames apply_pretrained(const std::filesystem::path& model_folder, std::string_view text,
                                 nlohmann::json& document);

}  // namespace armorm::text::tokenizer
