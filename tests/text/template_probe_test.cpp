#include "text/template_probe.h"

#include <nlohmann/json.hpp>

#include "armorm/extraction_options.h"
#include "core/error.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "support/test_support.h"
#include "text/gating_pattern.h"

using namespace armorm;
using namespace armorm::text;
using nlohmann::json;
using test::TempDir;
namespace fs = std::filesystem;

namespace {

constexpr const char* kChat =
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor "
    "%}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

ConversationEncoder encoder_of(const TempDir& dir, const std::string& tokenizer_json,
                               const std::string& source, const std::string& bos = "",
                               const std::string& eos = "") {
  io::publish_text(dir / "tokenizer.json", tokenizer_json);
  json names = json::object();
  if (!bos.empty()) names["bos_token"] = bos;
  if (!eos.empty()) names["eos_token"] = eos;
  io::publish_text(dir / "tokenizer_config.json", names.dump());
  io::publish_text(dir / "chat_template.jinja", source);
  return {dir.path(), false, kTemplateDate};
}

std::string golden_text(const std::string& name) {
  return io::read_text_file(test::golden(("text/" + name).c_str()));
}

ConversationEncoder chat_encoder(const TempDir& dir, const std::string& source) {
  return encoder_of(dir, golden_text("tokenizer_qwen2.json"), source);
}

Conversation conversation_of(const json& messages) {
  Conversation conversation;
  for (const json& message : messages)
    conversation.push_back({message.at("role").get<std::string>(), message.at("content").get<std::string>()});
  return conversation;
}

std::string reason_of(const std::string& source) {
  const TempDir dir;
  try {
    probe_gating_pattern(chat_encoder(dir, source));
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("probes find the published pattern of Llama 3", "[golden]") {
  if (test::shared_dir().empty()) ARMORM_SKIP("the shared folder is not there");
  for (const char* name : {"llama3", "llama31", "llama32"}) {
    INFO(name);
    const TempDir dir;
    const ConversationEncoder encoder = encoder_of(
        dir, io::read_text_file(test::shared_dir() / "llama3-tokenizer/tokenizer.json"),
        golden_text(std::string("template/") + name + ".jinja"), "<|begin_of_text|>", "<|eot_id|>");
    const ProbedPattern probed = probe_gating_pattern(encoder);
    CHECK(probed.ids == std::vector<tokenizer::TokenId>{128009, 128006, 78191, 128007, 271});
    CHECK(probed.opens_answers);
  }
}

TEST_CASE("probes find the pattern of Gemma 2 that is published as text", "[golden]") {
  const TempDir dir;
  const ConversationEncoder encoder = encoder_of(dir, golden_text("tokenizer_gemma2.json"),
                                                 golden_text("template/gemma2.jinja"), "<bos>", "<eos>");
  const ProbedPattern probed = probe_gating_pattern(encoder);
  CHECK(probed.ids == gating_pattern(encoder.tokenizer(), ModelFamily::gemma2));
  CHECK(probed.opens_answers);
}

// The golden knows no patterns: it has the offsets of `tokenizers` in the text that transformers renders.
TEST_CASE("the pattern lies between prompt and answer, whatever the template", "[golden]") {
  const json golden = json::parse(golden_text("gating/positions.json"));
  std::string before;
  std::optional<TempDir> dir;
  std::optional<ConversationEncoder> encoder;
  std::optional<ProbedPattern> probed;
  std::map<std::string, std::string> patterns;
  for (const json& row : golden.at("rows")) {
    const std::string source = row.at("template"), name = row.at("tokenizer");
    INFO(source << " with " << name << ": " << row.at("messages").dump());
    if (source != before) {
      before = source;
      const auto names = golden.at("names").at(name).get<std::vector<std::string>>();
      dir.emplace();
      encoder.emplace(encoder_of(*dir, golden_text("tokenizer_" + name + ".json"),
                                 golden_text(source + ".jinja"), names[0], names[1]));
      probed = probe_gating_pattern(*encoder);
      patterns[source] = encoder->tokenizer().decode(probed->ids);
    }
    const std::vector<tokenizer::TokenId> ids = encoder->encode(conversation_of(row.at("messages"))).tokens;
    // A template without BOS leaves it to the tokenizer.
    const auto shift = std::ssize(ids) - std::ssize(row.at("ids"));
    REQUIRE((shift == 0 || shift == 1));
    CHECK(json(std::vector(ids.begin() + shift, ids.end())) == row.at("ids"));
    const auto found = find_gating_pattern(ids, probed->ids);
    REQUIRE(found);
    const auto first = row.at("between")[0].get<std::int64_t>(),
               end = row.at("between")[1].get<std::int64_t>();
    CHECK(*found - shift >= first);
    CHECK(*found - shift + std::ssize(probed->ids) <= end);
    if (row.at("exact")) CHECK(*found - shift == first);
  }
  CHECK(patterns.at("gating/thinking") == patterns.at("template/qwen25"));
  CHECK(patterns.at("template/mistral") == "[/INST]");
}

TEST_CASE("a thinking block that only the last answer has is not part of the pattern", "[unit]") {
  const TempDir dir;
  const ConversationEncoder encoder = chat_encoder(dir, golden_text("gating/thinking.jinja"));
  const ProbedPattern probed = probe_gating_pattern(encoder);
  CHECK(probed.opens_answers);
  for (const char* answer : {"Four.", "<think>\nTwo and two\n</think>\n\nFour.", "\n\nFour."}) {
    const auto tokens = encoder.encode({{"user", "2 + 2?"}, {"assistant", answer}}).tokens;
    CHECK(find_gating_pattern(tokens, probed.ids) ==
          std::ssize(encoder.encode_prompt({{"user", "2 + 2?"}})) -
              std::ssize(encoder.tokenizer().encode("<|im_end|>\n<|im_start|>assistant\n", false)));
  }
}

TEST_CASE("what an answer begins with does not hide the pattern", "[unit]") {
  const TempDir dir;
  // The line break after the role becomes one token with those of the answer.
  const ConversationEncoder encoder = chat_encoder(dir, kChat);
  const ProbedPattern probed = probe_gating_pattern(encoder);
  for (const char* answer : {"x", "\nx", "\n\n\nx", " x", "\t", ""}) {
    INFO(answer);
    CHECK(find_gating_pattern(encoder.encode({{"user", "u"}, {"assistant", answer}}).tokens, probed.ids));
  }
}

TEST_CASE("a template without generation prompts has a pattern", "[unit]") {
  const TempDir dir;
  const ConversationEncoder encoder = chat_encoder(dir,
                                                   "{% for message in messages %}<|im_start|>{{ message.role "
                                                   "}}\n{{ message.content }}<|im_end|>\n{% endfor %}");
  CHECK_FALSE(probe_gating_pattern(encoder).opens_answers);
}

TEST_CASE("a template for one turn has a pattern", "[unit]") {
  const TempDir dir;
  const std::string one = "{% if messages|length > 2 %}{{ raise_exception('one turn') }}{% endif %}";
  CHECK(probe_gating_pattern(chat_encoder(dir, one + kChat)).opens_answers);
}

TEST_CASE("templates without a place where every prompt ends are refused with the reason", "[unit]") {
  using Catch::Contains;
  CHECK_THAT(reason_of("{% for message in messages %}{{ message.content }}{% endfor %}"),
             Contains("no token between a prompt and its answer"));
  CHECK_THAT(reason_of("{% for message in messages %}{{ message.content }}<|im_end|>{% endfor %}"),
             Contains("again after the answer"));
  CHECK_THAT(reason_of(std::string("{{ messages|length }}") + kChat),
             Contains("in another way once an answer follows"));
  CHECK_THAT(
      reason_of(
          "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
          "{% endfor %}{% if add_generation_prompt %}<|im_start|>bot\n{% endif %}"),
      Contains("opens an answer by") && Contains("bot"));
  CHECK_THAT(
      reason_of("{% for message in messages %}{% if message.role != 'user' or not loop.last %}<|im_start|>"
                "{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endif %}{% endfor %}"),
      Contains("leaves out the end of a prompt"));
}

TEST_CASE("a content that holds a pattern of ordinary tokens is refused", "[unit]") {
  const TempDir dir;
  ConversationEncoder encoder = encoder_of(dir, golden_text("tokenizer_llama2.json"),
                                           golden_text("gating/instructions.jinja"), "<bos>", "<eos>");
  const ProbedPattern probed = probe_gating_pattern(encoder);
  const std::string text = encoder.tokenizer().decode(probed.ids);
  encoder.protect_pattern(probed.ids);
  const auto position_with = [&](const std::string& answer) {
    const Conversation conversation{{"user", "Hello"}, {"assistant", answer}};
    return encoder.gating_position(conversation, encoder.encode(conversation).tokens, probed.ids);
  };
  const std::int64_t position = position_with("Good day");
  CHECK_THROWS_WITH(position_with("Good " + text + " day"),
                    Catch::Contains("cannot be distinguished from the template's"));
  CHECK(position_with("Good" + text + "day") == position);  // the same text in other tokens
}

TEST_CASE("a pattern with added tokens leaves contents alone", "[unit]") {
  const TempDir dir;
  ConversationEncoder encoder = chat_encoder(dir, kChat);
  const ProbedPattern probed = probe_gating_pattern(encoder);
  encoder.protect_pattern(probed.ids);
  const auto tokens =
      encoder.encode({{"user", "u"}, {"assistant", "<|im_end|>\n<|im_start|>assistant\nx"}}).tokens;
  const auto plain = encoder.encode({{"user", "u"}, {"assistant", "x"}}).tokens;
  CHECK(find_gating_pattern(tokens, probed.ids) == find_gating_pattern(plain, probed.ids));
}

TEST_CASE("a template that leaves system messages out is noticed", "[unit]") {
  const TempDir dir;
  CHECK_FALSE(leaves_out_system_messages(chat_encoder(dir, kChat)));
  const std::string drops =
      "{% for message in messages if message.role != 'system' %}{{ message.content }}{% endfor %}";
  CHECK(leaves_out_system_messages(chat_encoder(dir, drops)));
  const TempDir mistral;
  CHECK(leaves_out_system_messages(encoder_of(mistral, golden_text("tokenizer_mistral.json"),
                                              golden_text("template/mistral.jinja"), "<bos>", "<eos>")));
  const TempDir refusing;
  CHECK_FALSE(
      leaves_out_system_messages(encoder_of(refusing, golden_text("tokenizer_llama2.json"),
                                            golden_text("gating/instructions.jinja"), "<bos>", "<eos>")));
}

TEST_CASE("the gate is in the last turn, whatever a prompt ends with", "[unit]") {
  const char* const kPlain[] = {
      "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
      "{% if add_generation_prompt %}assistant: {% endif %}",
      "{% for m in messages %}{{ '\n\nHuman: ' if m.role == 'user' else '\n\nAssistant: ' }}{{ m.content "
      "}}{% endfor %}"
      "{% if add_generation_prompt %}{{ '\n\nAssistant: ' }}{% endif %}",
      "{% for m in messages %}{{ '### Instruction:\n' if m.role == 'user' else '### Response:\n' }}{{ "
      "m.content }}\n\n"
      "{% endfor %}{% if add_generation_prompt %}### Response:\n{% endif %}"};
  for (const char* source : kPlain) {
    INFO(source);
    const TempDir dir;
    ConversationEncoder encoder = chat_encoder(dir, source);
    const std::vector<tokenizer::TokenId> pattern = probe_gating_pattern(encoder).ids;
    encoder.protect_pattern(pattern);
    for (const std::string end :
         {"", "\n", "\n\n", "\n\n\n", "\n\n\n\n\n", "\r\n", " \n", "\n ", "\t", " \n \n"}) {
      INFO(json(end).dump());
      for (const bool earlier : {false, true}) {
        Conversation conversation{{"user", "Name another river please" + end}, {"assistant", "Elbe"}};
        if (earlier)
          conversation.insert(conversation.begin(), {{"user", "Hello" + end}, {"assistant", "Hi there"}});
        const auto tokens = encoder.encode(conversation).tokens;
        const auto start = encoder.gating_position(conversation, tokens, pattern);
        const std::string before = encoder.tokenizer().decode({tokens.begin(), tokens.begin() + start});
        CHECK_THAT(before, Catch::Contains("Name another river please"));
        CHECK_THAT(before, !Catch::Contains("Elbe"));
      }
    }
  }
}

TEST_CASE("texts that make the tokens of a pattern are distinguished from the template's", "[unit]") {
  const TempDir dir;
  ConversationEncoder encoder =
      chat_encoder(dir,
                   "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %}"
                   "{{ m.reasoning_content }}{{ m.content }}</s>{% endif %}{% endfor %}");
  const std::vector<tokenizer::TokenId> pattern = probe_gating_pattern(encoder).ids;
  encoder.protect_pattern(pattern);
  const std::string text = encoder.tokenizer().decode(pattern);
  const auto position_in = [&](const Conversation& conversation) {
    return encoder.gating_position(conversation, encoder.encode(conversation).tokens, pattern);
  };
  const Conversation plain{{"user", "Is it right?"}, {"assistant", "Yes."}};
  CHECK(position_in(plain) > 0);
  const auto refused = [&](const Message& prompt, const Message& answer) {
    CHECK_THROWS_WITH(position_in({prompt, answer}), Catch::Contains("a text of the last turn contains '") &&
                                                         Catch::Contains("leave the row out"));
  };
  refused(plain[0], {"assistant", "It is" + text + " in a text"});
  refused({"user", "What does" + text + " mean?"}, plain[1]);
  Message reasoning = plain[1];
  reasoning.json =
      json{{"role", "assistant"}, {"content", "Yes."}, {"reasoning_content", "It is" + text + " so"}}.dump();
  refused(plain[0], reasoning);
  // In an earlier turn it harms nothing.
  const Conversation later{
      {"user", "What does" + text + " mean?"}, {"assistant", "Not much."}, plain[0], plain[1]};
  CHECK(position_in(later) > position_in(plain));
  // Without a last answer the last prompt counts.
  CHECK(position_in({plain[0], plain[1], {"user", "And then?"}}) > position_in(plain));
}
