#include "stages/conversation_encoder.h"

#include "armorm/core/hash.h"
#include "armorm/text/encode_conversation.h"

namespace armorm {

ConversationEncoder::ConversationEncoder(const std::filesystem::path& model_folder, bool allow_special_in_content)
    : tokenizer_(Tokenizer::load(model_folder)),
      template_(ChatTemplate::load(model_folder)),
      template_sha256_(sha256_hex(template_.source())),
      tokenizer_sha256_(sha256_file_hex(model_folder / "tokenizer.json")),
      allow_special_(allow_special_in_content) {
  variables_.special_tokens = tokenizer_.special_tokens();
}

ConversationEncoder::Encoded ConversationEncoder::encode(const Conversation& conversation) const {
  RenderedText rendered = template_.render(conversation, variables_);
  Encoded encoded;
  encoded.special_in_content = tokenizer_.has_special_in_data(rendered);
  if (allow_special_) rendered.data_ranges.clear();
  encoded.tokens = encode_conversation(tokenizer_, rendered);
  return encoded;
}

}  // namespace armorm
