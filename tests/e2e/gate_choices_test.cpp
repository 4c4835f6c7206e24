// Choices of stage2-train: which gate to keep, several seeds, further preference sets, and their report.
#include <nlohmann/json.hpp>

#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "stages/artifacts/regression_weights.h"

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

// Weights of three attributes with names of their own.
void write_own_weights(const fs::path& folder) {
  const stages::artifacts::RegressionWeights all =
      stages::artifacts::RegressionWeights::load(demo_run() / "regression_weights/model_multi-objective");
  stages::artifacts::RegressionWeights own = all;
  own.attributes = {"first", "second", "wordy"};
  own.weight.clear();
  const std::int64_t d = all.hidden_size;
  for (const std::int64_t k : {0, 5, 4})
    own.weight.insert(own.weight.end(), all.weight.begin() + k * d, all.weight.begin() + (k + 1) * d);
  fs::create_directories(folder);
  own.save(folder / "model_multi-objective");
}

// As the Python scripts write embeddings: two tensors and no metadata; without the last `fewer` pairs.
void write_as_scripts(const fs::path& path, std::int64_t fewer) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  std::vector<io::TensorSpec> specs;
  for (const std::string name : {"embeddings", "prompt_embeddings"}) {
    specs.push_back({name, file.at(name).dtype, file.at(name).shape});
    specs.back().shape[0] -= fewer;
  }
  io::SafetensorsWriter writer(path, specs, {{"format", "pt"}});
  for (const io::TensorSpec& spec : specs) {
    const auto bytes = file.at(spec.name).bytes;
    writer.append(bytes.first(bytes.size() / static_cast<std::size_t>(spec.shape[0] + fewer) *
                              static_cast<std::size_t>(spec.shape[0])));
  }
  writer.publish();
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

TEST_CASE("the verbosity attribute is given by name or index, or there is none", "[e2e]") {
  const TempDir by_default, by_name, none, elsewhere;
  const Trained published = train(by_default, {});
  const Trained named = train(by_name, {"--verbosity_attribute", "helpsteer-verbosity"});
  CHECK(named.gate == published.gate);
  CHECK(named.report["options"] == published.report["options"]);
  CHECK(named.report["options"]["verbosity_dim"] == "4");

  const Trained plain = train(none, {"--verbosity_attribute", "none"});
  CHECK_FALSE(plain.report.contains("debiasing"));
  CHECK(plain.report["validation"].size() == 3);  // no gate on rewards before debiasing
  const io::SafetensorsFile head =
      io::SafetensorsFile::open(none.path() / "gating_network_model.safetensors");
  const auto transform = head.at("reward_transform_matrix", DType::f32, {19, 19}).as<float>();
  for (std::size_t i = 0; i < transform.size(); ++i) CHECK(transform[i] == (i % 20 == 0 ? 1.0F : 0.0F));
  CHECK(train(elsewhere, {"--verbosity_dim", "-1"}).gate == plain.gate);
}

TEST_CASE("a verbosity attribute that is not clear is a usage error", "[e2e]") {
  const TempDir root;
  copy_tree(demo_run() / "embeddings", root / "embeddings");
  write_own_weights(root / "regression_weights");
  const auto run = [&](const fs::path& data, const std::vector<std::string>& more) {
    std::vector<std::string> flags = stage_flags("stage2-train", demo_dir(), data);
    flags.insert(flags.end(), {"--output_dir", (root / "gate").string()});
    flags.insert(flags.end(), more.begin(), more.end());
    return run_program("stage2-train", flags);
  };
  const auto refused = [&](const fs::path& data, const std::vector<std::string>& more,
                           const std::string& text) {
    const ProcessResult result = run(data, more);
    CHECK(result.exit_code == 2);
    CHECK_THAT(result.err, Catch::Contains(text));
  };
  refused(root.path(), {}, "--verbosity_attribute: is not given, and the attributes of");
  refused(root.path(), {"--verbosity_attribute", "length"}, "use none or one of first, second, wordy");
  refused(root.path(), {"--verbosity_attribute", "wordy", "--verbosity_dim", "1"}, "has index 2");
  refused(root.path(), {"--verbosity_attribute", "none", "--verbosity_target", "length"},
          "--verbosity_target");
  refused(demo_run(), {"--compat", "upstream", "--verbosity_dim", "-1"}, "index of the last attribute");
  CHECK(run(root.path(), {"--verbosity_attribute", "wordy"}).exit_code == 0);
  const auto report = json::parse(io::read_text_file(root / "gate/gating_network_model.json"));
  CHECK(report["debiasing"][2]["penalty"] == 1.0);
  CHECK(report["options"]["verbosity_dim"] == "2");
}

TEST_CASE("--compat upstream continues where an attribute is unmet, with penalty 1 and T unused", "[e2e]") {
  const TempDir place, other;
  std::vector<std::string> flags = stage_flags("stage2-train", demo_dir(), demo_run());
  flags.erase(std::find(flags.begin(), flags.end(), "--on_unmet"),
              std::find(flags.begin(), flags.end(), "--on_unmet") + 2);
  flags.insert(flags.end(), {"--penalty_grid", "0,0.01", "--output_dir", place.path().string()});
  const ProcessResult ours = run_program("stage2-train", flags);
  CHECK(ours.exit_code == 4);
  flags.insert(flags.end(), {"--compat", "upstream"});
  const ProcessResult scripts = run_program("stage2-train", flags);
  INFO(scripts.err);
  REQUIRE(scripts.exit_code == 0);
  CHECK_THAT(scripts.err, Catch::Contains("penalty 1 for: "));
  const auto report = json::parse(io::read_text_file(place.path() / "gating_network_model.json"));
  CHECK(report["transform_applied"] == false);
  std::size_t unmet = 0;
  for (const json& attribute : report["debiasing"]) unmet += attribute["met"] == false ? 1 : 0;
  for (const json& attribute : report["debiasing"])
    if (attribute["met"] == false) CHECK(attribute["penalty"] == 1.0);
  CHECK(unmet > 0);
}

TEST_CASE("a device that is not here is a usage error at once, the same in all programs", "[e2e]") {
  const TempDir root;
  for (const std::string program : {"stage1-prepare", "stage2-prepare", "stage2-train", "score"}) {
    INFO(program);
    const ProcessResult result =
        run_program(program, {"--model_path", (root / "no-such-model").string(), "--device", "63"});
    CHECK(result.exit_code == 2);
    CHECK_THAT(result.err, Catch::StartsWith(program + ": error: --device: found 63, "));
    CHECK_THAT(result.err, Catch::Contains("-1 for the CPU"));  // whether or not there are other devices
    CHECK_THAT(result.err, !Catch::Contains("no-such-model"));
  }
}

TEST_CASE("RewardBench embeddings without subsets take them from the data set, or stop at the start",
          "[e2e]") {
  const TempDir root, place;
  copy_tree(demo_run(), root / "run");
  const fs::path file = root / "run/embeddings/model/reward-bench-filtered.safetensors";
  const json expected =
      json::parse(io::read_text_file(demo_run() / "gating_network_model.json"))["reward_bench"];
  const auto train_here = [&](const std::vector<std::string>& more) {
    std::vector<std::string> flags = stage_flags("stage2-train", demo_dir(), root / "run");
    flags.insert(flags.end(), {"--output_dir", place.path().string()});
    flags.insert(flags.end(), more.begin(), more.end());
    return run_program("stage2-train", flags);
  };
  write_as_scripts(file, 0);
  const ProcessResult read = train_here({});
  INFO(read.err);
  REQUIRE(read.exit_code == 0);
  CHECK(json::parse(io::read_text_file(place.path() / "gating_network_model.json"))["reward_bench"] ==
        expected);

  write_as_scripts(file, 1);
  const ProcessResult fewer = train_here({});
  CHECK(fewer.exit_code == 4);
  CHECK_THAT(fewer.err, Catch::Contains("holds 120 rows, but the embeddings 119 pairs"));
  CHECK_THAT(fewer.err, !Catch::Contains("step "));
  const fs::path second = root / "run/embeddings/model/reward-bench-2-test.safetensors";
  write_as_scripts(second, 0);
  fs::copy_file(demo_run() / "embeddings/model/reward-bench-filtered.safetensors", file,
                fs::copy_options::overwrite_existing);
  const ProcessResult no_lists = train_here(
      {"--eval_reward_bench_2", "--reward_bench_2_dataset", (demo_dir() / "reward-bench-2").string()});
  CHECK(no_lists.exit_code == 4);
  CHECK_THAT(no_lists.err, Catch::Contains("rows with lists of answers") && !Catch::Contains("step "));
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
  for (const auto& [set, stem] : {std::pair("no-such-set", "no-such-set-train"),
                                  {"a/set:train[:10%]+test[5:]", "set-train[:10%]+test[5:]"}}) {
    std::vector<std::string> flags = stage_flags("stage2-train", demo_dir(), demo_run());
    flags.insert(flags.end(), {"--eval", set});
    const ProcessResult missing = run_program("stage2-train", flags);
    CHECK(missing.exit_code == 3);
    CHECK_THAT(missing.err, Catch::Contains(stem) && Catch::Contains("stage2-prepare"));
  }
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
