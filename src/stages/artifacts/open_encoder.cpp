#include "stages/artifacts/open_encoder.h"

#include "core/log.h"

namespace armorm::stages::artifacts {

text::ConversationEncoder open_encoder(const std::filesystem::path& model_folder, std::int64_t vocab_size,
                                       bool allow_special_in_content, const std::string& template_date) {
  text::ConversationEncoder encoder(model_folder, allow_special_in_content, template_date);
  encoder.limit_ids(vocab_size);
  if (!encoder.template_date().empty())
    log::info("{}: the chat template inserts the date; it gets {} instead of today (--template_date)",
              model_folder.string(), encoder.template_date());
  return encoder;
}

}  // namespace armorm::stages::artifacts
