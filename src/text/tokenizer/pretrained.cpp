#include "text/tokenizer/pretrained.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "core/accounting.h"
#include "core/error.h"
#include "io/read_file.h"
#include "text/tokenizer/json_view.h"
#include "text/tokenizer/rebuild.h"

namespace armorm::text::tokenizer {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 7> kNames{"bos_token", "eos_token", "unk_token", "sep_token",
                                                 "pad_token", "cls_token", "mask_token"};

// Fields of tokenizer_config.json that change no ids of a conversation. With a tokenizer.json, transformers
// drops add_bos_token and add_eos_token.
constexpr std::string_view kHarmless[] = {"add_bos_token",
                                          "add_eos_token",
                                          "auto_map",
                                          "backend",
                                          "chat_template",
                                          "clean_up_tokenization_spaces",
                                          "do_lower_case",
                                          "errors",
                                          "extra_ids",
                                          "fast_tokenizer_files",
                                          "image_processor_type",
                                          "init_inputs",
                                          "is_local",
                                          "local_files_only",
                                          "max_len",
                                          "max_length",
                                          "model_input_names",
                                          "model_max_length",
                                          "name_or_path",
                                          "pad_to_multiple_of",
                                          "pad_token_type_id",
                                          "padding",
                                          "padding_side",
                                          "processor_class",
                                          "response_schema",
                                          "response_template",
                                          "return_token_type_ids",
                                          "sp_model_kwargs",
                                          "spaces_between_special_tokens",
                                          "special_tokens_map_file",
                                          "stride",
                                          "tokenizer_file",
                                          "tokenizer_type",
                                          "transformers_version",
                                          "trim_offsets",
                                          "truncation",
                                          "truncation_side",
                                          "truncation_strategy",
                                          "unk_id",
                                          "use_default_system_prompt",
                                          "use_fast",
                                          "verbose",
                                          "vocab_file",
                                          "merges_file",
                                          "legacy"};
constexpr std::string_view kUsed[] = {
    "added_tokens_decoder",
    "additional_special_tokens",
    "add_prefix_space",
    "chat_control_tokens",
    "extra_special_tokens",
    "fix_mistral_regex",
    "split_special_tokens",
    "tokenizer_class",
    "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output"};

json read_object(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return nullptr;
  const std::string origin = file.string();
  json document = parse_json(io::read_text_file(file), origin);
  JsonView(document, origin, "").object();
  return document;
}

const json* find(const json& object, std::string_view key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

// Objects of tokenizer_config.json are tokens only with this mark; those of special_tokens_map.json need
// none.
bool is_marked(const json& value) {
  const json* type = value.is_object() ? find(value, "__type") : nullptr;
  return type != nullptr && *type == "AddedToken";
}

bool is_token(const json& value) {
  return value.is_string() || (is_marked(value) && value.contains("content"));
}

// A token of the configuration in the form of added_tokens of tokenizer.json.
class TokenReader {
 public:
  TokenReader(const json& value, const std::string& origin, const std::string& path)
      : view_(value, origin, path) {}
  json read() const {
    if (view_.raw().is_object() && !is_marked(view_.raw()))
      view_.fail("an object without \"__type\": \"AddedToken\"", "a string or an object with it");
    return read_any();
  }
  json read_any() const {
    json token = {{"id", 0U}};  // ids follow from the order
    if (view_.raw().is_string()) {
      token["content"] = view_.raw();
      token["special"] = true;
      return token;
    }
    token["content"] = view_.object().at("content").string();
    view_.account({"content", "single_word", "lstrip", "rstrip", "normalized", "special", "__type", "id"});
    for (const char* flag : {"single_word", "lstrip", "rstrip", "normalized", "special"})
      if (view_.raw().contains(flag)) token[flag] = view_.at(flag).boolean();
    return token;
  }

 private:
  JsonView view_;
};

std::string content_of(const json& token) { return token.at("content").get<std::string>(); }

bool is_name(std::string_view key) { return std::find(kNames.begin(), kNames.end(), key) != kNames.end(); }

// What transformers checks or cannot do without, although it changes no ids.
void check_harmless(const json& config, const std::string& origin) {
  const JsonView root(config, origin, "");
  for (const char* key : {"padding_side", "truncation_side"})
    if (const json* side = find(config, key); side != nullptr && *side != "left" && *side != "right")
      root.at(key).fail(side->dump(), "\"left\" or \"right\"");
  if (const json* length = find(config, "model_max_length"))
    if (length->is_string() || length->is_structured())
      root.at("model_max_length").fail(length->type_name(), "a number");
  for (const char* key : {"model_input_names", "fast_tokenizer_files", "init_inputs"})
    if (const json* names = find(config, key);
        names != nullptr && !names->is_structured() && !names->is_string())
      root.at(key).fail(names->type_name(), "an array");
  if (config.contains("auto_map")) root.at("auto_map").object();
  if (config.contains("split_special_tokens")) root.at("split_special_tokens").boolean();
  if (const json* name = find(config, "tokenizer_class"); name != nullptr && !name->is_null())
    root.at("tokenizer_class").string();
  if (config.contains("add_special_tokens"))
    root.at("add_special_tokens").unsupported("this field, with which transformers makes no tokenizer,");
}

void account(const json& config, const std::string& origin) {
  Accounting fields(origin, "field");
  fields.ignore(kHarmless);
  for (const std::string_view name : kUsed) fields.use(name);
  for (const auto& [key, value] : config.items())
    if (!key.ends_with("_token") || !(is_token(value) || value.is_null() || is_name(key))) fields.give(key);
  fields.warn_of_rest("transformers' tokenizers do not read them either, as far as this program knows");
}

// The keyword arguments that transformers' from_pretrained() collects for the class's constructor.
class Arguments {
 public:
  Arguments(const std::filesystem::path& folder, const json& document)
      : folder_(folder), origin_((folder / "tokenizer_config.json").string()) {
    config_ = read_object(folder / "tokenizer_config.json");
    if (config_.is_null()) config_ = json::object();
    check_harmless(config_, origin_);
    account(config_, origin_);
    rename_additional();
    take_model_specific();
    if (const json* decoder = find(config_, "added_tokens_decoder"))
      read_decoder(*decoder);
    else
      read_legacy_files(document);
    collect_names();
  }

  const json& config() const { return config_; }
  const std::string& origin() const { return origin_; }
  void set_default(const std::string& name, std::string_view content) {
    if (!config_.contains(name)) named_.emplace(name, TokenReader(json(content), origin_, name).read());
  }

  const std::map<std::string, json>& named() const { return named_; }
  const std::vector<json>& extra() const { return extra_; }

  // The tokens that the constructor adds, after `known` ones: those of added_tokens_decoder, then special
  // ones that are not among them.
  std::vector<json> to_add(std::unordered_set<std::string> known) const {
    std::vector<json> tokens;
    for (const auto& [id, token] : decoder_) {
      tokens.push_back(token);
      known.insert(content_of(token));
    }
    const auto add = [&](const json& token) {
      if (!content_of(token).empty() && known.insert(content_of(token)).second) tokens.push_back(token);
    };
    for (const std::string_view name : kNames)
      if (const auto found = named_.find(std::string(name)); found != named_.end()) add(found->second);
    for (const auto& [name, token] : named_) add(token);
    std::unordered_set<std::string> names;
    for (const auto& [name, token] : named_) names.insert(content_of(token));
    for (const json& token : extra_) add(token);
    for (json& token : tokens)
      if (names.contains(content_of(token))) token["special"] = true;
    return tokens;
  }

 private:
  static bool truthy(const json* value) { return value != nullptr && !value->is_null() && !value->empty(); }

  // additional_special_tokens is the old name of extra_special_tokens.
  void rename_additional() {
    if (!config_.contains("additional_special_tokens") || truthy(find(config_, "extra_special_tokens")))
      return;
    config_["extra_special_tokens"] = config_["additional_special_tokens"];
    config_.erase("additional_special_tokens");
  }

  void take_extra_mapping() {
    const json* extra = find(config_, "extra_special_tokens");
    if (extra == nullptr || !extra->is_object()) return;
    for (const auto& [name, value] : extra->items())
      specific_[name] = TokenReader(value, origin_, "extra_special_tokens." + name).read();
    config_.erase("extra_special_tokens");
  }

  void take_model_specific() {
    for (const auto& [key, value] : config_.items()) {
      if (key.ends_with("_token") && !is_name(key) && is_token(value))
        specific_[key] = TokenReader(value, origin_, key).read();
    }
    take_extra_mapping();
  }

  void read_decoder(const json& decoder) {
    const JsonView view = JsonView(decoder, origin_, "added_tokens_decoder").object();
    for (const auto& [key, value] : decoder.items()) {
      if (key.empty() || key.size() > 9 || key.find_first_not_of("0123456789") != std::string::npos)
        view.fail("the key \"" + key + "\"", "token ids");
      keep(std::stol(key),
           TokenReader(view.at(key.c_str()).object().raw(), origin_, view.path() + "." + key).read_any());
    }
  }

  void keep(long id, json token) {
    by_content_[content_of(token)] = token;
    decoder_[id] = std::move(token);
  }

  void read_legacy_files(const json& document) {
    const json map = read_object(folder_ / "special_tokens_map.json");
    if (map.is_object()) merge_map(map, (folder_ / "special_tokens_map.json").string());
    read_added_tokens_file();
    const json* added = find(document, "added_tokens");
    if (added == nullptr || !added->is_array()) return;
    for (const json& token : *added) {
      const json* id = token.is_object() ? find(token, "id") : nullptr;
      if (id == nullptr || !id->is_number_unsigned() || !token.contains("content"))
        return;  // refused where it is read
      // They are in the tokenizer already, or are added again where the class rebuilds it.
      keep(static_cast<long>(id->get<std::uint32_t>()), token);
    }
  }

  void merge_map(const json& map, const std::string& origin) {
    for (const auto& [key, value] : map.items()) {
      if (key == "add_bos_token" || key == "add_eos_token")
        JsonView(map, origin, key).unsupported("this field, which belongs in tokenizer_config.json,");
      if (value.is_object() && key != "extra_special_tokens") {
        json token = TokenReader(value, origin, key).read_any();
        token["special"] = true;
        config_[key] = marked(std::move(token));
      } else if (key == "extra_special_tokens" && value.is_array()) {
        merge_extra(JsonView(value, origin, key));
      } else {
        config_[key] = value;
      }
    }
    take_extra_mapping();
  }

  static json marked(json token) {
    token["__type"] = "AddedToken";
    return token;
  }

  void merge_extra(const JsonView& list) {
    json merged = json::array();
    if (truthy(find(config_, "extra_special_tokens"))) merged = config_["extra_special_tokens"];
    for (std::size_t i = 0; i < list.size(); ++i) {
      const JsonView item = list.at(i);
      if (item.raw().is_object() && item.raw().contains("special"))
        item.fail("the field special", "none here, as transformers refuses it");
      json token = item.raw().is_object() ? marked(item.raw()) : item.raw();
      if (std::find(merged.begin(), merged.end(), token) == merged.end()) merged.push_back(std::move(token));
    }
    config_["extra_special_tokens"] = std::move(merged);
  }

  // Written by old versions: content -> id.
  void read_added_tokens_file() {
    const json added = read_object(folder_ / "added_tokens.json");
    if (!added.is_object()) return;
    std::unordered_set<std::string> specials;
    for (const std::string_view name : kNames) {
      const json* value = find(config_, name);
      if (value != nullptr && is_token(*value))
        specials.insert(value->is_string() ? value->get<std::string>() : content_of(*value));
    }
    for (const json& token : list_of("extra_special_tokens")) specials.insert(content_of(token));
    const std::string origin = (folder_ / "added_tokens.json").string();
    const JsonView view(added, origin, "");
    for (const auto& [content, id] : added.items()) {
      const bool special = specials.contains(content);
      keep(view.at(content.c_str()).id(),
           {{"id", 0U}, {"content", content}, {"special", special}, {"normalized", !special}});
    }
  }

  std::vector<json> list_of(const char* key) const {
    const json* list = find(config_, key);
    std::vector<json> tokens;
    if (list == nullptr || list->is_null()) return tokens;
    const JsonView view = JsonView(*list, origin_, key).array();
    for (std::size_t i = 0; i < view.size(); ++i)
      tokens.push_back(TokenReader(view.at(i).raw(), origin_, view.at(i).path()).read());
    return tokens;
  }

  void collect_names() {
    if (config_.contains("additional_special_tokens") && !config_.contains("extra_special_tokens")) {
      config_["extra_special_tokens"] = config_["additional_special_tokens"];
      take_extra_mapping();
    }
    extra_ = list_of("extra_special_tokens");
    for (const std::string_view name : kNames) {
      const json* value = find(config_, name);
      if (value == nullptr || value->is_null()) continue;
      json token = TokenReader(*value, origin_, std::string(name)).read();
      const auto known = by_content_.find(content_of(token));
      named_[std::string(name)] = known == by_content_.end() ? std::move(token) : known->second;
    }
    for (const auto& [key, value] : config_.items()) {
      if (key.ends_with("_token") && !named_.contains(key) && is_token(value))
        named_[key] = TokenReader(value, origin_, key).read();
    }
    for (const auto& [key, token] : specific_) named_[key] = token;
  }

  std::filesystem::path folder_;
  std::string origin_;
  json config_;
  std::map<std::string, json> specific_;
  std::map<long, json> decoder_;  // added_tokens_decoder, or what stands for it
  std::map<std::string, json> by_content_;
  std::map<std::string, json> named_;
  std::vector<json> extra_;
};

void refuse_unsupported(const Arguments& arguments, const json& document) {
  const JsonView config(arguments.config(), arguments.origin(), "");
  if (config.optional_boolean("split_special_tokens", false))
    fail_data(
        "{}: split_special_tokens is true: transformers would then encode the template's own special tokens "
        "as text; set it to false",
        arguments.origin());
  const json* model = find(document, "model");
  const json* vocab = model != nullptr && model->is_object() ? find(*model, "vocab") : nullptr;
  if (config.optional_boolean("fix_mistral_regex", false) && vocab != nullptr && vocab->size() > 100000)
    fail_data(
        "{}: fix_mistral_regex is true, which is not supported: save the folder's tokenizer with "
        "transformers, so that tokenizer.json holds the corrected pattern, and remove the field",
        arguments.origin());
}

void set_defaults(TokenizerClass kind, Arguments& arguments) {
  for (const auto& [name, content] : default_tokens(kind)) arguments.set_default(name, content);
}

Prefix prefix_of(const Arguments& arguments, TokenizerClass kind) {
  const JsonView config(arguments.config(), arguments.origin(), "");
  if (!config.optional_boolean("add_prefix_space", kind == TokenizerClass::llama)) return Prefix::never;
  return config.optional_boolean("legacy", false) ? Prefix::always : Prefix::first;
}

// Empty where none is declared; the empty name is that of a class that does not exist.
std::optional<std::string> class_name(const json& config, const json& model_config) {
  for (const json* source : {&config, &model_config}) {
    const json* name = source->is_object() ? find(*source, "tokenizer_class") : nullptr;
    if (name != nullptr && name->is_string()) return name->get<std::string>();
  }
  return std::nullopt;
}

std::string model_type(const json& model_config) {
  const json* type = model_config.is_object() ? find(model_config, "model_type") : nullptr;
  return type != nullptr && type->is_string() ? type->get<std::string>() : std::string();
}

std::unordered_set<std::string> contents_of(const json& document) {
  std::unordered_set<std::string> contents;
  const json* added = find(document, "added_tokens");
  if (added == nullptr || !added->is_array()) return contents;
  for (const json& token : *added)
    if (token.is_object() && token.contains("content") && token["content"].is_string())
      contents.insert(content_of(token));
  return contents;
}

void append_tokens(const Arguments& arguments, json& document) {
  json& added = document["added_tokens"];
  if (added.is_null()) added = json::array();
  if (!added.is_array()) return;  // refused where it is read
  for (json& token : arguments.to_add(contents_of(document))) added.push_back(std::move(token));
}

}  // namespace

PretrainedNames apply_pretrained(const std::filesystem::path& model_folder, std::string_view text,
                                 json& document) {
  Arguments arguments(model_folder, document);
  refuse_unsupported(arguments, document);
  const json model_config = read_object(model_folder / "config.json");
  const TokenizerClass kind =
      choose_class(class_name(arguments.config(), model_config), model_type(model_config),
                   text.find("\"ByteLevel\"") != std::string_view::npos, arguments.origin());
  set_defaults(kind, arguments);
  rebuild(kind, prefix_of(arguments, kind), arguments.named(), document);
  append_tokens(arguments, document);
  PretrainedNames names;
  for (const auto& [name, token] : arguments.named()) {
    names.named[name] = content_of(token);
    names.special.insert(content_of(token));
  }
  for (const json& token : arguments.extra()) names.special.insert(content_of(token));
  if (const json* control = find(arguments.config(), "chat_control_tokens");
      control != nullptr && !control->is_null()) {
    const JsonView list = JsonView(*control, arguments.origin(), "chat_control_tokens").array();
    names.control.emplace();
    for (std::size_t i = 0; i < list.size(); ++i) names.control->insert(list.at(i).string());
  }
  return names;
}

}  // namespace armorm::text::tokenizer
