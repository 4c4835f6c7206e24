// Contents of parts and further fields of messages, with templates that read them and templates that do not.
#include "stages/scoring/row_messages.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "data/conversation_row.h"
#include "support/error_of.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::scoring;
using namespace armorm::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

constexpr const char* kTextTemplate =
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}{% if m.name %} {{ m.name }}{% endif %}>"
    "{{ m['content'] }}{% endfor %}";
constexpr const char* kListTemplate =
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{% if m.content is string %}{{ m.content }}"
    "{% else %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}{% endfor %}";

// The golden model's tokenizer with another template.
struct Folder {
  explicit Folder(const char* chat_template) {
    for (const char* name : {"tokenizer.json", "tokenizer_config.json"})
      fs::copy_file(golden("reward_model") / "llama" / name, dir / name);
    std::ofstream(dir / "chat_template.jinja") << chat_template;
  }
  TempDir dir;
};

struct Prepared {
  Conversation conversation;
  std::vector<std::string> unused;
};

Prepared prepared(const RowMessages& messages, const std::string& row) {
  data::RowKeys keys;
  Prepared out;
  out.conversation = messages.prepare(data::parse_conversation(row, {}, keys), out.unused);
  return out;
}

constexpr const char* kParts =
    R"([{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"c"}]},
        {"role":"assistant","content":"b"}])";

}  // namespace

TEST_CASE("a list of texts becomes a text where the template reads texts alone", "[unit]") {
  const Folder folder(kTextTemplate);
  const text::ConversationEncoder encoder(folder.dir.path(), false, "");
  const RowMessages messages(encoder);
  const Prepared row = prepared(messages, kParts);
  CHECK(row.conversation[0].content == "a\nc");
  CHECK(row.conversation[0].json.empty());
  CHECK(row.unused.empty());
  const Prepared named =
      prepared(messages, R"([{"role":"user","name":"n","content":[{"type":"text","text":"a"}]}])");
  CHECK(nlohmann::json::parse(named.conversation[0].json)["content"] == "a");
  CHECK(named.unused.empty());  // the template reads the name
}

TEST_CASE("a list of texts stays one where the template reads it like a text", "[unit]") {
  const Folder folder(kListTemplate);
  const text::ConversationEncoder encoder(folder.dir.path(), false, "");
  const RowMessages messages(encoder);
  const Prepared row = prepared(messages, kParts);
  CHECK(nlohmann::json::parse(row.conversation[0].json)["content"].size() == 2);
  CHECK(encoder.encode(row.conversation).tokens ==
        encoder.encode({{"user", "ac"}, {"assistant", "b"}}).tokens);
}

TEST_CASE("parts that are no texts are errors that name message, part and type", "[unit]") {
  const Folder folder(GENERATE(kTextTemplate, kListTemplate));
  const text::ConversationEncoder encoder(folder.dir.path(), false, "");
  const RowMessages messages(encoder);
  const auto error = [&](const std::string& content) {
    return error_of(
        [&] {
          prepared(messages,
                   R"([{"role":"system","content":"s"},{"role":"user","content":)" + content + "}]");
        },
        ErrorKind::data);
  };
  CHECK_THAT(error(R"([{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"x"}}])"),
             Contains("message 1: content[1]: found a part of type \"image_url\""));
  CHECK_THAT(error(R"(["a"])"), Contains("content[0]: found string"));
  CHECK_THAT(error(R"([{"type":"text"}])"), Contains("content[0]: text: expected a string"));
  CHECK_THAT(error(R"([{"text":"a"}])"), Contains("content[0]: found a part of type null"));
}

TEST_CASE("results of tools are left to the template, unless they are texts", "[unit]") {
  const Folder folder(kTextTemplate);
  const text::ConversationEncoder encoder(folder.dir.path(), false, "");
  const RowMessages messages(encoder);
  for (const char* content : {"[]", "[1]", R"([{"type":"x"}])"}) {
    const Prepared row = prepared(messages, std::string(R"([{"role":"tool","content":)") + content + "}]");
    CHECK(nlohmann::json::parse(row.conversation[0].json)["content"].is_array());
  }
  CHECK(prepared(messages, R"([{"role":"tool","content":[{"type":"text","text":"a"}]}])")
            .conversation[0]
            .content == "a");
}

TEST_CASE("fields of messages are named unless they change tokens", "[unit]") {
  const Folder folder(kTextTemplate);
  const text::ConversationEncoder encoder(folder.dir.path(), false, "");
  const RowMessages messages(encoder);
  const auto unused = [&](const std::string& row) { return prepared(messages, row).unused; };
  CHECK(unused(R"([{"role":"user","content":"a","weight":1,"train":null},
                   {"role":"assistant","content":"b","name":"n","tool_calls":[{}]}])") ==
        std::vector<std::string>{"messages[].tool_calls", "messages[].weight"});
  CHECK(unused(R"([{"role":"user","content":[{"type":"text","text":"a","cache_control":{}}]}])") ==
        std::vector<std::string>{"messages[].content[].cache_control"});
  std::string many = R"([{"role":"user","content":"a")";
  for (int i = 0; i < 33; ++i) many += ",\"f" + std::to_string(i) + "\":1";
  CHECK_THAT(error_of([&] { unused(many + "}]"); }, ErrorKind::data), Contains("33 fields"));
}
