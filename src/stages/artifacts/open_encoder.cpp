#include "stages/artifacts/open_encoder.h"

#include "core/error.h"
#include "core/log.h"
#include "model/adapter_config.h"
#include "text/template_probe.h"

namespace armorm::stages::artifacts {
namespace fs = std::filesystem;
namespace {

fs::path base_of_adapter(const fs::path& folder, const StopRequested& stop) {
  const model::AdapterConfig config = model::AdapterConfig::load(folder);
  const std::string where = (folder / model::kAdapterConfig).string();
  if (config.base_model().empty())
    fail_data(
        "{}: field 'base_model_name_or_path': found nothing, expected the folder or Hub id of the base model",
        where);
  if (!config.base_revision().empty())
    log::warn("{}: field 'revision' ('{}') is ignored, as in transformers: the base model is {}", where,
              config.base_revision(), config.base_model());
  log::info("{}: a LoRA adapter of {}", folder.string(), config.base_model());
  fs::path base = hub::resolve_model(config.base_model(), stop);
  if (fs::exists(base / model::kAdapterConfig))
    fail_data("{}: field 'base_model_name_or_path': found {}, which is an adapter itself; merge it first",
              where, config.base_model());
  return base;
}

}  // namespace

model::ModelFolder open_model_folder(const std::string& path_or_id, const StopRequested& stop) {
  const fs::path folder = hub::resolve_model(path_or_id, stop);
  if (!fs::exists(folder / model::kAdapterConfig)) return folder;
  if (fs::exists(path_or_id) && fs::exists(folder / "config.json")) {
    log::info("{}: the LoRA adapter is merged into the weights of the same folder", folder.string());
    return folder;
  }
  return {folder, base_of_adapter(folder, stop)};
}

const fs::path& text_folder(const model::ModelFolder& model) {
  return fs::exists(model.folder / "tokenizer.json") ? model.folder : model.base;
}

text::ConversationEncoder open_encoder(const model::ModelFolder& model, const model::ModelConfig& config,
                                       bool allow_special_in_content, const std::string& template_date) {
  text::ConversationEncoder encoder(text_folder(model), allow_special_in_content, template_date);
  encoder.limit_ids(config.vocab_size);
  if (config.reward_token_id)
    encoder.end_with(static_cast<text::tokenizer::TokenId>(*config.reward_token_id));
  if (text::leaves_out_system_messages(encoder))
    log::warn(
        "{}: the chat template leaves system messages out of a conversation that ends with an answer: the "
        "model does not read them",
        model.folder.string());
  if (!encoder.template_date().empty())
    log::info("{}: the chat template inserts the date; it gets {} instead of today (--template_date)",
              model.folder.string(), encoder.template_date());
  return encoder;
}

}  // namespace armorm::stages::artifacts
