// Rows of described forms in the prepare stages: ids, counts, dropped rows, shards, dry runs, and resuming.
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "armorm/stage1_prepare.h"
#include "armorm/stage2_prepare.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "stages/artifacts/form_input.h"
#include "stages/prepare/cpu_extraction.h"
#include "support/error_of.h"
#include "support/log_capture.h"
#include "support/printed.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;
using Catch::Matchers::Contains;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

template <class Options>
Options options_for(const fs::path& root, const std::string& set) {
  Options options;
  options.extraction = cpu_extraction(golden("reward_model") / "llama", root);
  options.dataset_path = golden("data/forms/" + set).string();
  return options;
}

json expected_of(const std::string& set) {
  return json::parse(io::read_text_file(golden("data/forms/" + set) / "expected.json"));
}

template <class T>
std::vector<T> values_of(const io::SafetensorsFile& file, const std::string& name) {
  const auto values = file.at(name).as<T>();
  return {values.begin(), values.end()};
}

using Ids = std::vector<std::vector<std::int64_t>>;  // row, chosen, rejected of each pair

Ids ids_of(const io::SafetensorsFile& file) {
  const auto rows = values_of<std::int64_t>(file, "row_ids");
  const auto pairs = values_of<std::int64_t>(file, "pair_ids");
  REQUIRE(pairs.size() == 2 * rows.size());
  Ids ids;
  for (std::size_t i = 0; i < rows.size(); ++i) ids.push_back({rows[i], pairs[2 * i], pairs[2 * i + 1]});
  return ids;
}

Ids ids_of(const json& expected) {
  Ids ids;
  for (const json& pair : expected.at("pairs"))
    ids.push_back({pair.at("row"), pair.at("ids")[0], pair.at("ids")[1]});
  return ids;
}

Ids sorted(Ids ids) {
  std::sort(ids.begin(), ids.end());
  return ids;
}

json metadata_of(const io::SafetensorsFile& file, const std::string& name) {
  return json::parse(file.metadata().at(name));
}

}  // namespace

TEST_CASE("a ranking becomes pairs with unique ids, and ties are counted and recorded", "[golden]") {
  const TempDir dir;
  // The folder holds the same rows in two formats; `datasets` reads one.
  auto options = options_for<Stage2PrepareOptions>(dir / "root", "pairs/nectar/rows.parquet");
  for (const RankedPairs which : {RankedPairs::all, RankedPairs::best}) {
    options.ranked_pairs = which;
    options.extraction.data_root = (dir / std::string(name_of(which))).string();
    std::vector<std::string> lines;
    fs::path path;
    {
      const LogCapture capture(lines);
      path = run_stage2_prepare(options);
    }
    const json expected = expected_of("pairs/nectar").at(std::string(name_of(which)));
    const auto file = io::SafetensorsFile::open(path);
    CHECK(ids_of(file) == ids_of(expected));
    CHECK_FALSE(file.contains("candidate_ids"));
    // All pairs of a row have its prompt.
    const auto rows = values_of<std::int64_t>(file, "row_ids");
    const auto prompts = values_of<std::int64_t>(file, "prompt_ids");
    for (std::size_t i = 0; i < rows.size(); ++i) CHECK((prompts[i] == prompts[0]) == (rows[i] == rows[0]));
    CHECK(file.metadata().at("form") == "nectar, " + std::string(name_of(which)));
    CHECK(metadata_of(file, "counts").at("tied_pairs") == expected.at("ties"));
    CHECK(metadata_of(file, "dropped").at("nothing but ties") == json{2});
    const std::string log = json(lines).dump();
    CHECK_THAT(log, Contains("rows of the form nectar (prompt, answers)") && Contains("are ties"));
  }
}

TEST_CASE("shards divide rows, never the pairs of a row", "[golden]") {
  const TempDir dir;
  auto options = options_for<Stage2PrepareOptions>(dir / "root", "pairs/nectar/rows.parquet");
  options.extraction.n_shards = 2;
  Ids all;
  for (options.extraction.shard_idx = 1; options.extraction.shard_idx <= 2; ++options.extraction.shard_idx) {
    const Ids ids = ids_of(io::SafetensorsFile::open(run_stage2_prepare(options)));
    all.insert(all.end(), ids.begin(), ids.end());
  }
  CHECK(sorted(all) == sorted(ids_of(expected_of("pairs/nectar").at("all"))));
}

TEST_CASE("an interrupted run of expanded rows resumes with the same bytes", "[golden]") {
  const TempDir dir;
  auto options = options_for<Stage2PrepareOptions>(dir / "whole", "pairs/ultrafeedback/rows.parquet");
  options.extraction.batch_tokens = 64;
  options.extraction.checkpoint_seconds = 0;
  const fs::path complete = run_stage2_prepare(options);
  options.extraction.data_root = (dir / "resumed").string();
  bool interrupted = false;
  for (int allowed = 40; allowed <= 4000; allowed *= 2) {
    std::atomic<int> calls{0};
    try {
      run_stage2_prepare(options, [&] { return ++calls > allowed; });
      break;
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::interrupted);
      interrupted = true;
    }
  }
  CHECK(interrupted);
  const fs::path resumed = run_stage2_prepare(options);
  CHECK(io::read_text_file(resumed) == io::read_text_file(complete));
}

TEST_CASE("strengths of preferences and rows without a label", "[golden]") {
  const TempDir dir;
  const auto file = io::SafetensorsFile::open(
      run_stage2_prepare(options_for<Stage2PrepareOptions>(dir / "root", "pairs/helpsteer3/rows.jsonl")));
  const json expected = expected_of("pairs/helpsteer3").at("default");
  CHECK(ids_of(file) == ids_of(expected));
  std::vector<float> strengths;
  for (const json& pair : expected.at("pairs")) strengths.push_back(pair.at("strength").get<float>());
  CHECK(values_of<float>(file, "strengths") == strengths);
  CHECK(metadata_of(file, "dropped").at("nothing but ties") == json{2});
  CHECK(metadata_of(file, "dropped").at("fewer than two answers with a label") == json{3});
  CHECK(metadata_of(file, "counts").at("unlabelled_answers") == 2);
}

TEST_CASE("a pair with a side over seq_len is dropped alone", "[golden]") {
  const TempDir dir;
  io::publish_text(dir / "x.jsonl", json{{"prompt", "\n\nHuman: q\n\nAssistant: "},
                                         {"answers",
                                          {{{"answer", "a"}, {"rank", 1}},
                                           {{"answer", "b"}, {"rank", 2}},
                                           {{"answer", std::string(20000, 'x')}, {"rank", 3}}}}}
                                            .dump() +
                                        "\n");
  auto options = options_for<Stage2PrepareOptions>(dir / "root", "pairs/nectar/rows.parquet");
  options.dataset_path = (dir / "x.jsonl").string();
  options.seq_len = 1000;
  const auto file = io::SafetensorsFile::open(run_stage2_prepare(options));
  CHECK(ids_of(file) == Ids{{0, 0, 1}});
  CHECK(metadata_of(file, "dropped").at("a side longer than seq_len") == json{0, 0});
}

TEST_CASE("a dry run shows the form and row 0", "[golden]") {
  const TempDir dir;
  auto pairs = options_for<Stage2PrepareOptions>(dir / "root", "pairs/nectar/rows.parquet");
  pairs.extraction.dry_run = true;
  CHECK_THAT(printed([&] { run_stage2_prepare(pairs); }),
             Contains("form       nectar (prompt, answers)") &&
                 Contains("row 0: 4 answers, 6 pairs, 0 ties") && Contains("row 0, answer 1, chosen:") &&
                 Contains("user: Which is best?") && Contains("assistant: answer 1") &&
                 Contains("1 rows: nothing but ties (row ids 2)"));
  auto rows = options_for<Stage1PrepareOptions>(dir / "root", "ratings/helpsteer/rows.parquet");
  rows.extraction.dry_run = true;
  CHECK_THAT(printed([&] { run_stage1_prepare(rows); }),
             Contains("form       helpsteer (prompt, response, helpfulness") &&
                 Contains("row 0, answer 0:") && Contains("helpsteer-helpfulness = 0.7"));
}

TEST_CASE("the same rows of another label are another set of embeddings", "[golden]") {
  const TempDir dir;
  auto options = options_for<Stage2PrepareOptions>(dir / "root", "pairs/pku_saferlhf/rows.parquet");
  const fs::path path = run_stage2_prepare(options);
  CHECK(io::SafetensorsFile::open(path).metadata().at("form") == "pku_saferlhf, better_response_id");
  options.preference_label = "safer_response_id";
  CHECK_THAT(error_of([&] { run_stage2_prepare(options); }, ErrorKind::data), Contains("restart"));
  options.extraction.restart = true;
  run_stage2_prepare(options);
  const auto file = io::SafetensorsFile::open(path);
  CHECK(file.metadata().at("form") == "pku_saferlhf, safer_response_id");
  CHECK(ids_of(file) == ids_of(expected_of("pairs/pku_saferlhf").at("safer_response_id")));
}

TEST_CASE("ratings of several answers a row keep row and answer", "[golden]") {
  const TempDir dir;
  auto options = options_for<Stage1PrepareOptions>(dir / "root", "ratings/ultrafeedback/rows.parquet");
  const auto check = [&](const std::vector<std::string>& attributes) {
    const auto file = io::SafetensorsFile::open(run_stage1_prepare(options));
    const auto rows = values_of<std::int64_t>(file, "row_ids");
    const auto answers = values_of<std::int64_t>(file, "answer_ids");
    const auto labels = values_of<float>(file, "labels");
    std::size_t found = 0;
    for (const json& expected : expected_of("ratings/ultrafeedback"))
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i] != expected.at("row") || answers[i] != expected.at("answer")) continue;
        ++found;
        for (std::size_t k = 0; k < attributes.size(); ++k)
          if (expected.at("labels").contains(attributes[k]))
            CHECK(labels[i * attributes.size() + k] == expected.at("labels").at(attributes[k]).get<float>());
      }
    CHECK(found == rows.size());
    CHECK(file.metadata().at("form") == "ultrafeedback");
    return metadata_of(file, "dropped");
  };
  CHECK_FALSE(check(options.attributes).contains("no label"));
  // The answer that nobody rated for honesty.
  options.attributes = {"ultrafeedback-honesty"};
  options.extraction.data_root = (dir / "honesty").string();
  CHECK(check(options.attributes).at("no label") == json{0});
}

TEST_CASE("shards record the form of rows that are read by the types of their columns", "[golden]") {
  const TempDir dir;
  auto options = options_for<Stage2PrepareOptions>(dir / "root", "pairs/explicit_prompt/rows.parquet");
  const auto file = io::SafetensorsFile::open(run_stage2_prepare(options));
  CHECK(file.metadata().at("form") == "explicit_prompt");
  CHECK_FALSE(file.contains("pair_ids"));
  options.form = PairForm::conversational;
  CHECK_THAT(error_of([&] { run_stage2_prepare(options); }, ErrorKind::data),
             Contains("form") && Contains("explicit_prompt"));
}

TEST_CASE("a form that earlier versions did not record is that of rows read by their types", "[unit]") {
  using stages::artifacts::are_same;
  using stages::artifacts::ArtifactInputs;
  const ArtifactInputs none{{"data set", "a"}};
  const auto with = [&](const std::string& name, const std::string& form) {
    ArtifactInputs inputs = none;
    inputs[name] = form;
    return inputs;
  };
  for (const std::string form : {"conversational", "explicit_prompt", "best_of_n", "orca_dpo", "messages"}) {
    CHECK(are_same(none, with("form", form)));
    CHECK(are_same(with("pairs set: form", form), none));
  }
  CHECK_FALSE(are_same(none, with("form", "hh_rlhf")));
  CHECK_FALSE(are_same(with("form", "conversational"), with("form", "explicit_prompt")));
  CHECK_FALSE(are_same(with("other", "conversational"), none));
}

TEST_CASE("two answers a row have numbers in every form of ratings", "[golden]") {
  const TempDir dir;
  const auto numbers = [&](const std::string& form) {
    auto options = options_for<Stage1PrepareOptions>(dir / form, "ratings/" + form + "/rows.parquet");
    const auto file = io::SafetensorsFile::open(run_stage1_prepare(options));
    return file.contains("answer_ids") ? values_of<std::int64_t>(file, "answer_ids")
                                       : std::vector<std::int64_t>();
  };
  for (const std::string form : {"argilla_capybara", "argilla_math", "argilla_openorca"}) {
    CAPTURE(form);
    const auto ids = numbers(form);
    CHECK(std::count(ids.begin(), ids.end(), 0) > 0);
    CHECK(std::count(ids.begin(), ids.end(), 1) > 0);
  }
  CHECK(numbers("helpsteer").empty());
}

TEST_CASE("the log and the dry run name the label that was chosen", "[golden]") {
  const TempDir dir;
  // Rows without the label that is the form's first one.
  io::publish_text(dir / "x.jsonl",
                   R"({"prompt":"q","response_0":"a","response_1":"b","safer_response_id":1})"
                   "\n");
  auto options = options_for<Stage2PrepareOptions>(dir / "root", "pairs/pku_saferlhf/rows.parquet");
  options.dataset_path = (dir / "x.jsonl").string();
  options.preference_label = "safer_response_id";
  options.extraction.dry_run = true;
  CHECK_THAT(printed([&] { run_stage2_prepare(options); }),
             Contains("pku_saferlhf (prompt, response_0, response_1, safer_response_id)") &&
                 !Contains("better_response_id"));
}
