// Every kind of file that one stage writes and another reads, damaged in between: the later stage ends with
// an error, or publishes the bytes that it publishes from undamaged files. README.md: the counts of a long
// run.
#include <fmt/core.h>

#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <random>

#include "core/error.h"
#include "core/hash.h"
#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "stages/score.h"
#include "stages/stage1_prepare.h"
#include "stages/stage1_train.h"
#include "stages/stage2_train.h"
#include "support/fixed_kernels.h"
#include "support/silence.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

using Files = std::map<std::string, std::string>;  // path below a folder -> content

constexpr const char* kShard1 = "two/embeddings/model/multi-objective-00001-of-00002.safetensors";
constexpr const char* kShard2 = "two/embeddings/model/multi-objective-00002-of-00002.safetensors";
constexpr const char* kSums1 = "sums/model_multi-objective-00001-of-00002.safetensors";
constexpr const char* kSums2 = "sums/model_multi-objective-00002-of-00002.safetensors";
constexpr const char* kWeights = "regression_weights/model_multi-objective.safetensors";
constexpr const char* kWeightsPt = "regression_weights/model_multi-objective.pt";
constexpr const char* kReport = "regression_weights/model_multi-objective.json";
constexpr const char* kPythonPt = "python/regression_weights/model_multi-objective.pt";
constexpr const char* kPreference = "embeddings/model/preference-train.safetensors";
constexpr const char* kReference = "embeddings/model/reference-train.safetensors";
constexpr const char* kFinished = "finished/embeddings/model/small.jsonl-00001-of-00001.safetensors";
constexpr const char* kPartial = "halfway/embeddings/model/small.jsonl-00001-of-00001.safetensors.partial";
constexpr const char* kJournal = "halfway/embeddings/model/small.jsonl-00001-of-00001.safetensors.journal";
constexpr const char* kCheckpoint = "training/gating_network_model.checkpoint";
constexpr const char* kPrevious = "training/gating_network_model.checkpoint.previous";

std::string model_path() { return (demo_dir() / "model").string(); }

ExtractionOptions extraction(const fs::path& data_root) {
  ExtractionOptions options;
  options.model_path = model_path();
  options.device = -1;
  options.kernels = fixed_kernels();
  options.precision = Precision::fp32;
  options.threads = 1;
  options.data_root = data_root.string();
  return options;
}

Stage1PrepareOptions small_set(const fs::path& root, const char* place) {
  Stage1PrepareOptions options;
  options.extraction = extraction(root / place);
  options.extraction.batch_tokens = 8;
  options.extraction.checkpoint_seconds = 0;
  options.dataset_path = (root / "small.jsonl").string();
  options.attributes = {"a"};
  return options;
}

Stage1TrainOptions ridge(const fs::path& root) {
  Stage1TrainOptions options;
  options.model_path = model_path();
  options.dataset_path = (demo_dir() / "multi-objective").string();
  options.output_dir = (root / "out").string();
  options.data_root = (root / "two").string();
  options.threads = 1;
  return options;
}

Stage2TrainOptions gate(const fs::path& root, const fs::path& data_root) {
  Stage2TrainOptions options;
  options.model_path = model_path();
  options.multi_objective_dataset = (demo_dir() / "multi-objective").string();
  options.preference_dataset = (demo_dir() / "preference").string();
  options.reference_dataset = (demo_dir() / "reference").string();
  options.data_root = data_root.string();
  options.output_dir = (root / "out").string();
  options.verbosity_attribute = {};
  options.device = -1;
  options.kernels = fixed_kernels();
  options.n_steps = 3;
  options.batch_size = 8;
  options.n_hidden = 1;
  options.hidden_size = 4;
  options.on_unmet = OnUnmet::max;
  options.threads = 1;
  return options;
}

// Saved after every step.
Stage2TrainOptions resumed_gate(const fs::path& root) {
  Stage2TrainOptions options = gate(root, root);
  options.output_dir = (root / "training").string();
  options.n_steps = 6;
  options.seeds = 2;
  options.checkpoint_seconds = 0;
  return options;
}

Stage2TrainOptions exported(const fs::path& root, const char* name, std::int64_t seed) {
  Stage2TrainOptions options = gate(root, root);
  options.export_dir = (root / name).string();
  options.seed = seed;
  return options;
}

ScoreOptions scoring(const fs::path& root) {
  ScoreOptions options;
  options.model_path = (root / "rm").string();
  options.device = -1;
  options.kernels = fixed_kernels();
  options.precision = Precision::fp32;
  options.threads = 1;
  options.input = (root / "conversations.jsonl").string();
  options.output = (root / "out/scores.jsonl").string();
  return options;
}

std::string row(const std::string& answer, const std::string& more) {
  return R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":")" + answer + R"("}])" +
         more + "}\n";
}

std::string small_rows() {
  std::string text;
  for (int i = 0; i < 6; ++i) text += row(std::to_string(i), R"(,"a":)" + std::to_string(i));
  return text;
}

// Ends a run at the fourth chance after it made `file`.
void interrupt(const fs::path& file, const std::function<void(const StopRequested& stop)>& run) {
  int polls = 0;
  try {
    run([&] { return fs::exists(file) && ++polls == 4; });
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::interrupted) throw;
  }
}

// The undamaged files of all stages.
void make_all(const fs::path& root) {
  copy_tree(demo_run() / "embeddings", root / "embeddings");
  copy_tree(demo_run() / "embeddings", root / "python/embeddings");
  copy_tree(demo_run() / "regression_weights", root / "regression_weights");
  fs::create_directories(root / "python/regression_weights");
  fs::copy(root / kWeightsPt, root / kPythonPt);
  write_text(root / "small.jsonl", small_rows());
  write_text(root / "conversations.jsonl", row("a", ""));
  for (std::int64_t shard = 1; shard <= 2; ++shard) {
    Stage1PrepareOptions options;
    options.extraction = extraction(root / "two");
    options.extraction.n_shards = 2;
    options.extraction.shard_idx = shard;
    options.dataset_path = (demo_dir() / "multi-objective").string();
    stages::run_stage1_prepare(options, {});
  }
  Stage1TrainOptions partial = ridge(root);
  partial.partial = (root / "sums").string();
  stages::run_stage1_train(partial, {});
  stages::run_stage2_train(exported(root, "rm", 0), {});
  fs::remove_all(root / "out");
  stages::run_stage2_train(exported(root, "rm-other", 1), {});
  fs::remove_all(root / "out");
  stages::run_stage1_prepare(small_set(root, "finished"), {});
  interrupt(root / kPartial, [&](const StopRequested& stop) {
    stages::run_stage1_prepare(small_set(root, "halfway"), {.stop_requested = stop});
  });
  interrupt(root / kCheckpoint, [&](const StopRequested& stop) {
    stages::run_stage2_train(resumed_gate(root), {.stop_requested = stop});
  });
  for (const char* place : {kPartial, kJournal, kCheckpoint, kPrevious})
    if (!fs::exists(root / place)) throw std::runtime_error(std::string("there is no ") + place);
}

const fs::path& undamaged() {
  static const TempDir dir;
  static const bool made = [] {
    quietly([] { make_all(dir.path()); });
    return true;
  }();
  REQUIRE(made);
  return dir.path();
}

// A stage that reads files which others, or its own interrupted run, wrote. It writes below `out` only.
struct Reader {
  std::string name;
  std::vector<std::string> files;
  std::function<void(const fs::path& root)> run;
  std::string out = "out";
};

std::vector<std::string> files_of_export() {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(undamaged() / "rm"))
    files.push_back("rm/" + entry.path().filename().string());
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<Reader> readers() {
  return {
      {"stage1-prepare, complete already",
       {kFinished},
       [](const fs::path& r) { stages::run_stage1_prepare(small_set(r, "finished"), {}); },
       "finished"},
      {"stage1-prepare, resumed",
       {kPartial, kJournal},
       [](const fs::path& r) { stages::run_stage1_prepare(small_set(r, "halfway"), {}); },
       "halfway"},
      {"stage2-train, resumed",
       {kCheckpoint, kPrevious},
       [](const fs::path& r) { stages::run_stage2_train(resumed_gate(r), {}); },
       "training"},
      {"stage1-train", {kShard1, kShard2}, [](const fs::path& r) { stages::run_stage1_train(ridge(r), {}); }},
      {"stage1-train --merge",
       {kSums1, kSums2, kShard1},
       [](const fs::path& r) {
         Stage1TrainOptions options = ridge(r);
         options.merge = {(r / "sums").string()};
         stages::run_stage1_train(options, {});
       }},
      {"stage2-train",
       {kWeights, kWeightsPt, kPreference, kReference},
       [](const fs::path& r) { stages::run_stage2_train(gate(r, r), {}); }},
      {"stage2-train, weights of a .pt file",
       {kPythonPt},
       [](const fs::path& r) { stages::run_stage2_train(gate(r, r / "python"), {}); }},
      {"stage2-train --export",
       {kReport},
       [](const fs::path& r) { stages::run_stage2_train(exported(r, "out/rm", 0), {}); }},
      {"score", files_of_export(), [](const fs::path& r) { stages::run_score(scoring(r), {}); }},
  };
}

// The undamaged tree under a second name; files are replaced, never written in place.
void link_tree(const fs::path& to) {
  for (const auto& entry : fs::recursive_directory_iterator(undamaged())) {
    const fs::path place = to / fs::relative(entry.path(), undamaged());
    if (entry.is_directory())
      fs::create_directories(place);
    else
      fs::create_hard_link(entry.path(), place);
  }
}

Files files_below(const fs::path& folder) {
  Files files;
  if (!fs::exists(folder)) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().extension() != ".lock")
      files[fs::relative(entry.path(), folder).string()] = io::read_text_file(entry.path());
  return files;
}

// The links lead to the undamaged files.
void replace(const fs::path& file, const std::string& content) {
  fs::remove(file);
  write_text(file, content);
}

struct Outcome {
  std::string error;  // empty for success
  Files files;
};

// Where the files `damaged`, by their place, have another content.
Outcome run(const Reader& reader, const Files& damaged) {
  const TempDir root;
  link_tree(root.path());
  fs::create_directories(root / "out");
  for (const auto& [place, bytes] : damaged) replace(root / place, bytes);
  Outcome outcome;
  try {
    quietly([&] { reader.run(root.path()); });
  } catch (const Error& error) {
    INFO(error.what());
    CHECK((error.kind() == ErrorKind::data || error.kind() == ErrorKind::io));
    outcome.error = error.what();
  }
  outcome.files = files_below(root / reader.out);
  return outcome;
}

const Files& expected_of(const Reader& reader) {
  static std::map<std::string, Files> known;
  const auto found = known.find(reader.name);
  if (found != known.end()) return found->second;
  const Outcome outcome = run(reader, {});
  INFO(reader.name);
  REQUIRE(outcome.error.empty());
  REQUIRE_FALSE(outcome.files.empty());
  return known[reader.name] = outcome.files;
}

std::string content(const std::string& place) { return io::read_text_file(undamaged() / place); }

enum class Result { error, same, other };

// Reports say which file was read. Flips between the records of a .pt file change that digest alone.
void take_digests_of_undamaged(const Files& damaged, Files& published) {
  for (const auto& [place, bytes] : damaged)
    for (auto& [name, text] : published)
      for (std::size_t at = text.find(sha256_hex(bytes)); at != std::string::npos;
           at = text.find(sha256_hex(bytes), at + 1))
        text.replace(at, sha256_hex(bytes).size(), sha256_hex(content(place)));
}

Result judge(const Reader& reader, const Files& damaged) {
  Outcome outcome = run(reader, damaged);
  if (!outcome.error.empty()) return Result::error;
  take_digests_of_undamaged(damaged, outcome.files);
  Files expected = expected_of(reader);
  take_digests_of_undamaged(damaged, expected);  // of a file that is also read where it belongs
  if (outcome.files == expected) return Result::same;
  for (Files* side : {&expected, &outcome.files})
    for (const auto& [name, text] : *side)
      if (!expected.contains(name) || !outcome.files.contains(name) ||
          expected.at(name) != outcome.files.at(name))
        UNSCOPED_INFO("differs: " << name << ", " << text.size() << " bytes");
  return Result::other;
}

// One bit, of a safetensors file half of the time in its header.
void flip(const std::string& place, std::string& bytes, std::mt19937_64& random) {
  std::uint64_t limit = bytes.size();
  if (place.ends_with(".safetensors") && random() % 2 == 0) {
    std::memcpy(&limit, bytes.data(), sizeof(limit));
    limit += sizeof(limit);
  }
  const std::uint64_t at = random() % limit;
  bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ (1U << (random() % 8)));
}

void check_swap(const std::string& reader, const Files& damaged, Result expected) {
  for (const Reader& candidate : readers()) {
    if (candidate.name != reader) continue;
    INFO(reader << ": " << damaged.begin()->first);
    CHECK(judge(candidate, damaged) == expected);
  }
}

}  // namespace

TEST_CASE("a bit flipped in a file of an earlier stage never changes what the next one publishes", "[e2e]") {
  constexpr int kFlips = 8;  // of each file
  std::mt19937_64 random(2026);
  for (const Reader& reader : readers())
    for (const std::string& place : reader.files)
      for (int i = 0; i < kFlips; ++i) {
        std::string bytes = content(place);
        flip(place, bytes, random);
        INFO(reader.name << ": " << place << ", flip " << i);
        CHECK(judge(reader, {{place, bytes}}) != Result::other);
      }
}

TEST_CASE("a flipped bit is reported with its file and tensor", "[e2e]") {
  const auto error_of_flip = [](const std::string& reader, const std::string& place, std::size_t from_end) {
    std::string bytes = content(place);
    bytes[bytes.size() - from_end] = static_cast<char>(bytes[bytes.size() - from_end] ^ 1);
    for (const Reader& candidate : readers())
      if (candidate.name == reader) return run(candidate, {{place, bytes}}).error;
    return std::string();
  };
  using Catch::Contains;
  CHECK_THAT(error_of_flip("stage1-train", kShard2, 1),
             Contains("multi-objective-00002-of-00002.safetensors: tensor \"") &&
                 Contains("was changed after it was written") && Contains("with stage1-prepare"));
  CHECK_THAT(error_of_flip("stage1-train --merge", kSums1, 1),
             Contains(kSums1) && Contains("tensor \"moments"));
  CHECK_THAT(error_of_flip("stage2-train", kPreference, 1),
             Contains("preference-train.safetensors: tensor \"") && Contains("with stage2-prepare"));
  CHECK_THAT(error_of_flip("stage2-train", kWeights, 1),
             Contains(kWeights) && Contains("tensor \"weight\"") && Contains("run stage1-train again"));
  CHECK_THAT(error_of_flip("stage2-train --export", kReport, 30),
             Contains(kReport) && Contains("was changed"));
  CHECK_THAT(error_of_flip("score", "rm/model-00001-of-00002.safetensors", 1),
             Contains("model-00001-of-00002.safetensors: tensor '") && Contains("is not what was exported") &&
                 Contains("--verify off"));
  CHECK_THAT(error_of_flip("score", "rm/model-00002-of-00002.safetensors", 1),
             Contains("model-00002-of-00002.safetensors: tensor '"));
  CHECK_THAT(error_of_flip("score", "rm/tokenizer.json", 1000), Contains("rm/tokenizer.json: its content"));
}

TEST_CASE("without verification, files are read as they are", "[e2e]") {
  const TempDir root;
  link_tree(root.path());
  std::string bytes = content(kShard1);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  replace(root / kShard1, bytes);
  Stage1TrainOptions options = ridge(root.path());
  CHECK_THROWS_AS(quietly([&] { stages::run_stage1_train(options, {}); }), Error);
  options.verify = Verify::off;
  CHECK_NOTHROW(quietly([&] { stages::run_stage1_train(options, {}); }));
  replace(root / "rm/README.md", "mine");  // for people
  CHECK_NOTHROW(quietly([&] { stages::run_score(scoring(root.path()), {}); }));
  replace(root / "rm/config.json", content("rm/config.json") + " ");
  ScoreOptions score = scoring(root.path());
  CHECK_THROWS_AS(quietly([&] { stages::run_score(score, {}); }), Error);
  score.verify = Verify::off;
  CHECK_NOTHROW(quietly([&] { stages::run_score(score, {}); }));
}

TEST_CASE("a file of another length never changes what the next stage publishes", "[e2e]") {
  for (const Reader& reader : readers())
    for (const std::string& place : reader.files) {
      const std::string bytes = content(place);
      for (const std::size_t size :
           {std::size_t{0}, std::size_t{7}, bytes.size() / 3, bytes.size() - 1, bytes.size() + 1}) {
        INFO(reader.name << ": " << place << ", " << size << " of " << bytes.size() << " bytes");
        std::string other = bytes;
        other.resize(size, '\0');
        CHECK(judge(reader, {{place, other}}) != Result::other);
      }
    }
}

TEST_CASE("files of one kind that changed places never change what the next stage publishes", "[e2e]") {
  check_swap("stage1-train", {{kShard1, content(kShard2)}, {kShard2, content(kShard1)}}, Result::error);
  check_swap("stage1-train", {{kShard2, content(kShard1)}}, Result::error);
  check_swap("stage1-train", {{kShard1, content(kFinished)}}, Result::error);
  check_swap("stage1-train", {{kShard1, content(kPreference)}}, Result::error);
  check_swap("stage1-train --merge", {{kSums1, content(kSums2)}, {kSums2, content(kSums1)}}, Result::same);
  check_swap("stage1-train --merge", {{kSums1, content(kSums2)}}, Result::error);
  check_swap("stage1-train --merge", {{kShard1, content(kShard2)}, {kShard2, content(kShard1)}},
             Result::error);
  check_swap("stage2-train", {{kPreference, content(kReference)}}, Result::error);
  check_swap("stage2-train", {{kReference, content(kPreference)}}, Result::error);
  check_swap("stage2-train", {{kPreference, content(kShard1)}}, Result::error);
  check_swap("stage2-train", {{kWeights, content(kSums1)}}, Result::error);
  check_swap("stage1-prepare, complete already", {{kFinished, content(kShard1)}}, Result::error);
  check_swap("stage1-prepare, resumed", {{kPartial, content(kFinished)}}, Result::same);
  check_swap("stage1-prepare, resumed", {{kPartial, content(kShard1)}}, Result::same);
  check_swap("stage1-prepare, resumed", {{kJournal, content(kReport)}}, Result::same);
  check_swap("stage2-train, resumed", {{kCheckpoint, content(kPrevious)}, {kPrevious, content(kCheckpoint)}},
             Result::same);
  check_swap("stage2-train, resumed", {{kCheckpoint, content(kWeights)}}, Result::same);
  for (const char* name : {"config.json", "tokenizer.json", "model-00001-of-00002.safetensors"}) {
    const std::string other = name == std::string("model-00001-of-00002.safetensors")
                                  ? "rm/model-00002-of-00002.safetensors"
                                  : "rm/tokenizer_config.json";
    check_swap("score", {{std::string("rm/") + name, content(other)}}, Result::error);
  }
  check_swap("score",
             {{"rm/model-00002-of-00002.safetensors", content("rm-other/model-00002-of-00002.safetensors")}},
             Result::error);
  check_swap("score", {{"rm/armorm_export.json", content("rm-other/armorm_export.json")}}, Result::error);
}

// ARMORM_FLIPS=10000 build/release/bin/test_e2e "[.damage]"
TEST_CASE("many flipped bits", "[.damage]") {
  const char* wanted = std::getenv("ARMORM_FLIPS");
  const int flips = wanted != nullptr ? std::atoi(wanted) : 1000;
  std::vector<std::pair<Reader, std::string>> kinds;
  for (const Reader& reader : readers())
    for (const std::string& place : reader.files) kinds.emplace_back(reader, place);
  std::map<std::string, std::map<Result, int>> counts;
  std::mt19937_64 random(20261129);
  for (int i = 0; i < flips; ++i) {
    const auto& [reader, place] = kinds[static_cast<std::size_t>(i) % kinds.size()];
    std::string bytes = content(place);
    flip(place, bytes, random);
    INFO(reader.name << ": " << place << ", flip " << i);
    const Result result = judge(reader, {{place, bytes}});
    CHECK(result != Result::other);
    ++counts[reader.name + " | " + place][result];
  }
  for (auto& [kind, count] : counts)
    std::cout << fmt::format("| {} | {} | {} | {} |\n", kind, count[Result::error], count[Result::same],
                             count[Result::other]);
}
