#include "stages/reward_model/exported_template.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "armorm/extraction_options.h"
#include "core/log.h"
#include "model/model_config.h"
#include "stages/artifacts/open_encoder.h"
#include "text/chat_template.h"
#include "text/conversation_encoder.h"

namespace armorm::stages::reward_model {
namespace {

using Ids = std::vector<std::int32_t>;

// A tag that writes the tokens; empty for none.
std::string tag_of(const text::ConversationEncoder& encoder, std::span<const std::int32_t> ids) {
  std::string written;
  for (const std::int32_t id : ids) written += encoder.tokenizer().id_to_token(id).value_or("");
  return written.empty() ? "" : "{{ " + nlohmann::json(written).dump() + " }}";
}

// The tokens of what a template writes.
Ids tokens_of(const text::ChatTemplate& chat_template, const text::tokenizer::Tokenizer& tokenizer,
              const Conversation& conversation) {
  const text::TemplateVariables variables{.special_tokens = tokenizer.special_tokens(), .now = 0};
  return tokenizer.encode(chat_template.render(conversation, variables), false);
}

Ids joined(Ids first, const Ids& second, const Ids& third) {
  first.insert(first.end(), second.begin(), second.end());
  first.insert(first.end(), third.begin(), third.end());
  return first;
}

}  // namespace

std::string exported_template(const model::ModelFolder& model) {
  const std::filesystem::path& folder = artifacts::text_folder(model);
  const model::ModelConfig config = model::ModelConfig::load_again(model.base);
  text::ConversationEncoder encoder(folder, false, kTemplateDate);
  if (config.reward_token_id) encoder.end_with(static_cast<std::int32_t>(*config.reward_token_id));
  const Conversation probe{{"user", "Hello"}, {"assistant", "Good day"}};
  const Ids all = encoder.encode(probe).tokens;
  const Ids written = encoder.encode_as_written(probe);
  if (all == written) return "";
  if (const auto found = std::search(all.begin(), all.end(), written.begin(), written.end());
      found != all.end()) {
    const Ids before(all.begin(), found), after(found + std::ssize(written), all.end());
    const auto own = text::ChatTemplate::load(folder);
    const std::string end =
        after.empty() ? "" : "{% if not add_generation_prompt %}" + tag_of(encoder, after) + "{% endif %}";
    std::string extended = tag_of(encoder, before) + own.source() + end;
    const auto compiled = text::ChatTemplate::compile(extended, "the exported chat template");
    if (tokens_of(compiled, encoder.tokenizer(), probe) ==
        joined(before, tokens_of(own, encoder.tokenizer(), probe), after))
      return extended;
  }
  log::warn(
      "{}: the tokenizer adds tokens that no chat template can write; in transformers, encode what the "
      "export's "
      "template writes with add_special_tokens",
      folder.string());
  return "";
}

}  // namespace armorm::stages::reward_model
