// Mixtures of data sets in the prepare stages: ids, sources, metadata, shards, dry runs, and resuming.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "armorm/stage1_prepare.h"
#include "armorm/stage2_prepare.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "stages/artifacts/embedding_set.h"
#include "stages/gate/pair_sources.h"
#include "stages/prepare/cpu_extraction.h"
#include "support/error_of.h"
#include "support/fixed_kernels.h"
#include "support/log_capture.h"
#include "support/printed.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;
using Catch::Matchers::Contains;
using nlohmann::json;
namespace fs = std::filesystem;
using Ids = std::vector<std::int64_t>;

namespace {

json turns(const std::string& prompt, const std::string& answer) {
  return {{{"role", "user"}, {"content", prompt}}, {{"role", "assistant"}, {"content", answer}}};
}

void write_rows(const fs::path& path, const std::vector<json>& rows) {
  std::string text;
  for (const json& row : rows) text += row.dump() + "\n";
  io::publish_text(path, text);
}

json helpsteer3_row(const std::string& prompt, const std::string& one, const std::string& two,
                    int preference) {
  return {{"context", {{{"role", "user"}, {"content", prompt}}}},
          {"response1", one},
          {"response2", two},
          {"overall_preference", preference}};
}

// Two sets of ratings, two of pairs, and recipes of them.
struct Scene {
  Scene() {
    std::vector<json> one, two;
    for (int i = 0; i < 7; ++i)
      one.push_back({{"messages", turns("one " + std::to_string(i), "x")}, {"good", i}});
    for (int i = 0; i < 5; ++i)
      two.push_back({{"messages", turns(i == 4 ? "one 2" : "two " + std::to_string(i), "x")}, {"bad", i}});
    write_rows(dir / "one.jsonl", one);
    write_rows(dir / "two.jsonl", two);
    write_rows(dir / "pairs.jsonl", {{{"chosen", turns("a", "x")}, {"rejected", turns("a", "y")}},
                                     {{"chosen", turns("b", "x")}, {"rejected", turns("b", "y")}},
                                     {{"chosen", turns("a", "x")}, {"rejected", turns("a", "y")}}});
    write_rows(dir / "ranked.jsonl", {helpsteer3_row("c", "p", "q", 2), helpsteer3_row("a", "y", "x", 1),
                                      helpsteer3_row("d", "p", "q", -3), helpsteer3_row("e", "p", "q", 0)});
  }

  json set(const std::string& name, const json& more = json::object()) const {
    json entry{{"name", name}, {"path", (dir / (name + ".jsonl")).string()}};
    entry.update(more);
    return entry;
  }
  std::string recipe(const json& content) const {
    io::publish_text(dir / "mix.json", "// A mixture\n" + content.dump(2));
    return (dir / "mix.json").string();
  }
  json ratings() const {
    return {{"sets",
             {set("one", {{"attribute_prefix", "one-"}, {"max_rows", 6}}),
              set("two",
                  {{"attributes", {{"two-good", "bad"}}}, {"label_scale", {{"add", -4}, {"divide", -4}}}})}},
            {"deduplicate", true}};
  }
  json pairs() const { return {{"sets", {set("pairs"), set("ranked")}}, {"deduplicate", true}}; }

  Stage1PrepareOptions stage1(const DatasetPaths& data) const {
    Stage1PrepareOptions options;
    options.extraction = extraction();
    options.dataset_path = data;
    options.attributes = {"two-good", "one-good"};
    return options;
  }
  Stage2PrepareOptions stage2(const DatasetPaths& data) const {
    Stage2PrepareOptions options;
    options.extraction = extraction();
    options.dataset_path = data;
    return options;
  }
  ExtractionOptions extraction() const {
    ExtractionOptions options = cpu_extraction(golden("reward_model") / "llama", dir / "root");
    options.batch_invariant = can_be_batch_invariant();
    return options;
  }
  std::string path(const std::string& name) const { return (dir / (name + ".jsonl")).string(); }

  TempDir dir;
};

template <class T>
std::vector<T> values_of(const io::SafetensorsFile& file, const std::string& name) {
  const auto values = file.at(name).as<T>();
  return {values.begin(), values.end()};
}

json metadata_of(const io::SafetensorsFile& file, const std::string& name) {
  return json::parse(file.metadata().at(name));
}

io::SafetensorsFile prepared(const Stage1PrepareOptions& options) {
  return io::SafetensorsFile::open(run_stage1_prepare(options));
}
io::SafetensorsFile prepared(const Stage2PrepareOptions& options) {
  return io::SafetensorsFile::open(run_stage2_prepare(options));
}

template <class Options>
std::string usage_error(const Options& options) {
  return error_of([&] { prepared(options); }, ErrorKind::usage);
}

// Row id -> the bytes of everything that the files hold of the row.
std::map<std::int64_t, std::string> rows_of(const std::vector<io::SafetensorsFile>& files) {
  std::map<std::int64_t, std::string> rows;
  for (const io::SafetensorsFile& file : files) {
    const auto ids = values_of<std::int64_t>(file, "row_ids");
    for (const std::string& name : file.names()) {
      const auto bytes = file.at(name).bytes;
      const std::size_t size = bytes.size() / ids.size();
      for (std::size_t i = 0; i < ids.size(); ++i)
        rows[ids[i]].append(reinterpret_cast<const char*>(bytes.data()) + i * size, size);
    }
  }
  return rows;
}

}  // namespace

TEST_CASE("a mixture of ratings names the set of each row, and has its labels", "[golden]") {
  const Scene scene;
  const auto file = prepared(scene.stage1(scene.recipe(scene.ratings())));
  CHECK(file.path().filename() == "mix-00001-of-00001.safetensors");
  const auto ids = values_of<std::int64_t>(file, "row_ids");
  const auto sources = values_of<std::int64_t>(file, "source_ids");
  const auto labels = values_of<float>(file, "labels");
  // Row 6 of the first set is beyond max_rows, row 4 of the second has the prompt and answer of one:2.
  CHECK(ids.size() == 10);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    CAPTURE(ids[i]);
    const bool second = ids[i] >= 7;
    CHECK(ids[i] != 6);
    CHECK(ids[i] != 11);
    CHECK(sources[i] == (second ? 1 : 0));
    CHECK(std::isnan(labels[2 * i + (second ? 1 : 0)]));
    // (value - 4) / -4 of the second set
    CHECK(labels[2 * i + (second ? 0 : 1)] ==
          (second ? 1 - static_cast<float>(ids[i] - 7) / 4 : static_cast<float>(ids[i])));
  }
  CHECK(metadata_of(file, "sources") == json{"one", "two"});
  const json sets = metadata_of(file, "mixture");
  CHECK(sets.at(0).at("name") == "one");
  CHECK(sets.at(0).at("first_row") == 0);
  CHECK(sets.at(0).at("rows") == 7);
  CHECK(sets.at(0).at("taken") == 6);
  CHECK(sets.at(0).at("left_out") == json{{"beyond max_rows", 1}});
  CHECK(sets.at(1).at("first_row") == 7);
  CHECK(sets.at(1).at("rows") == 5);
  CHECK(sets.at(1).at("taken") == 4);
  CHECK(sets.at(1).at("left_out") == json{{"duplicate", 1}});
  CHECK(sets.at(1).at("split") == "train");
  CHECK(file.metadata().at("recipe_sha256").size() == 64);
  CHECK(file.metadata().at("dataset") == "mix");
  CHECK(file.metadata().at("source_rows") == "12");
  CHECK_FALSE(file.contains("sample_weights"));
}

TEST_CASE("the shards of a mixture hold the rows of the mixture in one piece", "[golden]") {
  const Scene scene;
  const std::string recipe = scene.recipe(scene.ratings());
  std::vector<io::SafetensorsFile> complete;
  complete.push_back(prepared(scene.stage1(recipe)));
  Stage1PrepareOptions options = scene.stage1(recipe);
  options.extraction.data_root = (scene.dir / "shards").string();
  options.extraction.n_shards = 3;
  std::vector<io::SafetensorsFile> shards;
  for (options.extraction.shard_idx = 1; options.extraction.shard_idx <= 3; ++options.extraction.shard_idx)
    shards.push_back(prepared(options));
  CHECK(rows_of(shards) == rows_of(complete));
  for (const char* key : {"mixture", "sources", "recipe_sha256", "data_sha256"})
    for (const io::SafetensorsFile& shard : shards)
      CHECK(shard.metadata().at(key) == complete[0].metadata().at(key));
  const auto set =
      stages::artifacts::EmbeddingSet::open(shards[0].path().parent_path(), "mix", "labelled", "x");
  const auto sources = stages::gate::read_sources(set);
  CHECK(sources.names == std::vector<std::string>{"one", "two"});
  CHECK(std::count(sources.index_of.begin(), sources.index_of.end(), 1) == 4);
  CHECK(sources.index_of.size() == 10);
}

TEST_CASE("a mixture of pairs in two forms has ids and strengths for all", "[golden]") {
  const Scene scene;
  const auto file = prepared(scene.stage2(scene.recipe(scene.pairs())));
  CHECK(file.path().filename() == "mix-train.safetensors");
  // pairs:2 and ranked:1 repeat pairs:0; ranked:3 is a tie.
  CHECK(values_of<std::int64_t>(file, "row_ids") == Ids{0, 1, 3, 5});
  CHECK(values_of<std::int64_t>(file, "source_ids") == Ids{0, 0, 1, 1});
  CHECK(values_of<std::int64_t>(file, "pair_ids") == Ids{0, 1, 0, 1, 1, 0, 0, 1});
  const auto strengths = values_of<float>(file, "strengths");
  CHECK(std::isnan(strengths[0]));
  CHECK(std::isnan(strengths[1]));
  CHECK(strengths[2] == 2);
  CHECK(strengths[3] == 3);
  CHECK(metadata_of(file, "sources") == json{"pairs", "ranked"});
  CHECK(metadata_of(file, "mixture").at(1).at("form") == "helpsteer3");
  CHECK(metadata_of(file, "dropped").at("nothing but ties") == json{6});
  CHECK_FALSE(file.metadata().contains("form"));
}

TEST_CASE("several sets without a recipe are a mixture with a name", "[golden]") {
  const Scene scene;
  Stage2PrepareOptions options = scene.stage2(scene.path("pairs") + "," + scene.path("ranked"));
  CHECK_THAT(usage_error(options), Contains("--dataset_name: is needed"));
  options.dataset_name = "both";
  const auto file = prepared(options);
  CHECK(file.path().filename() == "both-train.safetensors");
  CHECK(values_of<std::int64_t>(file, "row_ids") == Ids{0, 1, 2, 3, 4, 5});
  CHECK(metadata_of(file, "sources") == json{"pairs.jsonl", "ranked.jsonl"});
  options.dataset_path = std::vector<std::string>{scene.path("pairs"), scene.path("pairs")};
  CHECK_THAT(usage_error(options), Contains("two of the sets") && Contains("recipe"));
  options.dataset_path = std::vector<std::string>{scene.path("pairs"), scene.recipe(scene.pairs())};
  CHECK_THAT(usage_error(options), Contains("mix.json is a recipe"));
  Stage1PrepareOptions ratings = scene.stage1(std::vector<std::string>{scene.path("one"), scene.path("two")});
  ratings.dataset_name = "both";
  ratings.attributes = {"bad", "good"};
  CHECK(values_of<std::int64_t>(prepared(ratings), "row_ids").size() == 12);
}

TEST_CASE("a name can be given to one set and to a recipe", "[golden]") {
  const Scene scene;
  Stage2PrepareOptions options = scene.stage2(scene.path("pairs"));
  options.dataset_name = "other";
  CHECK(prepared(options).metadata().at("dataset") == "other");
  options.dataset_path = scene.recipe(scene.pairs());
  options.dataset_name = "mixed";
  CHECK(run_stage2_prepare(options).filename() == "mixed-train.safetensors");
  options.dataset_name = "a/b";
  CHECK_THAT(error_of([&] { options.validate(); }, ErrorKind::usage), Contains("no file name"));
}

TEST_CASE("options that a recipe replaces are refused with it", "[golden]") {
  const Scene scene;
  const std::string recipe = scene.recipe(scene.pairs());
  const auto with = [&](const auto& change) {
    Stage2PrepareOptions options = scene.stage2(recipe);
    change(options);
    return usage_error(options);
  };
  CHECK_THAT(with([](auto& o) { o.form = PairForm::nectar; }), Contains("--form") && Contains("mix.json"));
  CHECK_THAT(with([](auto& o) { o.columns = {"chosen=a"}; }), Contains("--columns"));
  CHECK_THAT(with([](auto& o) { o.dataset_config = "c"; }), Contains("--dataset_config"));
  CHECK_THAT(with([](auto& o) { o.preference_label = "l"; }), Contains("--preference_label"));
  CHECK_THAT(with([](auto& o) { o.ranked_pairs = RankedPairs::best; }), Contains("--ranked_pairs"));
  CHECK_THAT(with([](auto& o) { o.source = "s"; }), Contains("--source") && Contains("where"));
  Stage1PrepareOptions ratings = scene.stage1(scene.recipe(scene.ratings()));
  ratings.form = RatingForm::helpsteer;
  CHECK_THAT(usage_error(ratings), Contains("--form"));
  CHECK_THAT(usage_error(scene.stage2(recipe)), Contains("unweighted pairs"));  // the recipe of ratings now
}

TEST_CASE("a changed recipe is another set of embeddings", "[golden]") {
  const Scene scene;
  json content = scene.ratings();
  Stage1PrepareOptions options = scene.stage1(scene.recipe(content));
  const fs::path path = run_stage1_prepare(options);
  const std::string before = io::read_text_file(path);
  // Neither comments nor places of files decide.
  io::publish_text(scene.dir / "mix.json", "/* other words */ " + content.dump());
  CHECK_THAT(printed([&] { run_stage1_prepare(options); }), Contains("complete already"));
  content["sets"][1]["label_scale"]["add"] = -5;
  scene.recipe(content);
  CHECK_THAT(error_of([&] { run_stage1_prepare(options); }, ErrorKind::data),
             Contains("recipe") && Contains("--restart"));
  CHECK(io::read_text_file(path) == before);
  options.extraction.restart = true;
  run_stage1_prepare(options);
  CHECK(io::read_text_file(path) != before);
}

TEST_CASE("an interrupted run resumes with its recipe, and is refused with another", "[golden]") {
  const Scene scene;
  json content = scene.ratings();
  Stage1PrepareOptions options = scene.stage1(scene.recipe(content));
  options.extraction.batch_tokens = 32;
  options.extraction.checkpoint_seconds = 0;
  const std::string complete = io::read_text_file(run_stage1_prepare(options));
  options.extraction.data_root = (scene.dir / "resumed").string();
  bool interrupted = false;
  for (int allowed = 20; allowed <= 4000 && !interrupted; allowed += 10) {
    std::atomic<int> calls{0};
    try {
      run_stage1_prepare(options, [&] { return ++calls > allowed; });
      break;
    } catch (const Error& error) {
      REQUIRE(error.kind() == ErrorKind::interrupted);
      interrupted = std::string(error.what()).find("are safe") != std::string::npos;
    }
  }
  REQUIRE(interrupted);
  content["deduplicate"] = false;
  scene.recipe(content);
  CHECK_THAT(error_of([&] { run_stage1_prepare(options); }, ErrorKind::data), Contains("recipe"));
  content["deduplicate"] = true;
  scene.recipe(content);
  CHECK(io::read_text_file(run_stage1_prepare(options)) == complete);
}

TEST_CASE("a dry run shows each set, what is left out, and its row 0", "[golden]") {
  const Scene scene;
  Stage2PrepareOptions pairs = scene.stage2(scene.recipe(scene.pairs()));
  pairs.extraction.dry_run = true;
  CHECK_THAT(printed([&] { run_stage2_prepare(pairs); }),
             Contains("left out") && Contains("helpsteer3") && Contains("1 duplicate") &&
                 Contains("row pairs:0, chosen:") && Contains("row ranked:0: 2 answers, 1 pairs") &&
                 Contains("row pairs:0, rejected: ") && Contains("nothing but ties (row ids ranked:3)"));
  Stage1PrepareOptions ratings = scene.stage1(scene.recipe(scene.ratings()));
  ratings.extraction.dry_run = true;
  CHECK_THAT(printed([&] { run_stage1_prepare(ratings); }),
             Contains("1 beyond max_rows") && Contains("row one:0, answer 0:") && Contains("one-good = 0") &&
                 Contains("row two:0, answer 0:") && Contains("two-good = 1"));
}

TEST_CASE("bad rows of a mixture are named by set and row", "[golden]") {
  const Scene scene;
  write_rows(scene.dir / "broken.jsonl", {{{"chosen", turns("f", "x")}, {"rejected", turns("f", "y")}},
                                          {{"chosen", {{{"role", "user"}, {"content", "only"}}}},
                                           {"rejected", {{{"role", "user"}, {"content", "only"}}}}}});
  Stage2PrepareOptions options =
      scene.stage2(scene.recipe({{"sets", {scene.set("pairs"), scene.set("broken")}}}));
  CHECK_THAT(error_of([&] { run_stage2_prepare(options); }, ErrorKind::data), Contains("row broken:1: "));
  options.extraction.on_bad_row = OnBadRow::skip;
  options.extraction.max_bad_rows = "1";
  const auto file = prepared(options);
  CHECK(values_of<std::int64_t>(file, "row_ids") == Ids{0, 1, 2, 3});
  const json reject = json::parse(io::read_text_file(file.path().parent_path() / "mix-train.rejects.jsonl"));
  CHECK(reject.at("row_id") == 4);
  CHECK(reject.at("row") == "broken:1");
}

TEST_CASE("weights of a recipe are those of the column `weight`", "[golden]") {
  const Scene scene;
  json content = scene.ratings();
  content["sets"][1]["weight"] = 0.25;
  std::vector<std::string> lines;
  const LogCapture capture(lines);
  const auto file = prepared(scene.stage1(scene.recipe(content)));
  const auto sources = values_of<std::int64_t>(file, "source_ids");
  const auto weights = values_of<float>(file, "sample_weights");
  for (std::size_t i = 0; i < sources.size(); ++i) CHECK(weights[i] == (sources[i] == 1 ? 0.25F : 1.0F));
  CHECK(file.metadata().at("weight_column") == "weight");
  CHECK_THAT(json(lines).dump(), Contains("--weight_column weight"));
}

TEST_CASE("the sources of one set are the texts of its column `source`", "[golden]") {
  const Scene scene;
  std::vector<json> rows;
  const std::vector<std::string> names{"web", "books", "web", "", "books"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string prompt = "p" + std::to_string(i);
    rows.push_back({{"chosen", turns(prompt, "x")}, {"rejected", turns(prompt, "y")}, {"source", names[i]}});
  }
  rows[3]["source"] = nullptr;
  write_rows(scene.dir / "set.jsonl", rows);
  Stage2PrepareOptions options = scene.stage2(scene.path("set"));
  {
    const auto file = prepared(options);
    CHECK(values_of<std::int64_t>(file, "source_ids") == Ids{0, 1, 0, 2, 1});
    CHECK(metadata_of(file, "sources") == json{"web", "books", ""});
    CHECK_FALSE(file.metadata().contains("mixture"));
  }
  // Shards number the names in their own order; together they are those of the rows.
  options.extraction.n_shards = 2;
  options.extraction.data_root = (scene.dir / "shards").string();
  fs::path folder;
  for (options.extraction.shard_idx = 1; options.extraction.shard_idx <= 2; ++options.extraction.shard_idx)
    folder = run_stage2_prepare(options).parent_path();
  const auto set =
      stages::artifacts::EmbeddingSet::open(folder, "set.jsonl-train", "preference", "stage2-prepare");
  const auto sources = stages::gate::read_sources(set);
  std::size_t at = 0;
  for (const io::SafetensorsFile& file : set.files())
    for (const std::int64_t row : values_of<std::int64_t>(file, "row_ids"))
      CHECK(sources.names[static_cast<std::size_t>(sources.index_of[at++])] ==
            names[static_cast<std::size_t>(row)]);
  CHECK(at == 5);
  CHECK(sources.names.size() == 3);
}

TEST_CASE("without a text column `source`, or with --source, one set has no sources", "[golden]") {
  const Scene scene;
  CHECK_FALSE(prepared(scene.stage2(scene.path("pairs"))).contains("source_ids"));
  std::vector<json> rows{{{"chosen", turns("a", "x")}, {"rejected", turns("a", "y")}, {"source", 3}}};
  write_rows(scene.dir / "numbers.jsonl", rows);
  const auto file = prepared(scene.stage2(scene.path("numbers")));
  CHECK_FALSE(file.contains("source_ids"));
  CHECK_FALSE(file.metadata().contains("sources"));
  rows[0]["source"] = "web";
  write_rows(scene.dir / "texts.jsonl", rows);
  Stage2PrepareOptions options = scene.stage2(scene.path("texts"));
  options.source = "web";
  CHECK_FALSE(prepared(options).contains("source_ids"));
}
