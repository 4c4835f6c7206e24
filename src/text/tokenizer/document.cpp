#include "text/tokenizer/document.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "core/accounting.h"
#include "text/tokenizer/json_view.h"

namespace armorm::text::tokenizer {
namespace {

constexpr std::string_view kFields[] = {"version",        "truncation", "padding",
                                        "added_tokens",   "normalizer", "pre_tokenizer",
                                        "post_processor", "decoder",    "model"};

void check_choice(const JsonView& view, const char* key, std::initializer_list<std::string_view> choices) {
  const JsonView value = view.at(key);
  const std::string& name = value.string();
  if (std::find(choices.begin(), choices.end(), name) == choices.end())
    value.fail("\"" + name + "\"", "a value that `tokenizers` knows");
}

void check_truncation(const JsonView& truncation) {
  truncation.object().account({"direction", "max_length", "strategy", "stride"});
  if (truncation.has("direction")) check_choice(truncation, "direction", {"Left", "Right"});
  check_choice(truncation, "strategy", {"LongestFirst", "OnlyFirst", "OnlySecond"});
  truncation.at("max_length").id();
  truncation.at("stride").id();
}

void check_padding(const JsonView& padding) {
  padding.object().account(
      {"strategy", "direction", "pad_to_multiple_of", "pad_id", "pad_type_id", "pad_token"});
  const JsonView strategy = padding.at("strategy");
  if (strategy.raw().is_object())
    strategy.at("Fixed").id();
  else
    check_choice(padding, "strategy", {"BatchLongest"});
  check_choice(padding, "direction", {"Left", "Right"});
  if (padding.has("pad_to_multiple_of")) padding.at("pad_to_multiple_of").id();
  padding.at("pad_id").id();
  padding.at("pad_type_id").id();
  padding.at("pad_token").string();
}

}  // namespace

nlohmann::json parse_document(std::string_view text, const std::string& origin) {
  nlohmann::json document = parse_json(text, origin);
  const JsonView root = JsonView(document, origin, "").object();
  Accounting fields(origin, "field");
  for (const std::string_view name : kFields) fields.use(name);
  for (const auto& field : document.items()) fields.give(field.key());
  fields.refuse_rest("`tokenizers` refuses such a file; remove what was added, or save the tokenizer again");
  if (document.contains("version") && root.at("version").string() != "1.0")
    root.at("version").fail("\"" + root.at("version").string() + "\"", "\"1.0\"");
  if (root.has("truncation")) check_truncation(root.at("truncation"));
  if (root.has("padding")) check_padding(root.at("padding"));
  return document;
}

}  // namespace armorm::text::tokenizer
