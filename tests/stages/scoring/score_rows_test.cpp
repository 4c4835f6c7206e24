// score compared with PyTorch's numbers on folders of the released layout, however rows are batched, and line
// by line.
#include "stages/scoring/score_rows.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "armorm/extraction_options.h"
#include "core/error.h"
#include "core/words.h"
#include "data/attributes.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "stages/reward_model/reward_model.h"
#include "stages/score.h"
#include "support/error_of.h"
#include "support/fixed_kernels.h"
#include "support/log_capture.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::scoring;
using namespace armorm::test;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

fs::path reward_model_folder(const std::string& name) { return golden("reward_model") / name; }

const std::vector<ScoreField> kAllFields{ScoreField::score,        ScoreField::rewards,
                                         ScoreField::gate,         ScoreField::contributions,
                                         ScoreField::coefficients, ScoreField::tokens};

ScoreOptions options_for(const fs::path& folder, const fs::path& input, const fs::path& output) {
  ScoreOptions options;
  options.model_path = folder.string();
  options.input = input.string();
  options.output = output.string();
  options.device = -1;
  options.kernels = fixed_kernels();
  options.precision = Precision::fp32;
  options.threads = 2;
  options.fields = kAllFields;
  return options;
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

void write_lines(const fs::path& path, const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  io::publish_text(path, text);
}

std::vector<std::string> score_lines(const fs::path& folder, const std::vector<std::string>& input,
                                     const std::function<void(ScoreOptions&)>& change = {}) {
  const TempDir dir;
  write_lines(dir / "in.jsonl", input);
  ScoreOptions options = options_for(folder, dir / "in.jsonl", dir / "out.jsonl");
  if (change) change(options);
  options.validate();
  run_score(options);
  return lines_of(dir / "out.jsonl");
}

std::vector<double> values(const json& field) {
  if (field.is_number()) return {field.get<double>()};
  std::vector<double> out;
  for (const auto& value : field) out.push_back(value.get<double>());
  return out;
}

// All numbers of all rows, by field; attributes in the order of the golden's columns.
std::vector<double> numbers_of(const std::vector<std::string>& lines, const std::string& field,
                               const std::vector<std::string>& attributes) {
  std::vector<double> out;
  for (const std::string& line : lines) {
    const json found = json::parse(line).at(field);
    if (found.is_object()) REQUIRE(found.size() == attributes.size());
    if (found.is_number())
      out.push_back(found.get<double>());
    else
      for (const std::string& name : attributes) out.push_back(found.at(name).get<double>());
  }
  return out;
}

std::vector<double> numbers_of(const json& rows) {
  std::vector<double> out;
  for (const json& row : rows)
    for (const double value : values(row)) out.push_back(value);
  return out;
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

double rms_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

json read_json(const fs::path& path) { return json::parse(io::read_text_file(path)); }

std::string conversation(const std::string& id, const std::string& question, const std::string& answer) {
  return json{
      {"id", id},
      {"messages", {{{"role", "user"}, {"content", question}}, {{"role", "assistant"}, {"content", answer}}}}}
      .dump();
}

std::string error_of_score(const std::vector<std::string>& input,
                           const std::function<void(ScoreOptions&)>& change = {}) {
  return error_of([&] { score_lines(reward_model_folder("llama"), input, change); }, ErrorKind::data);
}

}  // namespace

// The reference is the same base model with the tensors of peft's merge_and_unload in their places.
TEST_CASE("score reads a reward model with an adapter as the merged model", "[golden]") {
  const TempDir dir;
  const fs::path base = reward_model_folder("llama");
  fs::create_directories(dir / "adapter");
  fs::copy_file(golden("adapter/bf16") / "adapter_model.safetensors",
                dir / "adapter/adapter_model.safetensors");
  json config = read_json(golden("adapter/bf16") / "adapter_config.json");
  config["base_model_name_or_path"] = base.string();
  io::publish_text(dir / "adapter/adapter_config.json", config.dump());
  fs::copy(base, dir / "merged");
  const io::SafetensorsFile expected =
      io::SafetensorsFile::open(golden("adapter/bf16") / "expected.safetensors");
  const io::SafetensorsFile source = io::SafetensorsFile::open(base / "model-00001-of-00002.safetensors");
  std::vector<io::TensorSpec> specs;
  for (const std::string& name : source.names())
    specs.push_back({name, source.at(name).dtype, source.at(name).shape});
  fs::remove(dir / "merged/model-00001-of-00002.safetensors");
  io::SafetensorsWriter writer(dir / "merged/model-00001-of-00002.safetensors", specs, {});
  for (const std::string& name : source.names())
    writer.append(expected.contains(name) ? expected.at(name).bytes : source.at(name).bytes);
  writer.publish();

  const std::vector<std::string> input = lines_of(base / "conversations.jsonl");
  const auto scores = [&](const fs::path& folder) {
    std::vector<double> out;
    for (const std::string& line : score_lines(folder, input)) out.push_back(json::parse(line).at("score"));
    return out;
  };
  const std::vector<double> wanted = scores(dir / "merged");
  CHECK(largest_difference(scores(dir / "adapter"), wanted) <= 2e-2);
  CHECK(largest_difference(scores(base), wanted) > 0.1);
}

TEST_CASE("score agrees with PyTorch on folders of the released layout", "[golden]") {
  for (const char* name : {"llama", "gemma2"}) {
    const json expected = read_json(reward_model_folder(name) / "expected.json");
    const stages::reward_model::RewardModel loaded =
        stages::reward_model::RewardModel::load(reward_model_folder(name), false);
    const std::vector<std::string> input = lines_of(reward_model_folder(name) / "conversations.jsonl");
    for (const Precision precision : {Precision::fp32, Precision::bf16}) {
      const auto lines =
          score_lines(reward_model_folder(name), input, [&](ScoreOptions& o) { o.precision = precision; });
      for (const ScoreField which : kAllFields) {
        const std::string field(name_of(which));
        CAPTURE(name, std::string(name_of(precision)), field);
        const std::vector<double> found = numbers_of(lines, field, loaded.attributes);
        const std::vector<double> exact = numbers_of(expected.at(field));
        // In bfloat16, about as far from the float32 numbers as transformers' own bfloat16.
        if (precision == Precision::fp32)
          CHECK(largest_difference(found, exact) <= 2e-5);
        else
          CHECK(rms_difference(found, exact) <= 1.5 * expected.at("bf16_rms").at(field).get<double>());
      }
      for (std::size_t i = 0; i < lines.size(); ++i)
        CHECK(json::parse(lines[i]).at("id") == "row-" + std::to_string(i));
    }
  }
}

TEST_CASE("the folder says what its head is", "[unit]") {
  const stages::reward_model::RewardModel released =
      stages::reward_model::RewardModel::load(reward_model_folder("llama"), false);
  CHECK(released.attributes == default_attributes());
  CHECK(released.head.temperature == 2.0);
  CHECK(released.head.bias.empty());
  CHECK(released.head.gate.layers.size() == 3);
  const stages::reward_model::RewardModel ours =
      stages::reward_model::RewardModel::load(reward_model_folder("gemma2"), false);
  CHECK(ours.attributes == std::vector<std::string>{"help", "truth", "length", "safety", "style"});
  CHECK(ours.head.bias.size() == 5);

  const TempDir dir;
  fs::copy(reward_model_folder("llama"), dir / "m", fs::copy_options::recursive);
  const auto fails_with = [&](const char* key, const json& value, const std::string& words) {
    json config = read_json(reward_model_folder("llama") / "config.json");
    config[key] = value;
    io::publish_text(dir / "m/config.json", config.dump());
    const std::string message =
        error_of([&] { stages::reward_model::RewardModel::load(dir / "m", false); }, ErrorKind::data);
    CAPTURE(key, message);
    CHECK(message.find(words) != std::string::npos);
  };
  fails_with("num_objectives", 18, "regression_layer.weight': found shape [19, 32], expected [18, 32]");
  fails_with("num_objectives", "many", "num_objectives");
  fails_with("gating_n_hidden", 3, "gating.layers.2.weight");
  fails_with("gating_temperature", 0, "gating_temperature");
  fails_with("attributes", {"only one"}, "1 names");
  fails_with("gating_token_pattern", json::array(), "gating_token_pattern");
  fails_with("gating_token_pattern", {"text"}, "token ids");
  fails_with("regression_bias", true, "regression_layer.bias");
  CHECK(error_of([] { stages::reward_model::RewardModel::load(golden("model") / "llama_gqa", false); },
                 ErrorKind::data)
            .find("expected an ArmoRM") != std::string::npos);
}

TEST_CASE("a score has the same bits in any company", "[unit]") {
  if (!can_be_batch_invariant()) ARMORM_SKIP(kOnlyLibtorch);
  std::vector<std::string> input;
  for (const std::string& line : lines_of(reward_model_folder("llama") / "conversations.jsonl"))
    input.push_back(line);
  for (int i = 0; i < 40; ++i)
    input.push_back(conversation("more-" + std::to_string(i), "question " + std::to_string(i % 5),
                                 std::string(static_cast<std::size_t>(i * 7 + 1), 'x')));
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    const auto whole =
        score_lines(reward_model_folder("llama"), input, [&](ScoreOptions& o) { o.precision = precision; });
    REQUIRE(whole.size() == input.size());
    const auto small = score_lines(reward_model_folder("llama"), input, [&](ScoreOptions& o) {
      o.precision = precision;
      o.window = 3;
      o.threads = 1;
      o.batch_tokens = 64;
    });
    CHECK(small == whole);
    const std::vector<std::string> reversed(input.rbegin(), input.rend());
    auto back = score_lines(reward_model_folder("llama"), reversed,
                            [&](ScoreOptions& o) { o.precision = precision; });
    std::reverse(back.begin(), back.end());
    CHECK(back == whole);
    const auto alone = score_lines(reward_model_folder("llama"), {input[20]},
                                   [&](ScoreOptions& o) { o.precision = precision; });
    CHECK(alone == std::vector<std::string>{whole[20]});
  }
}

TEST_CASE("rows come in several forms, and their lines count", "[unit]") {
  const std::string q = R"({"role":"user","content":"q"})", a = R"({"role":"assistant","content":"a"})";
  const auto lines = score_lines(reward_model_folder("llama"),
                                 {R"({"messages":[)" + q + "," + a + R"(],"id":7})", "[" + q + "," + a + "]",
                                  "", R"({"prompt":"q","response":"a","id":{"set":"x","n":[1]}})",
                                  R"({"prompt":[)" + q + R"(],"response":"a"})"},
                                 [](ScoreOptions& o) {
                                   o.fields = {ScoreField::tokens, ScoreField::score};
                                 });
  REQUIRE(lines.size() == 4);
  const json first = json::parse(lines[0]);
  CHECK(lines[0].starts_with(R"({"id":7,"tokens":)"));
  CHECK(json::parse(lines[1]).at("line") == 2);
  CHECK(json::parse(lines[2]).at("id") == json{{"set", "x"}, {"n", {1}}});
  CHECK(json::parse(lines[3]).at("line") == 5);
  for (const std::string& line : lines) CHECK(json::parse(line).at("score") == first.at("score"));
  CHECK(first.size() == 3);
}

TEST_CASE("ids come back as they were written", "[unit]") {
  const std::string turns = R"([{"role":"user","content":"q"},{"role":"assistant","content":"a"}])";
  const std::vector<std::string> ids{"18446744073709551617",
                                     "123456789012345678901234567890",
                                     "-0",
                                     "1.0",
                                     "1e5",
                                     "0.1000000000000000055",
                                     std::string(400, '9'),
                                     R"("\u00e9\/")",
                                     R"({"n": 1.50, "b" : [1E2]})",
                                     "true"};
  std::vector<std::string> rows;
  for (const std::string& id : ids) rows.push_back(R"({"id": )" + id + R"(, "messages":)" + turns + "}");
  const auto lines = score_lines(reward_model_folder("llama"), rows,
                                 [](ScoreOptions& o) { o.fields = {ScoreField::tokens}; });
  REQUIRE(lines.size() == ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i)
    CHECK_THAT(lines[i], Catch::StartsWith(R"({"id":)" + ids[i] + R"(,"tokens":)"));
  CHECK(error_of_score({R"({"id":NaN,"messages":)" + turns + "}"}).find("row: id") != std::string::npos);
}

TEST_CASE("a response follows the messages, and a prompt may repeat their start", "[unit]") {
  const std::string q = R"({"role":"user","content":"q"})", a = R"({"role":"assistant","content":"a"})";
  const auto lines =
      score_lines(reward_model_folder("llama"),
                  {R"({"messages":[)" + q + "," + a + "]}", R"({"messages":[)" + q + R"(],"response":"a"})",
                   R"({"response":"a","prompt":"q","messages":[)" + q + "]}",
                   R"({"prompt":[)" + q + R"(],"messages":[)" + q + "," + a + "]}",
                   R"({"prompt":null,"messages":[)" + q + "," + a + "]}"});
  REQUIRE(lines.size() == 5);
  for (const std::string& line : lines)
    CHECK(
        are_same(json::parse(line).at("score").get<float>(), json::parse(lines[0]).at("score").get<float>()));
  CHECK(error_of_score({R"({"prompt":"p","messages":[)" + q + "," + a + "]}"}).find("\"prompt\"") !=
        std::string::npos);
  CHECK(error_of_score({R"({"messages":[)" + q + R"(],"response":["a"]})"})
            .find("response: found array, expected a string") != std::string::npos);
}

TEST_CASE("every key of a row is used, copied, or named", "[unit]") {
  const std::string turns = R"([{"role":"user","content":"q"},{"role":"assistant","content":"a"}])";
  std::vector<std::string> warnings;
  std::vector<std::string> lines;
  {
    const LogCapture capture(warnings);
    lines = score_lines(reward_model_folder("llama"),
                        {R"({"tools":[],"turn":[1,{"x":null}],"messages":)" + turns + "}",
                         R"({"model":"m","tools":[],"messages":)" + turns + R"(,"id":1})", turns},
                        [](ScoreOptions& o) {
                          o.fields = {ScoreField::tokens};
                          o.copy_keys = {"turn"};
                        });
  }
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].starts_with(R"({"line":1,"turn":[1,{"x":null}],"tokens":)"));
  CHECK(lines[1].starts_with(R"({"id":1,"tokens":)"));
  CHECK(std::count_if(warnings.begin(), warnings.end(), [](const std::string& line) {
          return line.find("keys 'model', 'tools' (2 times)") != std::string::npos;
        }) == 1);
  CHECK(error_of_score({R"({"turn":{"a":1,"a":2},"messages":)" + turns + "}"}, [](ScoreOptions& o) {
          o.copy_keys = {"turn"};
        }).find("row: turn") != std::string::npos);
}

TEST_CASE("bad rows end the run, or are passed over with their reason", "[unit]") {
  const std::string good = conversation("good", "q", "a");
  struct Case {
    std::string line, reason;
  };
  const std::vector<Case> cases{
      {"{\"messages\": [", "not valid JSON"},
      {"3", "found number"},
      {"{\"id\":1}", "found neither \"messages\" nor \"prompt\""},
      {R"({"messages":[]})", "is empty"},
      {R"({"messages":[{"content":"q"}]})", "messages: message 0: no field \"role\""},
      {R"([{"role":"user","content":5}])", "content: found number, expected a string"},
      {R"({"prompt":"q"})", "no field \"response\""},
      {R"([{"role":"user","content":"q"}])", "no start of an assistant's answer"},
      {conversation("long", "q", std::string(9000, 'y')), "more than --max_length (1024) allows"},
      {"[{\"role\":\"user\",\"content\":\"\xff\"}]", "not valid JSON"},
  };
  std::vector<std::string> input{good};
  for (const Case& c : cases) {
    CAPTURE(c.line);
    const std::string message = error_of_score({good, c.line, good});
    CHECK(message.find("line 2: ") != std::string::npos);
    CHECK(message.find(c.reason) != std::string::npos);
    input.push_back(c.line);
    input.push_back(good);
  }
  const auto lines = score_lines(reward_model_folder("llama"), input,
                                 [](ScoreOptions& o) { o.on_bad_row = OnBadRow::skip; });
  REQUIRE(lines.size() == input.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const json bad = json::parse(lines[2 * i + 1]);
    CHECK(bad.at("error").get<std::string>().find(cases[i].reason) != std::string::npos);
    CHECK_FALSE(bad.contains("score"));
    CHECK(lines[2 * i + 2] == lines[0]);
  }
  CHECK(error_of_score({good, conversation("x", "q", "aaaa bbbb")}, [](ScoreOptions& o) {
          o.max_length = 12;
        }).find("--max_length (12)") != std::string::npos);
}

TEST_CASE("a key that comes twice in a row or in a message is a bad row", "[unit]") {
  const std::string good = conversation("good", "q", "a");
  const std::string turns = R"([{"role":"user","content":"q"},{"role":"assistant","content":"a"}])";
  struct Case {
    std::string line, reason;
  };
  const std::vector<Case> cases{
      {R"({"messages":)" + turns + R"(,"messages":)" + turns + "}",
       "row: the key \"messages\" appears twice"},
      {R"({"x":1,"messages":)" + turns + R"(,"x":2})", "row: the key \"x\" appears twice"},
      {R"({"prompt":"q","response":"a","prompt":"p"})", "row: the key \"prompt\" appears twice"},
      {R"({"messages":[{"role":"user","content":"q","content":"p"}]})",
       "messages: message 0: the key \"content\" appears twice"},
      {R"([{"role":"user","content":"q"},{"role":"assistant","content":"a","role":"user"}])",
       "row: message 1: the key \"role\" appears twice"},
      {R"({"prompt":[{"role":"user","content":"q","\u0072ole":"user"}],"response":"a"})",
       "prompt: message 0: the key \"role\" appears twice"},
      {R"({"id":{"a":1,"a":2},"messages":)" + turns + "}", "the key \"a\" appears twice"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.line);
    const std::string message = error_of_score({good, good, c.line});
    CHECK(message.find("line 3: ") != std::string::npos);
    CHECK(message.find(c.reason) != std::string::npos);
  }
}

TEST_CASE("a bad row keeps its id", "[unit]") {
  const auto lines = score_lines(reward_model_folder("llama"),
                                 {R"({"messages":[],"id":"seven"})", R"({"id":null,"messages":[]})"},
                                 [](ScoreOptions& o) { o.on_bad_row = OnBadRow::skip; });
  REQUIRE(lines.size() == 2);
  CHECK(json::parse(lines[0]).at("id") == "seven");
  CHECK_FALSE(json::parse(lines[1]).contains("id"));
}

TEST_CASE("options of score are checked", "[unit]") {
  const auto fails = [](const std::function<void(ScoreOptions&)>& change) {
    ScoreOptions options;
    change(options);
    return error_of([&] { options.validate(); }, ErrorKind::usage);
  };
  CHECK(error_of([] { parse_word<ScoreField>("--fields", "scores"); }, ErrorKind::usage)
            .find("'scores' is unknown") != std::string::npos);
  CHECK(fails([](ScoreOptions& o) { o.fields = {}; }).find("--fields") != std::string::npos);
  CHECK(fails([](ScoreOptions& o) {
          o.fields = {ScoreField::score, ScoreField::score};
        }) == "--fields: 'score' is given twice");
  CHECK(fails([](ScoreOptions& o) { o.copy_keys = {"score"}; }).find("--copy_keys") != std::string::npos);
  CHECK(fails([](ScoreOptions& o) { o.copy_keys = {"a", "a"}; }).find("--copy_keys") != std::string::npos);
  CHECK(fails([](ScoreOptions& o) { o.window = 0; }).find("--window") != std::string::npos);
  CHECK(fails([](ScoreOptions& o) { o.device = -2; }).find("--device") != std::string::npos);
  CHECK(fails([](ScoreOptions& o) { o.input = ""; }).find("--input") != std::string::npos);
}

TEST_CASE("rows are handed over as soon as no more input is waiting", "[unit]") {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const std::string name = "/proc/self/fd/" + std::to_string(ends[0]);
  const auto write_text = [&](const std::string& text) {
    REQUIRE(write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  };
  ScoreReader reader(io::open_line_source(name), {.window = 4, .threads = 2, .stop_at_bad = false},
                     [](const Conversation& c, ScoreRow& row) { row.tokens.assign(c[0].content.size(), 1); });
  write_text(R"([{"role":"user","content":"one"}])"
             "\n"
             R"([{"role":"user",)");
  auto rows = reader.next();  // would block if it waited for a full window
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].tokens.size() == 3);
  write_text(R"("content":"four5"}])"
             "\n");
  rows = reader.next();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].line == 2);
  CHECK(rows[0].tokens.size() == 5);
  for (int i = 0; i < 10; ++i)
    write_text(R"([{"role":"user","content":"x"}])"
               "\n");
  write_text(R"([{"role":"user","content":"last, without a newline"}])");
  close(ends[1]);
  std::size_t total = 0;
  for (rows = reader.next(); !rows.empty(); rows = reader.next()) {
    CHECK(rows.size() <= 4 + 3);
    total += rows.size();
  }
  CHECK(total == 11);
  close(ends[0]);
}

TEST_CASE("a line of more than 256 MiB is one bad row, from a file and from a pipe", "[unit]") {
  const TempDir dir;
  const std::string row = "[{\"role\":\"user\",\"content\":\"one\"}]\n";
  {
    std::ofstream out(dir / "rows", std::ios::binary);
    const std::string block(std::size_t{1} << 20, 'x');
    out << row;
    for (int i = 0; i < 257; ++i) out << block;
    out << "\n" << row;
  }
  const auto rows_of = [](const std::string& name) {
    std::vector<ScoreRow> all;
    ScoreReader reader(io::open_line_source(name), {.window = 4, .threads = 1, .stop_at_bad = false},
                       [](const Conversation&, ScoreRow&) {});
    for (auto rows = reader.next(); !rows.empty(); rows = reader.next())
      for (ScoreRow& read : rows) all.push_back(std::move(read));
    return all;
  };
  const auto check = [](const std::vector<ScoreRow>& rows) {
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].error.empty());
    CHECK(rows[1].line == 2);
    CHECK(rows[1].error == "is longer than the 268435456 bytes allowed");
    CHECK(rows[2].line == 3);
    CHECK(rows[2].error.empty());
  };
  check(rows_of((dir / "rows").string()));
  FILE* pipe = popen(("cat " + (dir / "rows").string()).c_str(), "re");
  REQUIRE(pipe != nullptr);
  check(rows_of("/proc/self/fd/" + std::to_string(fileno(pipe))));
  pclose(pipe);
}

TEST_CASE("a reader that is no longer wanted does not wait for input", "[unit]") {
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  {
    const ScoreReader reader(io::open_line_source("/proc/self/fd/" + std::to_string(ends[0])), {},
                             [](const Conversation&, ScoreRow&) {});
  }
  close(ends[0]);
  close(ends[1]);
  ScoreReader missing(io::open_line_source(golden("reward_model/llama/conversations.jsonl").string()),
                      {.window = 2}, [](const Conversation&, ScoreRow&) { fail_io("a disk went away"); });
  CHECK(error_of([&] { missing.next(); }, ErrorKind::io) == "a disk went away");
}
