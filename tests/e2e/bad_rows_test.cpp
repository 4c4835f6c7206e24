// Rows that cannot be used are listed and counted, and do not affect other rows.
#include "stages/prepare/bad_rows.h"

#include <fmt/core.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "stages/options/common_options.h"
#include "stages/resume/journal.h"
#include "stages/stage1_prepare.h"
#include "support/error_of.h"
#include "support/fixed_kernels.h"
#include "text/conversation_encoder.h"

using namespace armorm;
using namespace armorm::test;
using Catch::Matchers::Contains;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const std::string kGood1 =
    R"({"messages":[{"role":"user","content":"one"},{"role":"assistant","content":"two"}],"a":0.5})";
const std::string kGood2 =
    R"({"messages":[{"role":"user","content":"three"},{"role":"assistant","content":"four"}],"a":null})";

struct BadLine {
  std::string line;
  std::string field;
  std::string reason;  // a part of the text
};

const std::vector<BadLine>& bad_lines() {
  static const std::vector<BadLine> lines{
      {R"({"messages":"hello","a":1})", "messages", "list of messages"},
      {R"({"messages":[],"a":1})", "messages", "empty list"},
      {R"({"messages":[{"content":"x"}],"a":1})", "messages", "\"role\""},
      {R"({"messages":[{"role":"user","content":3}],"a":1})", "messages", "content: found"},
      {R"({"a":1})", "messages", "found null"},
      {R"({"messages":[{"role":"user","content":"x"}],"a":"good"})", "a", "expected a number"},
      {R"({"messages":[{"role":"user","content":"x"}],"a":1)", "messages", "expected"},
      {R"([1])", "messages", "expected an object"},
      {R"({"messages":[{"role":"critic","content":"x"}],"a":1})", "messages", "unknown role"},
  };
  return lines;
}

// A copy of the demo's model whose template refuses a role, and a data set with one JSON Lines file.
struct Scene {
  TempDir dir;
  explicit Scene(const std::string& set, const std::string& lines) {
    copy_tree(demo_dir() / "model", dir / "model");
    const json config = json::parse(io::read_text_file(dir / "model/tokenizer_config.json"));
    write_text(dir / "model/chat_template.jinja",
               "{% for m in messages %}{% if m.role == 'critic' %}{{ raise_exception('unknown role') }}{% "
               "endif %}{% endfor %}" +
                   config["chat_template"].get<std::string>());
    set_lines(set, lines);
  }
  void set_lines(const std::string& set, const std::string& lines) {
    fs::create_directories(dir / set);
    write_text(dir.path() / set / "train.jsonl", lines);
  }
  ProcessResult run(const std::string& program, const std::string& set,
                    const std::vector<std::string>& more) {
    std::vector<std::string> flags{"--model_path",   (dir / "model").string(),
                                   "--data_root",    (dir / "root").string(),
                                   "--device",       "-1",
                                   "--kernels",      fixed_kernels_name(),
                                   "--batch_tokens", "1",
                                   "--dataset_path", (dir / set).string(),
                                   "--log_level",    "error"};
    flags.insert(flags.end(), more.begin(), more.end());
    return run_program(program, flags);
  }
  fs::path file(const std::string& name) const { return dir.path() / "root/embeddings/model" / name; }
};

std::vector<json> rejects(const fs::path& file) {
  std::vector<json> rows;
  std::istringstream in(io::read_text_file(file));
  for (std::string line; std::getline(in, line);) rows.push_back(json::parse(line));
  return rows;
}

std::map<std::int64_t, std::vector<float>> rows_by_id(const fs::path& path) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  const auto ids = file.at("row_ids").as<std::int64_t>();
  const auto values = file.at("embeddings").as<BFloat16>();
  const std::size_t width = values.size() / ids.size();
  std::map<std::int64_t, std::vector<float>> rows;
  for (std::size_t i = 0; i < ids.size(); ++i)
    for (std::size_t j = 0; j < width; ++j) rows[ids[i]].push_back(values[i * width + j].to_float());
  return rows;
}

constexpr const char* kSet = "set-00001-of-00001";

// Rewrites the model's weights in float32, with all numbers of one token's embedding set to `value`.
void set_embedding(const fs::path& model, text::tokenizer::TokenId token, float value) {
  std::vector<io::TensorSpec> specs;
  std::vector<std::vector<float>> contents;
  {
    const io::SafetensorsFile file = io::SafetensorsFile::open(model / "model.safetensors");
    for (const std::string& name : file.names()) {
      const io::TensorView tensor = file.at(name);
      specs.push_back({name, DType::f32, tensor.shape});
      std::vector<float>& values = contents.emplace_back();
      if (tensor.dtype == DType::f32) values.assign(tensor.as<float>().begin(), tensor.as<float>().end());
      if (tensor.dtype == DType::bf16)
        for (const BFloat16 v : tensor.as<BFloat16>()) values.push_back(v.to_float());
      if (name != "model.embed_tokens.weight") continue;
      const auto width = static_cast<std::ptrdiff_t>(tensor.shape[1]);
      std::fill_n(values.begin() + token * width, width, value);
    }
  }
  io::SafetensorsWriter writer(model / "model.safetensors", specs, {{"format", "pt"}});
  for (const auto& values : contents) writer.append(std::span<const float>(values));
  writer.publish();
}

// A token that only the third of three conversations has.
text::tokenizer::TokenId token_of_third(const fs::path& model) {
  const text::ConversationEncoder encoder(model, false, kTemplateDate);
  const auto tokens = [&](const std::string& q, const std::string& a) {
    return encoder.encode({{"user", q}, {"assistant", a}}).tokens;
  };
  std::set<text::tokenizer::TokenId> common;
  for (const auto& list : {tokens("one", "two"), tokens("three", "four")})
    common.insert(list.begin(), list.end());
  for (const text::tokenizer::TokenId token : tokens("~", "~"))
    if (!common.contains(token)) return token;
  throw std::runtime_error("no token of its own");
}

const std::string kThird =
    R"({"messages":[{"role":"user","content":"~"},{"role":"assistant","content":"~"}],"a":1})";

// Requests that the journal holds a second time, computed in float32.
struct Again {
  std::size_t finite = 0, not_finite = 0;
};
Again again_in(const fs::path& journal) {
  Again again;
  const auto content = stages::resume::read_journal(journal);
  if (!content) return again;
  for (const stages::resume::ChunkRecord& chunk : content->chunks) {
    again.finite += chunk.recomputed.size();
    again.not_finite += chunk.still_non_finite.size();
  }
  return again;
}

}  // namespace

TEST_CASE("bad rows are skipped, listed and counted; the good ones do not notice", "[e2e]") {
  std::string lines = kGood1 + "\n";
  for (const BadLine& bad : bad_lines()) lines += bad.line + "\n";
  lines += kGood2 + "\n";
  Scene scene("set", lines);
  const ProcessResult result = scene.run(
      "stage1-prepare", "set", {"--attributes", "a", "--on_bad_row", "skip", "--max_bad_rows", "9"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);

  const std::vector<json> listed = rejects(scene.file(std::string(kSet) + ".rejects.jsonl"));
  REQUIRE(listed.size() == bad_lines().size());
  for (std::size_t i = 0; i < listed.size(); ++i) {
    INFO(listed[i].dump());
    CHECK(listed[i]["row_id"] == i + 1);
    CHECK(listed[i]["field"] == bad_lines()[i].field);
    CHECK_THAT(listed[i]["reason"].get<std::string>(), Contains(bad_lines()[i].reason));
    CHECK(listed[i]["reason"].get<std::string>().size() <= 300);
  }
  const fs::path target = scene.file(std::string(kSet) + ".safetensors");
  const io::Metadata metadata = io::SafetensorsFile::open(target).metadata();
  CHECK(json::parse(metadata.at("counts"))["bad_rows"] == 9);
  CHECK(json::parse(metadata.at("dropped"))["bad row"] == json({1, 2, 3, 4, 5, 6, 7, 8, 9}));
  CHECK(metadata.at("rows") == "2");

  scene.set_lines("good", kGood1 + "\n" + kGood2 + "\n");
  REQUIRE(scene.run("stage1-prepare", "good", {"--attributes", "a"}).exit_code == 0);
  const auto mixed = rows_by_id(target);
  const auto alone = rows_by_id(scene.file("good-00001-of-00001.safetensors"));
  CHECK(mixed.at(0) == alone.at(0));
  CHECK(mixed.at(10) == alone.at(1));
  CHECK_FALSE(fs::exists(scene.file("good-00001-of-00001.rejects.jsonl")));
}

TEST_CASE("each kind of bad row ends the run without --on_bad_row skip", "[e2e]") {
  for (const BadLine& bad : bad_lines()) {
    INFO(bad.line);
    Scene scene("set", kGood1 + "\n" + bad.line + "\n");
    const ProcessResult result = scene.run("stage1-prepare", "set", {"--attributes", "a"});
    CHECK(result.exit_code == 4);
    CHECK_THAT(result.err, Contains(bad.reason) && (Contains("row 1") || Contains("line 2")));
  }
}

TEST_CASE("too many bad rows end the run and are listed", "[e2e]") {
  Scene scene("set", kGood1 + "\n" + bad_lines()[0].line + "\n" + bad_lines()[1].line + "\n");
  for (const std::string limit : {"1", "34%", "0.5", "1%"}) {
    INFO(limit);
    const ProcessResult result = scene.run(
        "stage1-prepare", "set", {"--attributes", "a", "--on_bad_row", "skip", "--max_bad_rows", limit});
    CHECK(result.exit_code == 4);
    CHECK_THAT(result.err, Contains("--max_bad_rows") && Contains(".rejects.jsonl"));
    CHECK(rejects(scene.file(std::string(kSet) + ".rejects.jsonl")).size() == (limit == "1%" ? 1 : 2));
  }
  CHECK(scene
            .run("stage1-prepare", "set",
                 {"--attributes", "a", "--on_bad_row", "skip", "--max_bad_rows", "67%"})
            .exit_code == 0);
}

TEST_CASE("--max_bad_rows is a count or a part", "[unit]") {
  CHECK(stages::options::bad_row_limit("0", 1000) == 0);
  CHECK(stages::options::bad_row_limit("25", 1000) == 25);
  CHECK(stages::options::bad_row_limit("0.5", 1001) == 500);
  CHECK(stages::options::bad_row_limit("2.5%", 1000) == 25);
  CHECK(stages::options::bad_row_limit("100%", 7) == 7);
  for (const char* wrong : {"", "-1", "1.5", "101%", "x", "5 %", "nan", "inf%", "1%%"}) {
    INFO(wrong);
    CHECK_THROWS_WITH(stages::options::bad_row_limit(wrong, 10), Contains("--max_bad_rows"));
  }
}

TEST_CASE("a pair without a gating position or with a broken side is skipped", "[e2e]") {
  const std::string good =
      R"({"chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],)"
      R"("rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"b"}],"source":"s"})";
  Scene scene(
      "pairs",
      good + "\n" +
          R"({"chosen":[{"role":"user","content":"q"}],"rejected":[{"role":"user","content":"q"}],"source":"s"})" +
          "\n{\"chosen\":\n" + good + "\n");
  const ProcessResult all =
      scene.run("stage2-prepare", "pairs", {"--on_bad_row", "skip", "--max_bad_rows", "2"});
  INFO(all.err);
  REQUIRE(all.exit_code == 0);
  std::vector<json> listed = rejects(scene.file("pairs-train.rejects.jsonl"));
  REQUIRE(listed.size() == 2);
  CHECK(listed[0]["row_id"] == 1);
  CHECK_THAT(listed[0]["reason"].get<std::string>(), Contains("gating"));
  CHECK(listed[1]["row_id"] == 2);
  CHECK(rows_by_id(scene.file("pairs-train.safetensors")).size() == 2);
  // The damaged line has no source, so it does not count as one of these rows.
  CHECK(scene.run("stage2-prepare", "pairs", {"--on_bad_row", "skip", "--max_bad_rows", "1", "--source", "s"})
            .exit_code == 0);
  CHECK(rejects(scene.file("pairs-s-train.rejects.jsonl")).size() == 1);
}

TEST_CASE("an embedding that is not finite is a bad row; --on_bad_row skip then needs no pass again",
          "[e2e]") {
  Scene scene("set", kGood1 + "\n" + kGood2 + "\n" + kThird + "\n");
  const text::tokenizer::TokenId token = token_of_third(scene.dir / "model");
  set_embedding(scene.dir / "model", token, std::numeric_limits<float>::quiet_NaN());
  const ProcessResult stopped = scene.run("stage1-prepare", "set", {"--attributes", "a"});
  CHECK(stopped.exit_code == 4);
  CHECK_THAT(stopped.err, Contains("row 2: embedding: is not finite"));
  const ProcessResult skipped = scene.run(
      "stage1-prepare", "set", {"--attributes", "a", "--on_bad_row", "skip", "--max_bad_rows", "1"});
  INFO(skipped.err);
  REQUIRE(skipped.exit_code == 0);
  CHECK_THAT(skipped.out, Contains("2 rows written, 1 dropped"));
  const fs::path target = scene.file(std::string(kSet) + ".safetensors");
  const auto rows = rows_by_id(target);
  CHECK(rows.size() == 2);
  CHECK_FALSE(rows.contains(2));
  CHECK(io::SafetensorsFile::open(target).metadata().at("rows") == "2");
  const std::vector<json> listed = rejects(scene.file(std::string(kSet) + ".rejects.jsonl"));
  REQUIRE(listed.size() == 1);
  CHECK(listed[0]["field"] == "embedding");
  CHECK_FALSE(fs::exists(target.string() + ".partial"));
  CHECK_FALSE(fs::exists(target.string() + ".journal"));
  for (const auto& [id, row] : rows)
    for (const float value : row) CHECK(std::isfinite(value));
}

TEST_CASE("an embedding that only bf16 makes infinite is computed in float32", "[e2e]") {
  Scene scene("set", kGood1 + "\n" + kThird + "\n" + kGood2 + "\n");
  const text::tokenizer::TokenId token = token_of_third(scene.dir / "model");
  set_embedding(scene.dir / "model", token, 3.4e38F);  // above the largest bfloat16
  const ProcessResult result = scene.run("stage1-prepare", "set", {"--attributes", "a"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const fs::path target = scene.file(std::string(kSet) + ".safetensors");
  CHECK(json::parse(io::SafetensorsFile::open(target).metadata().at("counts"))["computed_in_float32"] == 1);
  const auto rows = rows_by_id(target);
  REQUIRE(rows.size() == 3);
  for (const auto& [id, row] : rows)
    for (const float value : row) CHECK(std::isfinite(value));
}

TEST_CASE("what is computed again in float32 is stopped by a signal and not lost by it", "[e2e]") {
  Scene scene("set", kGood1 + "\n" + kThird + "\n" + kGood2 + "\n" + kThird + "\n" + kThird + "\n");
  set_embedding(scene.dir / "model", token_of_third(scene.dir / "model"), 3.4e38F);
  Stage1PrepareOptions options;
  options.attributes = {"a"};
  options.dataset_path = (scene.dir / "set").string();
  options.extraction.model_path = (scene.dir / "model").string();
  options.extraction.device = -1;
  options.extraction.kernels = fixed_kernels();
  options.extraction.batch_tokens = 1;
  options.extraction.threads = 1;
  options.extraction.checkpoint_seconds = 0;
  const auto target_below = [&](const std::string& root) {
    options.extraction.data_root = (scene.dir / root).string();
    return scene.dir / root / "embeddings/model" / (std::string(kSet) + ".safetensors");
  };
  const fs::path whole = target_below("whole");
  run_stage1_prepare(options);
  const fs::path target = target_below("stopped"), journal = target.string() + ".journal";
  for (const std::size_t wanted : {1, 2}) {
    const stages::options::StageEnvironment stopping{
        .stop_requested = [&] { return again_in(journal).finite >= wanted; }};
    CHECK_THAT(error_of([&] { stages::run_stage1_prepare(options, stopping); }, ErrorKind::interrupted),
               Contains(fmt::format("{} of 3 sequences must still be recomputed in float32", 3 - wanted)));
    CHECK(again_in(journal).finite == wanted);  // so each run computed one again
  }
  run_stage1_prepare(options);
  CHECK(io::read_text_file(target) == io::read_text_file(whole));
  CHECK_FALSE(fs::exists(journal));
}

TEST_CASE("computing again in float32 ends with the row that is one too many", "[e2e]") {
  Scene scene("set", kGood1 + "\n" + kThird + "\n" + kThird + "\n" + kThird + "\n" + kThird + "\n");
  set_embedding(scene.dir / "model", token_of_third(scene.dir / "model"),
                std::numeric_limits<float>::quiet_NaN());
  const auto run = [&](const std::string& limit) {
    return scene.run("stage1-prepare", "set",
                     {"--attributes", "a", "--on_bad_row", "skip", "--max_bad_rows", limit});
  };
  const fs::path journal = scene.file(std::string(kSet) + ".safetensors.journal");
  for (int attempt = 0; attempt < 2; ++attempt) {
    CHECK(run("1").exit_code == 4);
    CHECK(again_in(journal).not_finite == 2);
  }
  CHECK(run("4").exit_code == 0);
  CHECK(rejects(scene.file(std::string(kSet) + ".rejects.jsonl")).size() == 4);
}

TEST_CASE("a best-of-n row goes whole with an answer whose embedding is not finite, and is listed once",
          "[e2e]") {
  const auto row = [](const std::string& rejected, const std::string& id) {
    return R"({"prompt":"one","chosen":["two"],"rejected":[)" + rejected + R"(],"subset":"Math","id":")" +
           id + "\"}\n";
  };
  // The middle prompt has three pairs; two of them hold the answer.
  Scene scene("bench",
              row(R"("four","three")", "0") + row(R"("~","four","~")", "1") + row(R"("three")", "2"));
  set_embedding(scene.dir / "model", token_of_third(scene.dir / "model"),
                std::numeric_limits<float>::quiet_NaN());
  const ProcessResult result =
      scene.run("stage2-prepare", "bench", {"--on_bad_row", "skip", "--max_bad_rows", "1"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const io::SafetensorsFile file = io::SafetensorsFile::open(scene.file("bench-train.safetensors"));
  const auto ids = file.at("row_ids").as<std::int64_t>();
  CHECK(std::vector<std::int64_t>(ids.begin(), ids.end()) == std::vector<std::int64_t>{0, 0, 2});
  const auto candidates = file.at("candidate_ids", DType::i64, {3, 2}).as<std::int64_t>();
  CHECK(std::vector<std::int64_t>(candidates.begin(), candidates.end()) ==
        std::vector<std::int64_t>{0, 0, 0, 1, 0, 0});
  const std::vector<json> listed = rejects(scene.file("bench-train.rejects.jsonl"));
  REQUIRE(listed.size() == 1);
  CHECK(listed[0]["row_id"] == 1);
}

TEST_CASE("a row of Ties without a number is a bad row", "[e2e]") {
  const std::string good = R"({"prompt":"q","chosen":["a"],"rejected":["b"],"subset":"Ties","id":"ref:0"})";
  Scene scene(
      "bench",
      good + "\n" + R"({"prompt":"q","chosen":["a","c"],"rejected":["b"],"subset":"Ties","id":"0"})" + "\n");
  const ProcessResult stopped = scene.run("stage2-prepare", "bench", {});
  CHECK(stopped.exit_code == 4);
  CHECK_THAT(stopped.err, Contains("row 1") && Contains("tied:<number>"));
}
