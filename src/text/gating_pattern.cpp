#include "armorm/text/gating_pattern.h"

#include <algorithm>
#include <string>

#include "armorm/core/error.h"

namespace armorm {
namespace {

struct Family {
  std::string_view name;
  std::string_view text;
  std::vector<std::string_view> special_tokens;
};

const std::vector<Family>& families() {
  static const std::vector<Family> all{
      {"llama3", "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
       {"<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"}},
      {"gemma2", "<end_of_turn>\n<start_of_turn>model\n", {"<end_of_turn>", "<start_of_turn>"}}};
  return all;
}

}  // namespace

std::vector<TokenId> gating_pattern(const Tokenizer& tokenizer, std::string_view model_family) {
  const auto family = std::find_if(families().begin(), families().end(), [&](const Family& f) { return f.name == model_family; });
  if (family == families().end()) fail_usage("--model_family: '{}' is unknown; use llama3 or gemma2", model_family);
  for (const std::string_view token : family->special_tokens)
    if (!tokenizer.token_to_id(token))
      fail_data("tokenizer.json: the vocabulary lacks '{}', which marks the turns of model family {}; check --model_family",
                token, model_family);
  return tokenizer.encode(family->text, false);
}

std::optional<std::int64_t> find_last_pattern(std::span<const TokenId> tokens, std::span<const TokenId> pattern) {
  if (pattern.empty()) return std::nullopt;
  const auto found = std::find_end(tokens.begin(), tokens.end(), pattern.begin(), pattern.end());
  if (found == tokens.end()) return std::nullopt;
  return found - tokens.begin();
}

}  // namespace armorm
