// RewardScorer compared with PyTorch's numbers, and bit for bit with the output of run_score.
#include "armorm/reward_scorer.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/error.h"
#include "io/read_file.h"
#include "stages/score.h"
#include "support/error_of.h"
#include "support/fixed_kernels.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

fs::path model_folder(const std::string& name) { return golden("reward_model") / name; }

RewardScorer load(const std::string& name, Precision precision = Precision::fp32) {
  return RewardScorer::load({.model_path = model_folder(name).string(),
                             .device = -1,
                             .precision = precision,
                             .kernels = fixed_kernels(),
                             .threads = 2});
}

std::vector<json> json_lines(const fs::path& path) {
  std::ifstream in(path);
  std::vector<json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

std::vector<Conversation> golden_conversations(const std::string& name) {
  std::vector<Conversation> all;
  for (const json& row : json_lines(model_folder(name) / "conversations.jsonl")) {
    Conversation& conversation = all.emplace_back();
    for (const json& message : row.at("messages"))
      conversation.push_back({message.at("role"), message.at("content")});
  }
  return all;
}

void check_near(const std::vector<float>& found, const json& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t k = 0; k < found.size(); ++k)
    CHECK(std::abs(static_cast<double>(found[k]) - expected[k].get<double>()) <= 2e-5);
}

// The vector of an object that score wrote, in the order of `names`.
std::vector<float> in_order(const json& object, const std::vector<std::string>& names) {
  std::vector<float> values;
  for (const std::string& name : names) values.push_back(object.at(name).get<float>());
  return values;
}

const Conversation kGood{{"user", "q"}, {"assistant", "a"}};

}  // namespace

TEST_CASE("RewardScorer agrees with PyTorch on folders of the released layout", "[golden]") {
  for (const char* name : {"llama", "gemma2"}) {
    CAPTURE(name);
    const json expected = json::parse(io::read_text_file(model_folder(name) / "expected.json"));
    const auto scores = load(name).score(golden_conversations(name));
    REQUIRE(scores.size() == expected.at("score").size());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      CAPTURE(i);
      REQUIRE(scores[i].ok());
      check_near({scores[i].score}, json::array({expected.at("score")[i]}));
      check_near(scores[i].rewards, expected.at("rewards")[i]);
      check_near(scores[i].gate, expected.at("gate")[i]);
      check_near(scores[i].contributions, expected.at("contributions")[i]);
      check_near(scores[i].coefficients, expected.at("coefficients")[i]);
    }
  }
}

TEST_CASE("RewardScorer has the bits that run_score writes", "[unit]") {
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    const TempDir dir;
    ScoreOptions options;
    options.model_path = model_folder("llama").string();
    options.input = (model_folder("llama") / "conversations.jsonl").string();
    options.output = (dir / "out.jsonl").string();
    options.device = -1;
    options.kernels = fixed_kernels();
    options.precision = precision;
    options.fields = {ScoreField::score,         ScoreField::rewards,      ScoreField::gate,
                      ScoreField::contributions, ScoreField::coefficients, ScoreField::tokens};
    run_score(options);
    const RewardScorer scorer = load("llama", precision);
    const std::vector<std::string>& names = scorer.attributes();
    const auto scores = scorer.score(golden_conversations("llama"));
    const std::vector<json> lines = json_lines(dir / "out.jsonl");
    REQUIRE(lines.size() == scores.size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
      CHECK(scores[i].score == lines[i].at("score").get<float>());
      CHECK(scores[i].rewards == in_order(lines[i].at("rewards"), names));
      CHECK(scores[i].gate == in_order(lines[i].at("gate"), names));
      CHECK(scores[i].contributions == in_order(lines[i].at("contributions"), names));
      CHECK(scores[i].coefficients == in_order(lines[i].at("coefficients"), names));
      CHECK(scores[i].tokens == lines[i].at("tokens").get<std::int64_t>());
    }
  }
}

TEST_CASE("a conversation that cannot be scored leaves the others as they are", "[unit]") {
  const RewardScorer scorer = load("llama");
  const std::vector<Conversation> rows{kGood,
                                       {},
                                       {{"user", "q"}},
                                       kGood,
                                       {{"user", "\xff"}, {"assistant", "a"}},
                                       {{"user", "q"}, {"assistant", std::string(9000, 'y')}},
                                       kGood};
  const auto scores = scorer.score(rows);
  REQUIRE(scores.size() == rows.size());
  CHECK(scores[1].error == "the conversation is empty, expected at least one message");
  CHECK(scores[2].error.find("no start of an assistant's answer") != std::string::npos);
  CHECK(scores[4].error.find("message 0: is not UTF-8") != std::string::npos);
  CHECK(scores[5].error.find("more than `max_length` (1024) allows") != std::string::npos);
  for (const std::size_t bad : {1, 2, 4, 5}) CHECK(scores[bad].rewards.empty());
  const ConversationScore alone = scorer.score(kGood);
  for (const std::size_t good : {0, 3, 6}) {
    CHECK(scores[good].ok());
    CHECK(are_same(scores[good].score, alone.score));
    if (can_be_batch_invariant()) CHECK(scores[good].contributions == alone.contributions);
  }
  CHECK(scorer.score(std::vector<Conversation>()).empty());
  CHECK(scorer.score(std::vector<Conversation>(3)).size() == 3);
  CHECK(scorer.score({{"user", "q"}, {"assistant", "a"}}).score == alone.score);
}

TEST_CASE("more conversations than are scored at once come back in order", "[unit]") {
  const RewardScorer scorer = load("llama");
  std::vector<Conversation> rows(2100, kGood);
  rows[1030] = {};
  rows[2099] = {{"user", "another"}, {"assistant", "answer"}};
  const auto scores = scorer.score(rows);
  REQUIRE(scores.size() == rows.size());
  CHECK_FALSE(scores[1030].ok());
  CHECK(are_same(scores[2098].score, scores[0].score));
  CHECK(are_same(scores[2099].score, scorer.score(rows[2099]).score));
}

TEST_CASE("a scorer serves several threads", "[unit]") {
  const RewardScorer scorer = load("llama");
  const auto rows = golden_conversations("llama");
  const auto expected = scorer.score(rows);
  std::vector<std::vector<ConversationScore>> found(3);
  {
    std::vector<std::jthread> threads;
    for (auto& result : found) threads.emplace_back([&] { result = scorer.score(rows); });
  }
  for (const auto& result : found) {
    REQUIRE(result.size() == expected.size());
    for (std::size_t i = 0; i < result.size(); ++i) CHECK(result[i].score == expected[i].score);
  }
}

TEST_CASE("what is wrong with the options or the folder is an Error", "[unit]") {
  const std::string folder = model_folder("llama").string();
  const auto fails = [](const ScorerOptions& options, ErrorKind kind) {
    return error_of([&] { RewardScorer::load(options); }, kind);
  };
  CHECK(fails({.model_path = folder, .device = -2}, ErrorKind::usage).find("--device") != std::string::npos);
  CHECK(fails({.model_path = folder, .template_date = "soon"}, ErrorKind::usage).find("soon") !=
        std::string::npos);
  fails({.model_path = (model_folder("llama") / "missing").string(), .device = -1}, ErrorKind::io);
  fails({.model_path = (golden("model") / "llama_gqa").string(), .device = -1}, ErrorKind::data);
}
