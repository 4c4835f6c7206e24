// Mixtures of two sets, trained end to end: they give the regression and the gate of the same rows in one
// set.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "armorm/attributes.h"
#include "data/dataset.h"
#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "io/safetensors.h"

using namespace armorm;
using namespace armorm::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

json messages_of(const Conversation& conversation) {
  json list = json::array();
  for (const Message& message : conversation)
    list.push_back({{"role", message.role}, {"content", message.content}});
  return list;
}

data::Dataset demo_set(const std::string& name) {
  return data::Dataset::open({.path = demo_dir() / name, .split = "train", .config = "", .columns = {}});
}

std::vector<std::string> attributes() {
  std::vector<std::string> names = default_attributes();
  std::erase_if(names, [](const std::string& name) {
    return !name.starts_with("helpsteer-") && !name.starts_with("ultrafeedback-");
  });
  return names;
}

// The demo's rows with labels of helpsteer in the first half, of ultrafeedback in the second: as one set, and
// as two, each with the columns and the scale of its source.
void write_ratings(const fs::path& dir) {
  const data::Dataset set = demo_set("multi-objective");
  const std::vector<std::string> names = attributes();
  const std::int64_t half = set.num_rows() / 2;
  std::string one, two, all;
  set.for_each_labelled(names, {}, [&](data::LabelledRow&& row) {
    const bool first = row.row_id < half;
    const std::string prefix = first ? "helpsteer-" : "ultrafeedback-";
    json own{{"messages", messages_of(row.messages)}}, complete = own;
    for (std::size_t k = 0; k < names.size(); ++k) {
      const bool has = names[k].starts_with(prefix) && !std::isnan(row.labels[k]);
      complete[names[k]] = has ? json(row.labels[k]) : json();
      if (!names[k].starts_with(prefix)) continue;
      own[names[k].substr(prefix.size())] = has ? json(row.labels[k] * (first ? 4 : 0.5)) : json();
    }
    (first ? one : two) += own.dump() + "\n";
    all += complete.dump() + "\n";
  });
  write_text(dir / "rated-one.jsonl", one);
  write_text(dir / "rated-two.jsonl", two);
  write_text(dir / "rated.jsonl", all);
  const auto path = [&](const char* name) { return (dir / name).string(); };
  write_text(dir / "ratings.json",
             "// Two sources of ratings\n" + json{{"sets",
                                                   {{{"name", "helpsteer"},
                                                     {"path", path("rated-one.jsonl")},
                                                     {"form", "messages"},
                                                     {"attribute_prefix", "helpsteer-"},
                                                     {"label_scale", {{"divide", 4}}}},
                                                    {{"name", "ultrafeedback"},
                                                     {"path", path("rated-two.jsonl")},
                                                     {"form", "messages"},
                                                     {"attribute_prefix", "ultrafeedback-"},
                                                     {"label_scale", {{"divide", 0.5}}}}}}}
                                                 .dump(2));
}

// The demo's pairs: the first half as messages, the second in the form of HelpSteer3.
void write_pairs(const fs::path& dir) {
  const data::Dataset set = demo_set("preference");
  const std::int64_t half = set.num_rows() / 2;
  std::string one, two;
  set.for_each_preference({}, [&](data::PreferenceRow&& row) {
    if (row.row_id < half) {
      one += json{{"chosen", messages_of(row.chosen)}, {"rejected", messages_of(row.rejected)}}.dump() + "\n";
      return;
    }
    const std::string better = row.chosen.back().content;
    row.chosen.pop_back();
    two += json{{"context", messages_of(row.chosen)},
                {"response1", row.rejected.back().content},
                {"response2", better},
                {"overall_preference", 2}}
               .dump() +
           "\n";
  });
  write_text(dir / "messages.jsonl", one);
  write_text(dir / "responses.jsonl", two);
  write_text(dir / "pairs.json",
             json{{"sets",
                   {{{"name", "messages"}, {"path", (dir / "messages.jsonl").string()}},
                    {{"name", "responses"}, {"path", (dir / "responses.jsonl").string()}}}}}
                 .dump(2));
}

// Runs all stages; returns the data root, with the gate.
void train(const fs::path& root, const std::string& ratings, const std::string& pairs) {
  fs::create_directories(root / "embeddings/model");
  for (const char* file : {"reference-train", "reward-bench-filtered"}) {
    const std::string name = std::string(file) + ".safetensors";
    fs::copy_file(demo_run() / "embeddings/model" / name, root / "embeddings/model" / name);
  }
  const auto run = [&](const std::string& program,
                       const std::vector<std::pair<std::string, std::string>>& set) {
    std::vector<std::string> flags = stage_flags(program, demo_dir(), root);
    for (const auto& [flag, value] : set) {
      const auto at = std::find(flags.begin(), flags.end(), flag);
      if (at == flags.end())
        flags.insert(flags.end(), {flag, value});
      else
        *(at + 1) = value;
    }
    const ProcessResult result = run_program(program, flags);
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
  };
  std::string names;
  for (const std::string& name : attributes()) names += (names.empty() ? "" : ",") + name;
  run("stage1-prepare", {{"--dataset_path", ratings}, {"--attributes", names}});
  run("stage1-train", {{"--dataset_path", ratings}});
  run("stage2-prepare", {{"--dataset_path", pairs}});
  run("stage2-train", {{"--multi_objective_dataset", ratings}, {"--preference_dataset", pairs}});
}

std::string bytes_of(const fs::path& file, const std::string& tensor) {
  const io::SafetensorsFile opened = io::SafetensorsFile::open(file);
  const auto bytes = opened.at(tensor).bytes;
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

json metadata_of(const fs::path& file, const std::string& key) {
  return json::parse(io::SafetensorsFile::open(file).metadata().at(key));
}

}  // namespace

TEST_CASE("mixtures of two sets train the weights and the gate that the same rows in one set train",
          "[e2e]") {
  const TempDir dir;
  write_ratings(dir.path());
  write_pairs(dir.path());
  const fs::path mixed = dir / "mixed", single = dir / "single";
  train(mixed, (dir / "ratings.json").string(), (dir / "pairs.json").string());
  train(single, (dir / "rated.jsonl").string(), (demo_dir() / "preference").string());

  const fs::path rows = mixed / "embeddings/model/ratings-00001-of-00001.safetensors";
  for (const char* tensor : {"embeddings", "labels", "row_ids"})
    CHECK(bytes_of(rows, tensor) ==
          bytes_of(single / "embeddings/model/rated.jsonl-00001-of-00001.safetensors", tensor));
  CHECK(metadata_of(rows, "sources") == json{"helpsteer", "ultrafeedback"});
  const fs::path pairs = mixed / "embeddings/model/pairs-train.safetensors";
  for (const char* tensor : {"embeddings", "prompt_embeddings", "row_ids"})
    CHECK(bytes_of(pairs, tensor) ==
          bytes_of(single / "embeddings/model/preference-train.safetensors", tensor));
  CHECK(metadata_of(pairs, "mixture").at(1).at("form") == "helpsteer3");
  CHECK(bytes_of(mixed / "regression_weights/model_ratings.safetensors", "weight") ==
        bytes_of(single / "regression_weights/model_rated.jsonl.safetensors", "weight"));
  CHECK(io::read_text_file(mixed / "gating_network_model.pt") ==
        io::read_text_file(single / "gating_network_model.pt"));
}

TEST_CASE("a recipe with an unknown key ends a program before anything is loaded", "[e2e]") {
  const TempDir dir;
  write_text(dir / "mix.json", R"({"sets": [{"name": "a", "path": "nowhere", "weigth": 2}]})");
  std::vector<std::string> flags = stage_flags("stage1-prepare", demo_dir(), dir / "root");
  *(std::find(flags.begin(), flags.end(), "--dataset_path") + 1) = (dir / "mix.json").string();
  const ProcessResult result = run_program("stage1-prepare", flags);
  CHECK(result.exit_code == 2);
  CHECK(result.err.find("mix.json: sets[0]: unknown key 'weigth'") != std::string::npos);
  CHECK_FALSE(fs::exists(dir / "root"));
}

TEST_CASE("several sets are given with commas, repeatedly, or by a config", "[e2e]") {
  const TempDir dir;
  write_pairs(dir.path());
  const std::string one = (dir / "messages.jsonl").string(), two = (dir / "responses.jsonl").string();
  write_text(dir / "config.json",
             json{{"stage2-prepare", {{"dataset_path", {one, two}}, {"dataset_name", "both"}}}}.dump());
  const std::vector<std::vector<std::string>> ways{
      {"--dataset_path", one + "," + two, "--dataset_name", "both"},
      {"--dataset_path", one, "--dataset_path", two, "--dataset_name", "both"},
      {"--config", (dir / "config.json").string()}};
  std::vector<std::string> rows;  // as the dry runs show them
  for (std::vector<std::string> flags : ways) {
    flags.emplace_back("--dry_run");
    const std::string shown = run_stage("stage2-prepare", dir / "root", flags).out;
    CHECK(shown.find("both-train.safetensors") != std::string::npos);
    CHECK(shown.find("row responses.jsonl:0") != std::string::npos);
    REQUIRE(shown.find("row messages.jsonl:0") != std::string::npos);
    rows.push_back(shown.substr(shown.find("row messages.jsonl:0")));
  }
  CHECK(rows[0] == rows[1]);
  CHECK(rows[0] == rows[2]);
}
