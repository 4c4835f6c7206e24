#include "text/chat_template.h"

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "data/dataset.h"
#include "io/read_file.h"
#include "support/error_of.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::text;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path kGoldens = test::golden("text/template");

json read_json(const char* name) { return json::parse(io::read_text_file(kGoldens / name)); }

Conversation to_conversation(const json& messages) {
  Conversation conversation;
  for (const auto& message : messages) conversation.push_back({message.at("role"), message.at("content")});
  return conversation;
}

TemplateVariables to_variables(const json& golden) {
  setenv("TZ", "UTC", 1);
  tzset();
  TemplateVariables variables;
  variables.special_tokens = golden.at("special_tokens").get<std::map<std::string, std::string>>();
  variables.now = golden.at("now").get<std::int64_t>();
  return variables;
}

tokenizer::RenderedText render(std::string_view source, const Conversation& conversation = {},
                               const TemplateVariables& variables = {}) {
  return ChatTemplate::compile(source, "test").render(conversation, variables);
}

using Ranges = std::vector<tokenizer::RenderedText::Range>;

}  // namespace

TEST_CASE("public templates render as transformers renders them", "[golden]") {
  const json golden = read_json("conversations.json");
  TemplateVariables variables = to_variables(golden);
  std::map<std::string, ChatTemplate> templates;
  for (const auto& entry : fs::directory_iterator(kGoldens)) {
    const fs::path& path = entry.path();
    if (path.extension() == ".jinja") {
      templates.emplace(path.stem().string(),
                        ChatTemplate::compile(io::read_text_file(path), path.filename().string()));
    }
  }
  REQUIRE(templates.size() == 8);
  for (const auto& row : golden.at("rows")) {
    const Conversation conversation = to_conversation(row.at("messages"));
    variables.add_generation_prompt = row.at("add_generation_prompt");
    for (const auto& [name, expected] : row.at("rendered").items()) {
      INFO(name << " on " << row.at("messages").dump());
      const ChatTemplate& chat_template = templates.at(name);
      if (expected.contains("text")) {
        CHECK(chat_template.render(conversation, variables).text == expected.at("text").get<std::string>());
        continue;
      }
      const std::string error =
          test::error_of([&] { (void)chat_template.render(conversation, variables); }, ErrorKind::data);
      CHECK(error != "no error");
      if (expected.at("error").is_string()) {
        CHECK(error.find(expected.at("error").get<std::string>()) != std::string::npos);
      }
    }
  }
}

TEST_CASE("complete messages of every reader render as transformers renders them", "[golden]") {
  const fs::path folder = test::golden("text/messages");
  const json golden = json::parse(io::read_text_file(folder / "expected.json"));
  TemplateVariables variables;
  variables.special_tokens = golden.at("special_tokens").get<std::map<std::string, std::string>>();
  const std::map<std::string, std::string> files{{"messages.jsonl", "jsonl"},
                                                 {"messages.parquet", "arrow"},
                                                 {"messages.arrow", "arrow"},
                                                 {"json.parquet", "json"}};
  for (const auto& [name, key] : files) {
    data::DatasetOptions options;
    options.path = folder / name;
    std::vector<Conversation> rows;
    data::Dataset::open(options).for_each_labelled(
        {}, {}, [&](data::LabelledRow&& row) { rows.push_back(std::move(row.messages)); });
    for (const auto& [which, texts] : golden.at(key).items()) {
      const fs::path file = kGoldens / (which + ".jinja");
      const std::string source =
          which == "dump" ? golden.at("dump").get<std::string>() : io::read_text_file(file);
      const ChatTemplate chat_template = ChatTemplate::compile(source, which);
      REQUIRE(rows.size() == texts.size());
      for (std::size_t i = 0; i < rows.size(); ++i) {
        CAPTURE(name, which, i);
        if (texts[i].is_null())
          CHECK(test::error_of([&] { (void)chat_template.render(rows[i], variables); }, ErrorKind::data) !=
                "no error");
        else
          CHECK(chat_template.render(rows[i], variables).text == texts[i].get<std::string>());
      }
    }
  }
}

TEST_CASE("a content that precedes the role stays first", "[unit]") {
  Message message{"user", "hi"};
  message.content_first = true;
  const tokenizer::RenderedText text = render("{{ messages[0] | tojson }}", {message});
  CHECK(text.text == R"({"content": "hi", "role": "user"})");
}

TEST_CASE("all strings of a message are data, and integers are not rounded", "[unit]") {
  const Conversation turns{{"user", "", R"({"role":"user","a":{"<k>":["<v>",12]}})"}};
  const tokenizer::RenderedText text = render("{{ messages[0].a | tojson }}", turns);
  CHECK(text.text == R"({"<k>": ["<v>", 12]})");
  CHECK(text.data_ranges == Ranges{{2, 5}, {10, 13}});
  const Conversation large{{"user", "", R"({"role":"user","n":123456789012345678901})"}};
  CHECK(test::error_of([&] { render("", large); }, ErrorKind::data)
            .find("message 0: the integer 123456789012345678901") != std::string::npos);
  CHECK(test::error_of([&] { render("", large); }, ErrorKind::data).find("the field \"n\"") !=
        std::string::npos);
  const Conversation list{{"user", "", "[1]"}};
  CHECK(test::error_of([&] { render("", list); }, ErrorKind::data).find("expected a JSON object") !=
        std::string::npos);
}

TEST_CASE("expressions and statements behave as in jinja2", "[golden]") {
  const json golden = read_json("snippets.json");
  const TemplateVariables variables = to_variables(golden);
  const Conversation conversation = to_conversation(golden.at("messages"));
  REQUIRE(golden.at("rows").size() > 700);
  for (const auto& row : golden.at("rows")) {
    const std::string source = golden.at("setup").get<std::string>() + row.at("template").get<std::string>();
    INFO(row.at("template").get<std::string>());
    const auto action = [&] { return render(source, conversation, variables).text; };
    if (row.at("text").is_string()) {
      CHECK_NOTHROW(action());
      std::string text = "(error)";
      try {
        text = action();
      } catch (const Error& error) {
        text += error.what();
      }
      CHECK(text == row.at("text").get<std::string>());
    } else {
      CHECK_THROWS_AS(action(), Error);
    }
  }
}

TEST_CASE("data ranges are exactly the bytes of the messages", "[golden]") {
  // Private-use characters stand for the content: in UTF-8 they are EE xx xx, and no template contains them.
  const json golden = read_json("conversations.json");
  TemplateVariables variables = to_variables(golden);
  const Conversation conversation = {
      {"user", "\uE001\uE002 \uE003"}, {"assistant", "\uE004"}, {"user", "\uE005\n"}};
  for (const auto& entry : fs::directory_iterator(kGoldens)) {
    if (entry.path().extension() != ".jinja") continue;
    INFO(entry.path());
    const tokenizer::RenderedText rendered =
        render(io::read_text_file(entry.path()), conversation, variables);
    std::string marked(rendered.text.size(), '.');
    for (const auto& [begin, end] : rendered.data_ranges) {
      REQUIRE(begin < end);
      REQUIRE(end <= marked.size());
      for (std::size_t i = begin; i < end; ++i) marked[i] = 'D';
    }
    std::size_t markers = 0;
    for (std::size_t i = 0; i < rendered.text.size(); ++i) {
      if (static_cast<unsigned char>(rendered.text[i]) != 0xEE) continue;
      ++markers;
      CHECK(marked.substr(i, 3) == "DDD");
    }
    CHECK(markers == 5);
    for (const std::string token : {"<|", "<s>", "</s>", "[INST]", "<start_of_turn>", "<end_of_turn>"}) {
      for (std::size_t at = rendered.text.find(token); at != std::string::npos;
           at = rendered.text.find(token, at + 1)) {
        CHECK(marked.substr(at, token.size()) == std::string(token.size(), '.'));
      }
    }
  }
}

TEST_CASE("every string operation keeps the origin of its bytes", "[unit]") {
  const Conversation conversation = {{"user", " aXa "}};
  const auto ranges = [&](const std::string& expression) {
    return render("{% set c = messages[0].content %}{{ " + expression + " }}", conversation).data_ranges;
  };
  const auto text = [&](const std::string& expression) {
    return render("{% set c = messages[0].content %}{{ " + expression + " }}", conversation).text;
  };
  CHECK(ranges("c") == Ranges{{0, 5}});
  CHECK(ranges("c|trim") == Ranges{{0, 3}});
  CHECK(ranges("'<' + c.strip() ~ '>'") == Ranges{{1, 4}});
  CHECK(ranges("c.replace('X', 'TT')") == Ranges{{0, 2}, {4, 6}});
  CHECK(ranges("'a-b'.replace('-', c)") == Ranges{{1, 6}});
  CHECK(ranges("('ab' ~ c)[1:4]") == Ranges{{1, 3}});
  CHECK(ranges("('ab' ~ c ~ 'd')[::-1]") == Ranges{{1, 6}});
  CHECK(ranges("('x' ~ c)|upper") == Ranges{{1, 6}});
  CHECK(ranges("c.split('X')|join('+')") == Ranges{{0, 2}, {3, 5}});
  CHECK(ranges("'%s=%s' % ('k', c)") == Ranges{{2, 7}});
  CHECK(ranges("'{}={:>7}'.format('k', c)") == Ranges{{4, 9}});
  CHECK(ranges("c|tojson") == Ranges{{1, 6}});
  CHECK(text("messages") == "[{'role': 'user', 'content': ' aXa '}]");
  CHECK(ranges("messages") == Ranges{{11, 15}, {30, 35}});
  CHECK(ranges("c * 2") == Ranges{{0, 10}});
  CHECK(ranges("c.center(9, '*')") == Ranges{{2, 7}});
  CHECK(ranges("c|length") == Ranges{});
  CHECK(ranges("'<|eot_id|>'") == Ranges{});
  CHECK(ranges("[c, 'x']|map('trim')|join") == Ranges{{0, 3}});
  CHECK(ranges("(c ~ 'q')|indent(2, true)") == Ranges{{2, 7}});
  CHECK(ranges("c|escape") == Ranges{{0, 5}});
  CHECK(ranges("messages[0].role ~ c") == Ranges{{0, 9}});
  CHECK(render("{% macro m(v) %}[{{ v }}]{% endmacro %}{% set t %}{{ m(messages[0].content) }}!{% endset "
               "%}{{ t }}",
               conversation)
            .data_ranges == Ranges{{1, 6}});
  CHECK(render("{% filter upper %}a{{ messages[0].content }}{% endfilter %}", conversation).data_ranges ==
        Ranges{{1, 6}});
}

TEST_CASE("case mapping that changes lengths keeps the origin", "[unit]") {
  const tokenizer::RenderedText text =
      render("{{ ('ß' ~ messages[0].content ~ 'ß')|upper }}", {{"user", "ß"}});
  CHECK(text.text == "SSSSSS");
  CHECK(text.data_ranges == Ranges{{2, 4}});
}

TEST_CASE("errors name the template, the line and the construct", "[unit]") {
  const auto compile_error = [](std::string_view source) {
    return test::error_of([&] { (void)ChatTemplate::compile(source, "the.jinja"); }, ErrorKind::data);
  };
  const auto render_error = [](std::string_view source) {
    return test::error_of([&] { (void)ChatTemplate::compile(source, "the.jinja").render({}, {}); },
                          ErrorKind::data);
  };
  const auto contains = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  CHECK(contains(compile_error("a\n{{ x|nope }}"), "the.jinja: chat template, line 2: the filter 'nope'"));
  CHECK(contains(compile_error("{{ x is nope }}"), "line 1: the test 'nope'"));
  CHECK(contains(compile_error("\n\n{% include 'x' %}"), "line 3: the tag 'include'"));
  CHECK(contains(compile_error("{% for i in x recursive %}{% endfor %}"), "'recursive'"));
  CHECK(contains(render_error("\n{{ raise_exception('own\nwords') }}"),
                 "line 2: the template refuses the conversation: own\\nwords"));
  CHECK(contains(render_error("\n\n{{ 'a'.nope() }}"), "line 3"));
  CHECK(contains(render_error("{{ x.y }}"), "'x' is undefined"));
}

TEST_CASE("a template is found where transformers looks", "[unit]") {
  const test::TempDir folder;
  const auto write = [&](const char* name, const std::string& text) { std::ofstream(folder / name) << text; };
  const auto load = [&] { return ChatTemplate::load(folder.path()).source(); };
  CHECK(test::error_of([&] { load(); }, ErrorKind::data).find("no chat template") != std::string::npos);
  write("chat_template.json", R"({"chat_template": "third"})");
  CHECK(load() == "third");
  write("tokenizer_config.json", R"({"bos_token": "<s>"})");
  CHECK(load() == "third");
  write(
      "tokenizer_config.json",
      R"({"chat_template": [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "listed"}]})");
  CHECK(load() == "listed");
  write("tokenizer_config.json", R"({"chat_template": [{"name": "tool_use", "template": "no"}]})");
  CHECK(test::error_of([&] { load(); }, ErrorKind::data).find("\"default\"") != std::string::npos);
  write("tokenizer_config.json", R"({"chat_template": 5})");
  CHECK(test::error_of([&] { load(); }, ErrorKind::data).find("chat_template is number") !=
        std::string::npos);
  write("tokenizer_config.json", "{");
  CHECK(test::error_of([&] { load(); }, ErrorKind::data).find("not valid JSON") != std::string::npos);
  write("tokenizer_config.json", R"({"chat_template": "second"})");
  CHECK(load() == "second");
  write("chat_template.jinja", "first");
  CHECK(load() == "first");
}

TEST_CASE("the template of the shared tokenizer renders with its own tokens", "[unit]") {
  if (test::shared_dir().empty()) ARMORM_SKIP("the shared folder is absent");
  TemplateVariables variables;
  variables.special_tokens["bos_token"] = "<|begin_of_text|>";
  const tokenizer::RenderedText text = ChatTemplate::load(test::shared_dir() / "llama3-tokenizer")
                                           .render({{"user", " <|eot_id|> "}}, variables);
  CHECK(text.text == "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n<|eot_id|><|eot_id|>");
  CHECK(text.data_ranges == Ranges{{36, 40}, {59, 69}});
}
