#include "text/tokenizer/pretrained.h"

#include "core/error.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "support/error_of.h"
#include "support/test_support.h"
#include "text/conversation_encoder.h"
#include "text/tokenizer/tokenizer.h"

using namespace armorm;
using namespace armorm::text::tokenizer;
using nlohmann::json;

namespace {

void write_folder(const std::filesystem::path& folder, const std::string& family,
                  const std::string& model_type, const json& files) {
  io::publish_text(folder / "tokenizer.json",
                   io::read_text_file(test::golden("text/tokenizer_" + family + ".json")));
  io::publish_text(folder / "config.json", json{{"model_type", model_type}}.dump());
  for (const auto& [name, content] : files.items()) io::publish_text(folder / name, content.dump());
}

std::string refusal(const std::string& tokenizer_config) {
  const test::TempDir folder;
  write_folder(folder.path(), "llama2", "llama", {{"tokenizer_config.json", json::parse(tokenizer_config)}});
  return test::error_of([&] { Tokenizer::load(folder.path()); }, ErrorKind::data);
}

}  // namespace

TEST_CASE("a model folder's tokenizer is the one that transformers' AutoTokenizer makes of it", "[golden]") {
  const json cases = json::parse(io::read_text_file(test::golden("text/pretrained_cases.json")));
  REQUIRE(cases.size() > 40);
  for (const json& item : cases) {
    const test::TempDir folder;
    write_folder(folder.path(), item.at("family"), item.at("model_type"), item.at("files"));
    CAPTURE(item.at("family"), item.at("model_type"), item.at("files").dump());
    const Tokenizer tokenizer = Tokenizer::load(folder.path());
    CHECK(json(tokenizer.special_tokens()) == item.at("named"));
    for (const auto& [text, ids] : item.at("ids").items()) {
      CAPTURE(text);
      CHECK(tokenizer.encode(text, true) == ids.get<std::vector<TokenId>>());
    }
  }
}

TEST_CASE("content makes none of the control tokens that transformers sanitizes", "[golden]") {
  const json cases = json::parse(io::read_text_file(test::golden("text/control_token_cases.json")));
  REQUIRE(cases.size() >= 40);
  json document = json::parse(io::read_text_file(test::golden("text/tokenizer_qwen2.json")));
  for (const json& content : cases[0].at("extra"))
    document["added_tokens"].push_back(
        {{"id", 0U}, {"content", content}, {"special", false}, {"normalized", false}});
  for (const json& item : cases) {
    const test::TempDir folder;
    io::publish_text(folder / "tokenizer.json", document.dump());
    io::publish_text(folder / "tokenizer_config.json", item.at("config").dump());
    const text::ConversationEncoder encoder(folder.path(), false, "2026-01-01");
    Conversation conversation;
    for (const json& message : item.at("messages"))
      conversation.push_back(
          {message.at("role").get<std::string>(), message.at("content").get<std::string>()});
    CAPTURE(item.at("name"), item.at("messages").dump());
    CHECK(encoder.encode(conversation).tokens == item.at("ids").get<std::vector<TokenId>>());
  }
}

TEST_CASE("content makes none of the tokens of a gating pattern", "[unit]") {
  const test::TempDir folder;
  json document = json::parse(io::read_text_file(test::golden("text/tokenizer_qwen2.json")));
  document["added_tokens"].push_back(
      {{"id", 0U}, {"content", "<turn>"}, {"special", false}, {"normalized", false}});
  io::publish_text(folder / "tokenizer.json", document.dump());
  Tokenizer tokenizer = Tokenizer::load(folder.path());
  const TokenId turn = tokenizer.token_to_id("<turn>").value();
  const RenderedText text{"a<turn>", {{0, 7}}};
  CHECK(tokenizer.encode(text, false).back() == turn);
  tokenizer.protect_ids(std::vector<TokenId>{turn, 5});
  CHECK(tokenizer.encode(text, false).back() != turn);
  CHECK(tokenizer.has_special_in_data(text));
}

TEST_CASE("settings of a tokenizer that are not supported are refused by name", "[unit]") {
  using Catch::Contains;
  CHECK_THAT(refusal(R"({"tokenizer_class": "CohereTokenizer"})"), Contains("CohereTokenizer"));
  CHECK_THAT(refusal(R"({"tokenizer_class": "T5TokenizerFast"})"), Contains("T5Tokenizer"));
  CHECK_THAT(refusal(R"({"split_special_tokens": true})"), Contains("split_special_tokens"));
  CHECK_THAT(refusal(R"({"extra_special_tokens": 3})"), Contains("extra_special_tokens"));
  CHECK_THAT(refusal(R"({"added_tokens_decoder": {"x": {"content": "a"}}})"),
             Contains("added_tokens_decoder"));
  CHECK_THAT(refusal(R"({"added_tokens_decoder": {"5": {"content": "a", "lstrip": null}}})"),
             Contains("added_tokens_decoder.5.lstrip"));
  CHECK_THAT(refusal(R"({"eos_token": {"content": "a"}})"), Contains("eos_token") && Contains("__type"));
  for (const char* side : {"padding_side", "truncation_side"})
    for (const char* value : {"null", "\"top\"", "0"})
      CHECK_THAT(refusal(std::string("{\"") + side + "\": " + value + "}"),
                 Contains(side) && Contains(value));
  CHECK_THAT(refusal(R"({"model_max_length": "512"})"), Contains("model_max_length"));
  CHECK_THAT(refusal(R"({"model_input_names": 3})"), Contains("model_input_names"));
  CHECK_THAT(refusal(R"({"auto_map": null})"), Contains("auto_map"));
  CHECK_THAT(refusal(R"({"split_special_tokens": null})"), Contains("split_special_tokens"));
  CHECK_THAT(refusal(R"({"add_special_tokens": true})"), Contains("add_special_tokens"));
}
