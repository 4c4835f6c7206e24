#include "text/gating_pattern.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/strings.h"
#include "core/words.h"

namespace armorm::text {

std::string_view gating_pattern_text(ModelFamily family) {
  if (family == ModelFamily::auto_) fail_internal("the gating pattern of a chat template has no fixed text");
  return family == ModelFamily::llama3 ? "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
                                       : "<end_of_turn>\n<start_of_turn>model\n";
}

std::vector<std::string_view> turn_markers(ModelFamily family) {
  if (family == ModelFamily::llama3) return {"<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"};
  return {"<end_of_turn>", "<start_of_turn>"};
}

std::vector<std::string_view> turn_markers() {
  std::vector<std::string_view> markers = turn_markers(ModelFamily::llama3);
  for (const std::string_view marker : turn_markers(ModelFamily::gemma2)) markers.push_back(marker);
  return markers;
}

std::vector<tokenizer::TokenId> gating_pattern(const tokenizer::Tokenizer& tokenizer, ModelFamily family) {
  std::vector<tokenizer::TokenId> ids = tokenizer.encode(gating_pattern_text(family), false);
  for (const std::string_view token : turn_markers(family)) {
    const auto id = tokenizer.token_to_id(token);
    if (!id || std::find(ids.begin(), ids.end(), *id) == ids.end()) {
      fail_data(
          "tokenizer.json: found no special token {}, which the {} gating pattern needs; check "
          "`model_family` and `model_path`",
          token, name_of(family));
    }
  }
  return ids;
}

std::optional<std::int64_t> find_gating_pattern(std::span<const tokenizer::TokenId> ids,
                                                std::span<const tokenizer::TokenId> pattern) {
  if (pattern.empty()) return std::nullopt;
  const auto found = std::find_end(ids.begin(), ids.end(), pattern.begin(), pattern.end());
  if (found == ids.end()) return std::nullopt;
  return found - ids.begin();
}

std::vector<std::int64_t> gating_pattern_starts(std::span<const tokenizer::TokenId> ids,
                                                std::span<const tokenizer::TokenId> pattern) {
  std::vector<std::int64_t> starts;
  if (pattern.empty()) return starts;
  for (auto at = ids.begin(); (at = std::search(at, ids.end(), pattern.begin(), pattern.end())) != ids.end();
       ++at)
    starts.push_back(at - ids.begin());
  return starts;
}

std::string describe_pattern(const tokenizer::Tokenizer& tokenizer,
                             const std::vector<tokenizer::TokenId>& pattern) {
  return fmt::format("'{}' ({})", shown(tokenizer.decode(pattern)), fmt::join(pattern, ", "));
}

}  // namespace armorm::text
