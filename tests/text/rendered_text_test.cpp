// Texts that a chat template has rendered already, as transformers renders them (conversations.json).
#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <optional>

#include "armorm/extraction_options.h"
#include "core/error.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "support/test_support.h"
#include "text/conversation_encoder.h"

using namespace armorm;
using namespace armorm::text;
using nlohmann::json;
using test::TempDir;

namespace {

const Conversation kChat = {{"system", "Be brief."}, {"user", "Hi  there\n\xC3\xA9?"}, {"assistant", "Yes."}};
const std::string kBegin = "<|begin_of_text|>";
const std::string kEnd = "<|eot_id|>";
// kChat in the form of Llama 3.
const std::string kText =
    "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nHi  there\n\xC3\xA9?<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\nYes.<|eot_id|>";

ConversationEncoder shared_encoder() {
  return {test::shared_dir() / "llama3-tokenizer", false, kTemplateDate};
}

TEST_CASE("a rendered text has the ids of its conversation, with or without a BOS") {
  if (!std::filesystem::exists(test::shared_dir() / "llama3-tokenizer")) ARMORM_SKIP("no shared tokenizer");
  const ConversationEncoder encoder = shared_encoder();
  const auto expected = encoder.encode(kChat).tokens;
  REQUIRE(expected.size() > 20);
  CHECK(encoder.encode_rendered(kBegin + kText).tokens == expected);
  CHECK(encoder.encode_rendered(kText).tokens == expected);
}

TEST_CASE("a text that was cut before its end is encoded as it is") {
  if (!std::filesystem::exists(test::shared_dir() / "llama3-tokenizer")) ARMORM_SKIP("no shared tokenizer");
  const ConversationEncoder encoder = shared_encoder();
  auto expected = encoder.encode(kChat).tokens;
  expected.pop_back();
  CHECK(encoder.encode_rendered(kBegin + kText.substr(0, kText.size() - kEnd.size())).tokens == expected);
}

TEST_CASE("a second BOS is not made by the encoder") {
  if (!std::filesystem::exists(test::shared_dir() / "llama3-tokenizer")) ARMORM_SKIP("no shared tokenizer");
  const ConversationEncoder encoder = shared_encoder();
  const auto tokens = encoder.encode_rendered(kBegin + kText).tokens;
  CHECK(std::count(tokens.begin(), tokens.end(), tokens.front()) == 1);
}

// nullopt for messages that hold more than texts for role and content.
std::optional<Conversation> plain_texts(const json& messages) {
  Conversation conversation;
  for (const json& m : messages) {
    if (m.size() != 2 || !m.contains("content") || !m["content"].is_string()) return std::nullopt;
    conversation.push_back({m.at("role"), m.at("content")});
  }
  return conversation;
}

// The goldens' tokenizer and template of Llama 3, with every text that transformers rendered.
TEST_CASE("texts rendered by transformers have the ids of their conversations") {
  const TempDir dir;
  const auto text = [](const char* name) {
    return io::read_text_file(test::golden(std::string("text/") + name));
  };
  io::publish_text(dir / "tokenizer.json", text("tokenizer_llama3.json"));
  io::publish_text(dir / "tokenizer_config.json", json{{"bos_token", kBegin}, {"eos_token", kEnd}}.dump());
  io::publish_text(dir / "chat_template.jinja", text("template/llama3.jinja"));
  const ConversationEncoder encoder(dir.path(), true, kTemplateDate);
  const json golden = json::parse(text("template/conversations.json"));
  const std::string bos = golden.at("special_tokens").at("bos_token");
  int compared = 0;
  for (const json& row : golden.at("rows")) {
    const json& rendered = row.at("rendered").at("llama3");
    if (row.at("add_generation_prompt") || !rendered.contains("text")) continue;
    const auto conversation = plain_texts(row.at("messages"));
    if (!conversation || encoder.encode(*conversation).special_in_content) continue;
    std::string sent = rendered.at("text");
    if (sent.starts_with(bos)) sent = kBegin + sent.substr(bos.size());
    CAPTURE(sent);
    CHECK(encoder.encode_rendered(sent).tokens == encoder.encode(*conversation).tokens);
    ++compared;
  }
  CHECK(compared > 10);
}

}  // namespace
