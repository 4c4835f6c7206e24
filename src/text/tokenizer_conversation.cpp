#include <algorithm>

#include "text/encode_conversation.h"

namespace armorm {

std::vector<TokenId> encode_conversation(const Tokenizer& tokenizer, const RenderedText& text) {
  std::vector<TokenId> ids = tokenizer.encode(text, true);
  const auto bos = tokenizer.bos_id();
  if (!bos) return ids;
  const auto first_other = std::find_if(ids.begin(), ids.end(), [&](TokenId id) { return id != *bos; });
  if (first_other - ids.begin() > 1) ids.erase(ids.begin() + 1, first_other);
  if (first_other == ids.begin() && tokenizer.add_bos_token().value_or(false)) ids.insert(ids.begin(), *bos);
  return ids;
}

}  // namespace armorm
