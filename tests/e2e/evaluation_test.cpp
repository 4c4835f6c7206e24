// The evaluations of stage2-train: length bias, RewardBench with intervals, RewardBench 2, and debiasing
// against length.
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "armorm/extraction_options.h"
#include "data/dataset.h"
#include "e2e/demo_fixture.h"
#include "io/content_digests.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "text/conversation_encoder.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

std::vector<std::string> train_flags(const fs::path& root, const TempDir& place,
                                     const std::vector<std::string>& more,
                                     const std::string& reward_bench_2 = "reward-bench-2") {
  std::vector<std::string> flags = stage_flags("stage2-train", demo_dir(), root);
  flags.insert(flags.end(), {"--output_dir", place.path().string(), "--threads", "1",
                             "--reward_bench_2_dataset", (demo_dir() / reward_bench_2).string()});
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

struct Trained {
  std::string out;
  std::string err;
  json report;
};

Trained train(const std::vector<std::string>& more, const fs::path& root = demo_run()) {
  const TempDir place;
  const ProcessResult result = run_program("stage2-train", train_flags(root, place, more));
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return {result.out, result.err,
          json::parse(io::read_text_file(place.path() / "gating_network_model.json"))};
}

io::SafetensorsFile pairs_file(const fs::path& root, const std::string& name) {
  return io::SafetensorsFile::open(root / "embeddings" / "model" / (name + ".safetensors"));
}

std::vector<std::int64_t> integers(const io::SafetensorsFile& file, const std::string& name) {
  const auto values = file.at(name).as<std::int64_t>();
  return {values.begin(), values.end()};
}

// Rewrites the file without some of its tensors, as older versions and the Python scripts write it.
void strip(const fs::path& path, const std::set<std::string>& without) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  std::vector<io::TensorSpec> specs;
  for (const std::string name : {"embeddings", "prompt_embeddings", "row_ids", "lengths", "subset_ids"})
    if (file.contains(name) && !without.contains(name))
      specs.push_back({name, file.at(name).dtype, file.at(name).shape});
  io::SafetensorsWriter writer(path, specs, io::with_reserved_digests(file.metadata(), specs));
  for (const io::TensorSpec& spec : specs) writer.write_at(spec.name, 0, file.at(spec.name).bytes);
  writer.publish();
}

const json& penalty_of(const Trained& run, const std::string& attribute) {
  for (const json& entry : run.report["debiasing"])
    if (entry["name"] == attribute) return entry;
  throw std::runtime_error("no " + attribute);
}

}  // namespace

TEST_CASE("stage2-prepare counts the tokens after the opening of the last answer", "[e2e]") {
  const io::SafetensorsFile file = pairs_file(demo_run(), "preference-train");
  const std::vector<std::int64_t> lengths = integers(file, "lengths");
  const std::vector<std::int64_t> rows = integers(file, "row_ids");
  REQUIRE(lengths.size() == 2 * rows.size());
  const text::ConversationEncoder encoder(demo_dir() / "model", false, kTemplateDate);
  const auto answer_tokens = [&](const Conversation& conversation) {
    // The answer's own tokens and the end of its turn; the demo's template adds nothing else.
    return static_cast<std::int64_t>(encoder.tokenizer().encode(conversation.back().content, false).size()) +
           1;
  };
  data::DatasetOptions options;
  options.path = demo_dir() / "preference";
  std::size_t row = 0;
  data::Dataset::open(options).for_each_preference({}, [&](data::PreferenceRow&& pair) {
    CHECK(lengths[2 * row] == answer_tokens(pair.chosen));
    CHECK(lengths[2 * row + 1] == answer_tokens(pair.rejected));
    ++row;
  });
  CHECK(row == rows.size());
}

TEST_CASE("every evaluation tells its length bias", "[e2e]") {
  const std::string reference = (demo_dir() / "reference").string();
  const Trained run = train({"--eval", reference});
  std::map<std::string, int> scorers;
  for (const json& entry : run.report["length_bias"]) {
    const std::string set = entry["set"];
    ++scorers[set];
    std::int64_t n = 0;
    for (const char* group : {"chosen_longer", "chosen_shorter", "equal"}) {
      const json& g = entry[group];
      n += g["n"].get<std::int64_t>();
      if (g["n"] == 0) continue;
      CHECK(g["accuracy"].get<double>() == Approx(g["correct"].get<double>() / g["n"].get<double>()));
      CHECK((g["low"] <= g["accuracy"] && g["accuracy"] <= g["high"]));
    }
    CHECK(n == (set == "validation" ? 40 : set == "RewardBench" ? 120 : 100));
    CHECK(entry["gap"].get<double>() == Approx(entry["chosen_longer"]["accuracy"].get<double>() -
                                               entry["chosen_shorter"]["accuracy"].get<double>()));
    CHECK(std::abs(entry["margin_correlation"].get<double>()) <= 1.0);
  }
  CHECK(scorers == std::map<std::string, int>{{"validation", 4}, {"RewardBench", 4}, {reference, 4}});
  // The demo's rewards rise with length, and debiasing reduces that.
  const json& bias = run.report["length_bias"];
  CHECK(bias[0]["margin_correlation"].get<double>() < bias[3]["margin_correlation"].get<double>());
  CHECK_THAT(run.out,
             Catch::Contains("length bias, validation") && Catch::Contains("length bias, RewardBench"));
}

TEST_CASE("sets without lengths are still read, and say what to do where lengths are needed", "[e2e]") {
  const TempDir dir;
  copy_tree(demo_run(), dir / "root");
  for (const char* name : {"preference-train", "reference-train", "reward-bench-filtered"})
    strip(dir / "root" / "embeddings" / "model" / (std::string(name) + ".safetensors"), {"lengths"});
  const Trained run = train({}, dir / "root");
  CHECK(run.report["length_bias"] == json::array());
  CHECK_THAT(run.err, Catch::Contains("validation") && Catch::Contains("have no lengths") &&
                          Catch::Contains("stage2-prepare"));
  const TempDir place;
  const ProcessResult refused =
      run_program("stage2-train", train_flags(dir / "root", place, {"--verbosity_target", "length"}));
  CHECK(refused.exit_code == 4);
  CHECK_THAT(refused.err, Catch::Contains("--verbosity_target length") && Catch::Contains("stage2-prepare"));
}

TEST_CASE("--verbosity_target length lowers the correlation with length instead", "[e2e]") {
  const Trained run = train({"--verbosity_target", "length"});
  CHECK(run.report["verbosity_target"] == "length");
  CHECK_THAT(run.out, Catch::Contains("corr length before"));
  const json& verbosity = penalty_of(run, "helpsteer-verbosity");
  CHECK(verbosity["penalty"] == 1.0);
  CHECK(verbosity["correlation_before"].get<double>() > 0.5);  // the demo's verbosity is length
  CHECK(verbosity["correlation_before"].get<double>() < 1.0);
  CHECK(verbosity["correlation_after"].is_null());
  const json& helpful = penalty_of(run, "helpsteer-helpfulness");
  CHECK(helpful["correlation_after"].get<double>() < helpful["correlation_before"].get<double>());
  CHECK(run.report["debiasing"] != train({}).report["debiasing"]);
}

TEST_CASE("--penalty_search bisection finds penalties between those of the grid", "[e2e]") {
  const Trained grid = train({});
  const Trained bisection = train({"--penalty_search", "bisection"});
  int finer = 0;
  for (const json& entry : grid.report["debiasing"]) {
    const json& found = penalty_of(bisection, entry["name"]);
    CHECK(found["met"] == entry["met"]);
    CHECK(found["penalty"].get<double>() <= entry["penalty"].get<double>());
    if (found["met"] == true && !found["correlation_after"].is_null())
      CHECK(found["correlation_after"].get<double>() <= 0.03);
    finer += found["penalty"] < entry["penalty"] ? 1 : 0;
  }
  CHECK(finer > 5);
}

TEST_CASE("RewardBench sections have intervals, and scorers are tested against the gate", "[e2e]") {
  const Trained run = train({});
  const json& scorers = run.report["reward_bench"];
  REQUIRE(scorers.size() == 4);
  for (std::size_t i = 0; i < scorers.size(); ++i) {
    for (const json& section : scorers[i]["sections"]) {
      CHECK((section["low"] < section["score"] && section["score"] <= section["high"]));
      CHECK(section.contains("p_value") == (i > 0));
    }
    for (const json& subset : scorers[i]["subsets"]) CHECK(subset.contains("p_value") == (i > 0));
    CHECK((scorers[i]["low"] < scorers[i]["score"] && scorers[i]["score"] < scorers[i]["high"]));
    if (i > 0) CHECK((scorers[i]["p_value"] >= 0.0 && scorers[i]["p_value"] <= 1.0));
  }
}

TEST_CASE("a best-of-n row becomes pairs that hold each of its answers", "[e2e]") {
  const io::SafetensorsFile file = pairs_file(demo_run(), "reward-bench-2-test");
  const auto rows = integers(file, "row_ids"), candidates = integers(file, "candidate_ids"),
             ties = integers(file, "tie_ids");
  std::map<std::int64_t, std::set<std::int64_t>> chosen, rejected;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    chosen[rows[i]].insert(candidates[2 * i]);
    rejected[rows[i]].insert(candidates[2 * i + 1]);
  }
  CHECK(chosen.size() == 48);
  CHECK(rows.size() == 40 * 3 + 8 * 4);
  std::size_t i = 0;
  data::DatasetOptions options;
  options.path = demo_dir() / "reward-bench-2";
  options.split = "test";
  data::Dataset::open(options).for_each_preference({}, [&](data::PreferenceRow&& row) {
    CHECK(chosen[row.row_id].size() == row.all_chosen.size());
    CHECK(rejected[row.row_id].size() == row.all_rejected.size());
    while (i < rows.size() && rows[i] < row.row_id) ++i;
    REQUIRE(i < rows.size());
    CHECK((ties[2 * i] != 0) == (row.subset == "Ties"));
    if (row.subset == "Ties")
      CHECK(row.id == (ties[2 * i] == 1 ? "ref:" : "tied:") + std::to_string(ties[2 * i + 1]));
  });
}

TEST_CASE("a best-of-n row with one answer over seq_len is dropped whole", "[e2e]") {
  const TempDir root;
  run_stage("stage2-prepare", root.path(),
            {"--dataset_path", (demo_dir() / "reward-bench-2").string(), "--dataset_split", "test",
             "--seq_len", "90"});
  const io::SafetensorsFile file = pairs_file(root.path(), "reward-bench-2-test");
  const json dropped = json::parse(file.metadata().at("dropped"))["a side longer than seq_len"];
  const auto rows = integers(file, "row_ids");
  const std::set<std::int64_t> kept(rows.begin(), rows.end());
  CHECK(dropped.size() > 0);
  CHECK(kept.size() + dropped.size() == 48);
  for (const json& id : dropped) CHECK_FALSE(kept.contains(id.get<std::int64_t>()));
}

TEST_CASE("--eval_reward_bench_2 scores six sections for each scorer", "[e2e]") {
  const Trained run = train({"--eval_reward_bench_2"});
  const json& bench = run.report["reward_bench_2"];
  CHECK(bench["name"] == (demo_dir() / "reward-bench-2").string());
  REQUIRE(bench["scorers"].size() == 4);
  for (const json& scorer : bench["scorers"]) {
    REQUIRE(scorer["sections"].size() == 6);
    double mean = 0.0;
    for (const json& section : scorer["sections"]) {
      CHECK(section["n"] == 8);
      CHECK((section["low"] <= section["score"] && section["score"] <= section["high"]));
      mean += section["score"].get<double>() / 6;
    }
    CHECK(scorer["score"].get<double>() == Approx(mean));
  }
  CHECK_THAT(run.out, Catch::Contains("Precise IF") && Catch::Contains("RewardBench 2"));
}

TEST_CASE("RewardBench 2 in two shards scores as in one", "[e2e]") {
  const TempDir dir;
  copy_tree(demo_run(), dir / "root");
  fs::remove(dir / "root" / "embeddings" / "model" / "reward-bench-2-test.safetensors");
  for (const char* shard : {"1", "2"})
    run_stage("stage2-prepare", dir / "root",
              {"--dataset_path", (demo_dir() / "reward-bench-2").string(), "--dataset_split", "test",
               "--n_shards", "2", "--shard_idx", shard});
  const json apart = train({"--eval_reward_bench_2"}, dir / "root").report["reward_bench_2"];
  const json whole = train({"--eval_reward_bench_2"}).report["reward_bench_2"];
  for (std::size_t s = 0; s < 6; ++s)
    CHECK(apart["scorers"][0]["sections"][s]["score"].get<double>() ==
          Approx(whole["scorers"][0]["sections"][s]["score"].get<double>()).margin(1e-3));
}

TEST_CASE("wrong values of the evaluation's flags are told", "[e2e]") {
  const TempDir place;
  const auto refused = [&](const std::vector<std::string>& more) {
    return run_program("stage2-train", train_flags(demo_run(), place, more));
  };
  const ProcessResult search = refused({"--penalty_search", "newton"});
  CHECK(search.exit_code == 2);
  CHECK_THAT(search.err, Catch::Contains("--penalty_search") && Catch::Contains("bisection"));
  const ProcessResult target = refused({"--verbosity_target", "words"});
  CHECK(target.exit_code == 2);
  CHECK_THAT(target.err, Catch::Contains("--verbosity_target") && Catch::Contains("length"));
  const ProcessResult missing = refused({"--eval_reward_bench_2", "--reward_bench_2_split", "train"});
  CHECK(missing.exit_code == 3);
  CHECK_THAT(missing.err, Catch::Contains("reward-bench-2-train") && Catch::Contains("stage2-prepare"));
  const ProcessResult pairs =
      run_program("stage2-train",
                  train_flags(demo_run(), place, {"--eval_reward_bench_2", "--reward_bench_2_split", "train"},
                              "preference"));
  CHECK(pairs.exit_code == 4);
  CHECK_THAT(pairs.err, Catch::Contains("lists of answers"));
}
