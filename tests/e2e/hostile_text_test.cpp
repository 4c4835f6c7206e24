// Text that comes from outside (cards, columns, configs, tokenizers, file names, rows) on its way to the
// terminal: no control characters, no change of direction, bounded length, whichever program prints it.
#include <algorithm>
#include <functional>

#include "core/strings.h"
#include "e2e/demo_fixture.h"
#include "io/read_file.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

// Clears the screen, rings, turns the direction around, and forges a line; as bytes and as JSON has them.
const std::string kBytes = "\x1b[2J\x07\xe2\x80\xae\xc2\x9b\nok";
const std::string kJson = "\\u001b[2J\\u0007\\u202e\\u009b\\nok";
const std::string kInline =
    "\\u001b[2J\\u0007\\u202e\\u009b";  // without a line end, which samples of rows keep
const std::string kLong(1'000'000, 'x');
const std::string kTurns = R"("messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}])";

struct Place {
  fs::path demo;  // a private copy of the demo
  fs::path root;  // data root
};

struct Case {
  std::string name;
  std::string program;
  std::vector<std::string> flags;
  std::function<void(const Place&)> edit;
  int exit_code;
  std::string shows;  // what is left of the name
};

void use_lines(const Place& place, const std::string& lines) {
  fs::remove_all(place.demo / "multi-objective");
  fs::create_directories(place.demo / "multi-objective");
  write_text(place.demo / "multi-objective/train.jsonl", lines);
}

std::vector<Case> data_cases() {
  const std::string row = "{" + kTurns + ",\"" + kJson + "\":1,\"helpsteer-helpfulness\":1}\n";
  const std::vector<std::string> plan{"--dry_run", "--attributes", "helpsteer-helpfulness"};
  const std::vector<std::string> skip{
      "--dry_run", "--attributes", "helpsteer-helpfulness", "--on_bad_row", "skip", "--max_bad_rows", "100%"};
  return {
      {"a column", "stage1-prepare", plan, [=](const Place& p) { use_lines(p, row); }, 0, "[2J"},
      {"a long column", "stage1-prepare", plan,
       [=](const Place& p) {
         use_lines(p, "{" + kTurns + ",\"" + kLong + "\":1,\"helpsteer-helpfulness\":1}\n");
       },
       0, "xxx"},
      {"an attribute",
       "stage1-prepare",
       {"--dry_run", "--attributes", "a\x1b[2J"},
       [=](const Place& p) { use_lines(p, "{" + kTurns + ",\"a\\u001b[2J\":1}\n"); },
       0,
       "a\\x1b[2J"},
      {"a role", "stage1-prepare", plan,
       [=](const Place& p) {
         use_lines(p, R"({"messages":[{"role":")" + kInline +
                          R"(","content":"q"}],"helpsteer-helpfulness":1})"
                          "\n");
       },
       0, "\\x1b[2J"},
      {"a content", "stage1-prepare", plan,
       [=](const Place& p) {
         use_lines(p, R"({"messages":[{"role":"user","content":")" + kInline + std::string(2000, 'x') +
                          R"("},{"role":"assistant","content":"a"}],"helpsteer-helpfulness":1})"
                          "\n");
       },
       0, "\\x1b[2J"},
      {"a bad row", "stage1-prepare", skip,
       [=](const Place& p) {
         use_lines(p, row + R"({"messages":")" + kJson + kLong + R"(","helpsteer-helpfulness":1})" + "\n");
       },
       0, "bad rows"},
      {"a file", "stage1-prepare", plan,
       [=](const Place& p) {
         use_lines(p, row);
         write_text(p.demo / ("multi-objective/" + kBytes + ".parquet"), "PAR1");
       },
       -1, ""},
      {"a card", "stage1-prepare", plan,
       [=](const Place& p) {
         use_lines(p, row);
         write_text(p.demo / "multi-objective/README.md", "---\nconfigs:\n- config_name: \"" + kJson +
                                                              "\"\n  data_files: \"" + kJson + kLong +
                                                              "\"\n---\n");
       },
       -1, ""},
  };
}

std::vector<Case> model_cases() {
  const std::vector<std::string> plan{"--dry_run"};
  const auto tokenizer = [](const Place& p) { return p.demo / "model/tokenizer.json"; };
  const auto edited = [](const fs::path& file, const std::string& from, const std::string& to) {
    REQUIRE(io::read_text_file(file).find(from) != std::string::npos);
    replace_in_file(file, from, to);
  };
  return {
      {"a key of config.json", "stage1-prepare", plan,
       [=](const Place& p) {
         edited(p.demo / "model/config.json", "\"rope_scaling\": null",
                "\"" + kJson + "\":1,\"rope_scaling\": null");
       },
       0, "[2J"},
      {"a type in config.json", "stage1-prepare", plan,
       [=](const Place& p) {
         edited(p.demo / "model/config.json", "\"llama\"", "\"" + kJson + kLong + "\"");
       },
       4, "\\x1b[2J"},
      {"a pre-tokenizer", "stage1-prepare", plan,
       [=](const Place& p) {
         edited(tokenizer(p), "\"pre_tokenizer\"",
                R"("pre_tokenizer":{"type":")" + kJson + kLong + R"("},"was")");
       },
       4, "\\x1b[2J"},
      {"a pattern", "stage1-prepare", plan,
       [=](const Place& p) {
         edited(tokenizer(p), "\"pre_tokenizer\"",
                R"("pre_tokenizer":{"type":"Split","behavior":"Isolated","pattern":{"Regex":"()" + kJson +
                    kLong + R"("}},"was")");
       },
       4, "\\x1b[2J"},
      {"a pattern that backtracks without end",
       "stage1-prepare",
       {"--dry_run", "--attributes", "helpsteer-helpfulness"},
       [=](const Place& p) {
         edited(
             tokenizer(p), "\"pre_tokenizer\"",
             R"("pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","behavior":"Isolated",)"
             R"("invert":false,"pattern":{"Regex":"(a+)+$|."}},{"type":"ByteLevel","use_regex":false,)"
             R"("add_prefix_space":false,"trim_offsets":true}]},"was")");
         use_lines(p, "{" + kTurns + R"(,"helpsteer-helpfulness":1})" + "\n" +
                          R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":")" +
                          std::string(40, 'a') + R"(!"}],"helpsteer-helpfulness":1})" + "\n");
       },
       4,
       "row 1: messages: "},
      {"a template that refuses", "stage1-prepare", plan,
       [=](const Place& p) {
         fs::remove(p.demo / "model/tokenizer_config.json");
         write_text(p.demo / "model/chat_template.jinja", "{{ raise_exception('" + kBytes + "' * 100000) }}");
       },
       4, "\\x1b[2J"},
      {"a template's error", "stage1-prepare", plan,
       [=](const Place& p) {
         fs::remove(p.demo / "model/tokenizer_config.json");
         write_text(p.demo / "model/chat_template.jinja", "{{ x|" + kBytes + " }}");
       },
       4, ""},
      {"a shard of an index", "stage1-prepare", plan,
       [=](const Place& p) {
         fs::remove(p.demo / "model/model.safetensors");
         write_text(p.demo / "model/model.safetensors.index.json",
                    R"({"weight_map":{")" + kJson + R"(":"../)" + kJson + kLong + R"("}})");
       },
       4, "\\x1b[2J"},
  };
}

std::vector<Case> other_cases() {
  return {
      {"the status of sets",
       "stage1-prepare",
       {"--status", "--all_sets"},
       [](const Place& p) {
         fs::create_directories(p.root / "embeddings" / kBytes);
         write_text(p.root / "embeddings" / kBytes / (kBytes + "-00001-of-00002.safetensors"), "x");
         write_text(p.root / (kBytes + ".pt"), "x");
       },
       0,
       "trained: "},
      {"the status as JSON",
       "stage1-prepare",
       {"--status", "--all_sets", "--json"},
       [](const Place& p) {
         fs::create_directories(p.root / "embeddings/model");
         write_text(p.root / "embeddings/model/set-00001-of-00002.safetensors", "x");
         write_text(p.root / (kBytes + ".pt"), "x");
       },
       0,
       "\\u202e"},
      {"a key of a config",
       "stage2-train",
       {"--config", "@root/c.json"},
       [](const Place& p) {
         write_text(p.root / "c.json", "{\"stage2-train\":{\"" + kJson + kLong + "\":1}}");
       },
       2,
       "\\x1b[2J"},
      {"a value of a config",
       "stage1-train",
       {"--config", "@root/c.json"},
       [](const Place& p) {
         write_text(p.root / "c.json", "{\"stage1-train\":{\"split_by\":\"" + kJson + kLong + "\"}}");
       },
       2,
       "\\x1b[2J"},
      {"a flag", "stage1-train", {"--alphas", "\x1b[2J"}, {}, 2, "\\x1b[2J"},
      {"a model", "score", {"--model_path", "@root/" + kBytes, "--device", "-1"}, {}, -1, "\\x1b[2J"},
  };
}

std::vector<std::string> flags_of(const Case& test, const Place& place) {
  std::vector<std::string> flags;
  if (test.program != "score") flags = stage_flags(test.program, place.demo, place.root);
  for (std::string flag : test.flags) {
    if (flag.starts_with("@root/")) flag = (place.root / flag.substr(6)).string();
    flags.push_back(flag);
  }
  return flags;
}

void check_text(const std::string& text) {
  CHECK(escape_controls(text, "\n\t") == text);
  CHECK(text.size() < 100'000);
  CHECK(text.find("\nok") == std::string::npos);  // no line is forged
}

}  // namespace

TEST_CASE("foreign text reaches the terminal without control characters, and in part", "[e2e]") {
  std::vector<Case> cases = data_cases();
  for (const auto& more : {model_cases(), other_cases()}) cases.insert(cases.end(), more.begin(), more.end());
  for (const Case& test : cases) {
    DYNAMIC_SECTION(test.name) {
      const TempDir dir;
      const Place place{dir / "demo", dir / "root"};
      copy_tree(demo_dir(), place.demo);
      fs::create_directories(place.root);
      if (test.edit) test.edit(place);
      const ProcessResult result = run_program(test.program, flags_of(test, place));
      INFO(result.out.substr(0, 20'000));
      INFO(result.err.substr(0, 20'000));
      if (test.exit_code >= 0) CHECK(result.exit_code == test.exit_code);
      CHECK(result.exit_code < 128);
      CHECK((result.out + result.err).find(test.shows) != std::string::npos);
      check_text(result.out);
      check_text(result.err);
    }
  }
}
