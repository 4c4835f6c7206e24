// stage2-train --export and score on the demo, run like a user, and the folder in transformers.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "armorm/reward_scorer.h"
#include "data/dataset.h"
#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "stages/reward_model/reward_model.h"
#include "support/fixed_kernels.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Both sides of the demo's preference pairs, chosen first.
std::string write_conversations(const fs::path& path, std::size_t pairs) {
  std::string text;
  const data::Dataset demo =
      data::Dataset::open({.path = demo_dir() / "preference", .split = "train", .config = "", .columns = {}});
  demo.for_each_preference({}, [&](data::PreferenceRow&& row) {
    if (row.row_id >= static_cast<std::int64_t>(pairs)) return;
    for (const Conversation* side : {&row.chosen, &row.rejected}) {
      json messages = json::array();
      for (const Message& message : *side)
        messages.push_back({{"role", message.role}, {"content", message.content}});
      text += json{{"messages", messages}}.dump() + "\n";
    }
  });
  write_text(path, text);
  return text;
}

ProcessResult score(const std::vector<std::string>& more) {
  std::vector<std::string> flags{"--model_path", demo_export().string(), "--device", "-1",
                                 "--kernels",    fixed_kernels_name()};
  flags.insert(flags.end(), more.begin(), more.end());
  ProcessResult result = run_program("score", flags);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return result;
}

}  // namespace

TEST_CASE("score computes what the stages stored, to the last bit, and trains' own score", "[e2e]") {
  if (!can_be_batch_invariant()) ARMORM_SKIP(kOnlyLibtorch);
  const TempDir root;
  std::vector<std::string> flags = stage_flags("stage2-prepare", demo_dir(), root.path());
  *(std::find(flags.begin(), flags.end(), "--precision") + 1) = "bf16";
  flags.insert(flags.end(), {"--dataset_path", (demo_dir() / "preference").string(), "--batch_invariant"});
  REQUIRE(run_program("stage2-prepare", flags).exit_code == 0);
  const io::SafetensorsFile file =
      io::SafetensorsFile::open(root / "embeddings/model/preference-train.safetensors");
  const stages::reward_model::RewardModel model =
      stages::reward_model::RewardModel::load(demo_export(), false);
  const std::int64_t d = model.head.hidden_size;
  const auto floats = [&](const char* name) {
    std::vector<float> values;
    for (const BFloat16 x : file.at(name, DType::bf16, {-1, 2, d}).as<BFloat16>())
      values.push_back(x.to_float());
    return values;
  };
  const std::vector<float> states = floats("embeddings"), prompts = floats("prompt_embeddings");
  const std::int64_t rows = std::ssize(states) / d;
  const gating::HeadScores expected =
      gating::score_states(model.head, {states.data(), rows, d}, {prompts.data(), rows, d}, 1);

  write_conversations(root / "in.jsonl", static_cast<std::size_t>(rows / 2));
  const auto lines = lines_of(score({"--input", (root / "in.jsonl").string()}).out);
  REQUIRE(std::ssize(lines) == rows);
  std::size_t different = 0;
  for (std::size_t i = 0; i < lines.size(); ++i)
    different += json::parse(lines[i]).at("score").get<float>() != expected.score[i] ? 1 : 0;
  CHECK(different == 0);
}

TEST_CASE("an export's scores are the training's logits over the trained scale", "[e2e]") {
  const TempDir dir;
  run_stage(
      "stage2-train", demo_run(),
      {"--logit_scale", "20", "--output_dir", (dir / "a").string(), "--export", (dir / "reward").string()});
  run_stage("stage2-train", demo_run(),
            {"--logit_scale", "20", "--output_dir", (dir / "b").string(), "--export",
             (dir / "logits").string(), "--export_scale", "trained"});
  const auto config = json::parse(io::read_text_file(dir / "reward/config.json"));
  const auto report = json::parse(io::read_text_file(dir / "a/gating_network_model.json"));
  const double scale = config.at("bradley_terry_scale");
  CHECK(scale == Approx(report.at("logit_scale").get<double>()).epsilon(1e-6));
  CHECK(scale != 1.0);
  CHECK(io::read_text_file(dir / "a/gating_network_model.pt") ==
        io::read_text_file(dir / "b/gating_network_model.pt"));
  write_conversations(dir / "in.jsonl", 4);
  const auto score_with = [&](const char* name) {
    return run_program("score", {"--model_path", (dir / name).string(), "--device", "-1", "--kernels",
                                 fixed_kernels_name(), "--input", (dir / "in.jsonl").string()});
  };
  const ProcessResult reward = score_with("reward"), logits = score_with("logits");
  REQUIRE(reward.exit_code == 0);
  REQUIRE(logits.exit_code == 0);
  CHECK_THAT(reward.err, Catch::Contains("scores are rewards: the gate's weights sum to 1;") &&
                             Catch::Contains("P(A preferred to B) = sigmoid(") &&
                             Catch::Contains("bradley_terry_scale"));
  CHECK_THAT(logits.err, Catch::Contains("scores contain the gate's scale"));
  CHECK_THAT(reward.err, !Catch::Contains("not known here"));
  const auto of_reward = lines_of(reward.out), of_logits = lines_of(logits.out);
  REQUIRE(of_reward.size() == 8);
  for (std::size_t i = 0; i < of_reward.size(); ++i) {
    const json a = json::parse(of_reward[i]), b = json::parse(of_logits[i]);
    CHECK(a.at("rewards") == b.at("rewards"));
    CHECK(scale * a.at("score").get<double>() ==
          Approx(b.at("score").get<double>()).epsilon(1e-5).margin(1e-6));
    double sum = 0.0;
    for (const auto& [name, weight] : a.at("gate").items()) {
      sum += weight.get<double>();
      CHECK(scale * weight.get<double>() == Approx(b.at("gate").at(name).get<double>()).epsilon(1e-5));
    }
    CHECK(sum == Approx(1.0).epsilon(1e-5));
  }
}

TEST_CASE("RewardScorer has the bits of score on the demo's model", "[e2e]") {
  const TempDir dir;
  std::vector<Conversation> conversations;
  for (const std::string& line : lines_of(write_conversations(dir / "in.jsonl", 12))) {
    Conversation& conversation = conversations.emplace_back();
    const json row = json::parse(line);
    for (const json& message : row.at("messages"))
      conversation.push_back({message.at("role"), message.at("content")});
  }
  const auto lines = lines_of(score({"--input", (dir / "in.jsonl").string()}).out);
  const RewardScorer scorer =
      RewardScorer::load({.model_path = demo_export().string(), .device = -1, .kernels = fixed_kernels()});
  const auto scores = scorer.score(conversations);
  REQUIRE(lines.size() == 24);
  REQUIRE(scores.size() == lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const json expected = json::parse(lines[i]);
    REQUIRE(scores[i].error.empty());
    CHECK(scores[i].score == expected.at("score").get<float>());
    for (std::size_t k = 0; k < scorer.attributes().size(); ++k) {
      const std::string& name = scorer.attributes()[k];
      CHECK(scores[i].gate[k] == expected.at("gate").at(name).get<float>());
      CHECK(scores[i].contributions[k] == expected.at("contributions").at(name).get<float>());
    }
  }
}

TEST_CASE("score writes files whole, reads compressed ones, and says what is wrong", "[e2e]") {
  const TempDir dir;
  write_conversations(dir / "in.jsonl", 4);
  const std::string out = score({"--input", (dir / "in.jsonl").string(), "--fields", "score,gate"}).out;
  CHECK(lines_of(out).size() == 8);
  score({"--input", (dir / "in.jsonl").string(), "--fields", "score,gate", "--output",
         (dir / "out.jsonl").string()});
  CHECK(io::read_text_file(dir / "out.jsonl") == out);
  REQUIRE(run_program("/bin/gzip", {(dir / "in.jsonl").string()}).exit_code == 0);
  const std::string window = can_be_batch_invariant() ? "1" : "1024";
  CHECK(
      score({"--input", (dir / "in.jsonl.gz").string(), "--fields", "score,gate", "--window", window}).out ==
      out);

  write_text(dir / "bad.jsonl",
             "[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\",\"content\":\"a\"}]\n[1]\n");
  const ProcessResult bad = run_program("score", {"--model_path", demo_export().string(), "--device", "-1",
                                                  "--input", (dir / "bad.jsonl").string()});
  CHECK(bad.exit_code == 4);
  CHECK(lines_of(bad.out).size() == 1);
  CHECK(bad.err.find("bad.jsonl: line 2: row: message 0: found number") != std::string::npos);
  const ProcessResult none = run_program("score", {"--model_path", demo_export().string(), "--device", "-1",
                                                   "--input", (dir / "none").string()});
  CHECK(none.exit_code == 3);
  const ProcessResult decoder = run_program(
      "score", {"--model_path", (demo_dir() / "model").string(), "--device", "-1", "--input", "/dev/null"});
  CHECK(decoder.exit_code == 4);
  CHECK(decoder.err.find("stage2-train --export") != std::string::npos);
}

TEST_CASE("score answers line by line while its input stays open", "[e2e]") {
  const TempDir dir;
  const std::string text = write_conversations(dir / "in.jsonl", 1);
  const fs::path input = dir / "input", output = dir / "output";
  REQUIRE(mkfifo(input.c_str(), 0600) == 0);
  REQUIRE(mkfifo(output.c_str(), 0600) == 0);
  // A shell joins the pipes to the standard streams.
  const std::string command = (bin_dir() / "score").string() + " --model_path " + demo_export().string() +
                              " --device -1 <" + input.string() + " >" + output.string();
  ChildProcess child("/bin/sh", {"-c", command});
  const int to = open(input.c_str(), O_WRONLY | O_CLOEXEC), from = open(output.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(to >= 0);
  REQUIRE(from >= 0);
  for (const std::string& line : lines_of(text)) {
    REQUIRE(write(to, (line + "\n").data(), line.size() + 1) == static_cast<ssize_t>(line.size() + 1));
    std::string answer;
    char c = 0;
    while (read(from, &c, 1) == 1 && c != '\n') answer += c;
    CHECK(json::parse(answer).contains("score"));
  }
  close(to);
  const ProcessResult result = child.wait();
  close(from);
  CHECK(result.exit_code == 0);
}

TEST_CASE("transformers loads the export and gives the same scores, padded or not", "[e2e]") {
  const std::string python = dev_python();
  if (python.empty()) ARMORM_SKIP("the Python of scripts/setup.sh --dev is not here");
  const TempDir dir;
  write_conversations(dir / "in.jsonl", 8);
  const ProcessResult check = run_program(
      python, {(source_dir() / "scripts/goldens/check_export.py").string(), demo_export().string(),
               (dir / "in.jsonl").string(), (bin_dir() / "score").string()});
  INFO(check.out);
  INFO(check.err);
  CHECK(check.exit_code == 0);
  CHECK(check.out.find("16 conversations") != std::string::npos);
}
