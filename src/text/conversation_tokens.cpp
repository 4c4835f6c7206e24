#include "armorm/text/conversation_tokens.h"

namespace armorm {

std::vector<TokenId> encode_conversation(const Tokenizer& tokenizer, const RenderedText& text) {
  std::vector<TokenId> ids = tokenizer.encode(text, true);
  const std::optional<TokenId> bos = tokenizer.bos_id();
  if (bos && ids.size() > 1 && ids[0] == *bos && ids[1] == *bos) ids.erase(ids.begin());
  return ids;
}

}  // namespace armorm
