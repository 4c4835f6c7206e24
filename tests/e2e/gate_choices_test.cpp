// Choices of stage2-train: which gate to keep, several seeds, further preference sets, and their report.
#include <nlohmann/json.hpp>

#include "e2e/demo_fixture.h"
#include "io/read_file.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

struct Trained {
  std::string out;
  json report;
  std::string gate;  // bytes of the .pt file
};

Trained train(const TempDir& place, const std::vector<std::string>& more) {
  std::vector<std::string> flags = stage_flags("stage2-train", demo_dir(), demo_run());
  flags.insert(flags.end(), {"--output_dir", place.path().string(), "--threads", "1"});
  flags.insert(flags.end(), more.begin(), more.end());
  const ProcessResult result = run_program("stage2-train", flags);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return {result.out, json::parse(io::read_text_file(place.path() / "gating_network_model.json")),
          io::read_text_file(place.path() / "gating_network_model.pt")};
}

double accuracy_at(const json& looks, std::int64_t step) {
  for (const json& look : looks)
    if (look.at("step") == step) return look.at("accuracy");
  throw std::runtime_error("no look at this step");
}

}  // namespace

TEST_CASE("--select best keeps the best look, --select last the last", "[e2e]") {
  const TempDir place;
  const std::vector<std::string> looks{"--eval_every", "5", "--learning_rate", "0.05"};
  const Trained last = train(place, looks);
  CHECK(last.report["training"]["kept_step"] == 60);
  CHECK(last.report["training"]["validation"].size() == 12);

  std::vector<std::string> flags = looks;
  flags.insert(flags.end(), {"--select", "best"});
  const Trained best = train(place, flags);
  const json& curve = best.report["training"]["validation"];
  CHECK(curve == last.report["training"]["validation"]);  // evaluations do not change the training
  double highest = 0.0;
  for (const json& look : curve) highest = std::max(highest, look.at("accuracy").get<double>());
  CHECK(accuracy_at(curve, best.report["training"]["kept_step"]) == highest);
  // The published gate is the selected one.
  CHECK(best.report["validation"][0]["accuracy"].get<double>() == Approx(highest));
  CHECK((best.gate != last.gate) == (best.report["training"]["kept_step"] != 60));
}

TEST_CASE("--patience ends a training that no longer improves", "[e2e]") {
  const TempDir place;
  const Trained stopped = train(place, {"--eval_every", "1", "--patience", "3", "--learning_rate", "0.5"});
  CHECK(stopped.report["training"]["stopped_early"] == true);
  CHECK(stopped.report["training"]["validation"].size() < 60);
}

TEST_CASE("--seeds trains several gates, tells their spread and keeps the best", "[e2e]") {
  const TempDir place;
  const Trained several = train(place, {"--seeds", "3", "--seed", "4"});
  const json& seeds = several.report["seeds"];
  REQUIRE(seeds["runs"].size() == 3);
  double mean = 0.0, highest = 0.0;
  for (const json& run : seeds["runs"]) {
    mean += run["accuracy"].get<double>() / 3;
    highest = std::max(highest, run["accuracy"].get<double>());
  }
  CHECK(seeds["accuracy"]["mean"].get<double>() == Approx(mean));
  CHECK(several.report["validation"][0]["accuracy"].get<double>() == Approx(highest));
  CHECK_THAT(several.out, Catch::Contains("(kept)") && Catch::Contains("standard deviation"));

  const TempDir alone_place;
  const Trained alone = train(alone_place, {"--seed", std::to_string(seeds["kept"].get<int>())});
  CHECK(alone.gate == several.gate);
}

TEST_CASE("--eval measures the gate on further preference sets", "[e2e]") {
  const TempDir place;
  const Trained trained = train(place, {"--eval", (demo_dir() / "reference").string() + ":train," +
                                                      (demo_dir() / "preference").string()});
  const json& sets = trained.report["eval"];
  REQUIRE(sets.size() == 2);
  CHECK(sets[0]["pairs"] == 100);
  CHECK(sets[1]["pairs"] == 200);
  for (const json& set : sets) {
    const json& gate = set["scorers"][0];
    CHECK(gate["low"].get<double>() < gate["accuracy"].get<double>());
    CHECK(gate["accuracy"].get<double>() <= gate["high"].get<double>());
  }
  const ProcessResult missing = run_program("stage2-train", [] {
    std::vector<std::string> flags = stage_flags("stage2-train", demo_dir(), demo_run());
    flags.insert(flags.end(), {"--eval", "no-such-set"});
    return flags;
  }());
  CHECK(missing.exit_code == 3);
  CHECK_THAT(missing.err, Catch::Contains("no-such-set-train") && Catch::Contains("stage2-prepare"));
}

TEST_CASE("the report compares the gate with its baselines pair by pair", "[e2e]") {
  const TempDir place;
  const Trained trained = train(place, {});
  const json& scorers = trained.report["validation"];
  REQUIRE(scorers.size() == 4);  // gate, uniform, best attribute, not debiased
  for (std::size_t i = 1; i < scorers.size(); ++i) {
    const json& test = scorers[i]["against_gate"];
    const double n = test["both_right"].get<double>() + test["only_gate_right"].get<double>() +
                     test["only_this_right"].get<double>() + test["both_wrong"].get<double>();
    CHECK(n == 40);
    CHECK((test["both_right"].get<double>() + test["only_gate_right"].get<double>()) / n ==
          Approx(scorers[0]["accuracy"].get<double>()));
    CHECK((test["both_right"].get<double>() + test["only_this_right"].get<double>()) / n ==
          Approx(scorers[i]["accuracy"].get<double>()));
  }
  double load = 0.0;
  for (const json& attribute : trained.report["gate_usage"]["attributes"])
    load += attribute["mean_weight"].get<double>();
  CHECK(load == Approx(1.0));
  CHECK(trained.report["transform"].size() == 19 * 19);
}
