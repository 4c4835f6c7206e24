// Output of armorm-make-demo: the same bytes everywhere, columns of the published sets, a model that other
// software loads.
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "armorm/extraction_options.h"
#include "data/attributes.h"
#include "data/dataset.h"
#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "text/conversation_encoder.h"
#include "text/gating_pattern.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

void make_demo(const fs::path& folder, const std::vector<std::string>& more = {}) {
  std::vector<std::string> flags{
      "--output", folder.string(),    "--rows", "24", "--pairs", "12", "--reference", "4", "--reward_bench",
      "23",       "--reward_bench_2", "12"};
  flags.insert(flags.end(), more.begin(), more.end());
  const ProcessResult result = run_program("armorm-make-demo", flags);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
}

std::map<std::string, std::string> files_below(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file())
      files[fs::relative(entry.path(), folder).string()] = io::read_text_file(entry.path());
  return files;
}

data::Dataset open_set(const fs::path& path, const std::string& split = "train") {
  data::DatasetOptions options;
  options.path = path;
  options.split = split;
  return data::Dataset::open(options);
}

std::vector<Conversation> labelled_conversations(const fs::path& demo) {
  std::vector<Conversation> all;
  open_set(demo / "multi-objective")
      .for_each_labelled(default_attributes(), {},
                         [&](data::LabelledRow&& row) { all.push_back(std::move(row.messages)); });
  return all;
}

std::vector<Conversation> preference_sides(const fs::path& demo) {
  std::vector<Conversation> all;
  open_set(demo / "preference").for_each_preference({}, [&](data::PreferenceRow&& row) {
    all.push_back(std::move(row.chosen));
    all.push_back(std::move(row.rejected));
  });
  return all;
}

// Distance of two values in steps of bfloat16; below 2^-6 the step is the one at 2^-6.
double steps_apart(BFloat16 a, BFloat16 b) {
  const double larger = std::max({std::abs(a.to_float()), std::abs(b.to_float()), 0x1p-6F});
  return std::abs(a.to_float() - b.to_float()) / std::exp2(std::floor(std::log2(larger)) - 7);
}

// Rows of `found` are in the order of `ids`, those of `expected` in source order.
void check_rows(const io::TensorView& found, std::span<const std::int64_t> ids,
                const io::TensorView& expected) {
  REQUIRE(found.numel() == expected.numel());
  const std::size_t width = found.as<BFloat16>().size() / ids.size();
  double largest = 0;
  for (std::size_t i = 0; i < ids.size(); ++i)
    for (std::size_t j = 0; j < width; ++j)
      largest = std::max(largest,
                         steps_apart(found.as<BFloat16>()[i * width + j],
                                     expected.as<BFloat16>()[static_cast<std::size_t>(ids[i]) * width + j]));
  CHECK(largest <= 1.0);
}

// For every conversation of transformers' tokens: the tokens after the line break that follows the last
// <|end_header_id|>.
std::vector<std::int64_t> response_lengths(const io::SafetensorsFile& expected, const fs::path& model) {
  const text::tokenizer::TokenId end_header =
      *text::ConversationEncoder(model, false, kTemplateDate).tokenizer().token_to_id("<|end_header_id|>");
  const auto ids = expected.at("token_ids").as<std::int32_t>();
  std::vector<std::int64_t> lengths;
  std::size_t at = 0;
  for (const std::int64_t count : expected.at("token_counts").as<std::int64_t>()) {
    std::int64_t after = count - 1;
    while (ids[at + static_cast<std::size_t>(after)] != end_header) --after;
    lengths.push_back(count - after - 2);
    at += static_cast<std::size_t>(count);
  }
  return lengths;
}

}  // namespace

TEST_CASE("the demo is the same for a seed and different for another", "[e2e]") {
  const TempDir dir;
  make_demo(dir / "a");
  make_demo(dir / "b");
  make_demo(dir / "c", {"--seed", "1"});
  const auto a = files_below(dir / "a"), b = files_below(dir / "b"), c = files_below(dir / "c");
  CHECK(a.size() == 9);
  CHECK(a == b);
  for (const auto& [name, content] : a) {
    INFO(name);
    REQUIRE(c.contains(name));
    if (!name.ends_with("config.json")) CHECK(c.at(name) != content);
  }
}

TEST_CASE("the demo's labels are missing in eight patterns and lie in [0, 1]", "[e2e]") {
  std::map<std::set<std::size_t>, int> patterns;
  open_set(demo_dir() / "multi-objective")
      .for_each_labelled(default_attributes(), {}, [&](data::LabelledRow&& row) {
        std::set<std::size_t> present;
        for (std::size_t k = 0; k < row.labels.size(); ++k) {
          if (std::isnan(row.labels[k])) continue;
          present.insert(k);
          CHECK((row.labels[k] >= 0 && row.labels[k] <= 1));
        }
        ++patterns[present];
      });
  const std::set<std::set<std::size_t>> expected = {
      {0, 1, 2, 3, 4}, {5, 6, 7, 8, 9}, {5}, {10}, {11}, {12, 13}, {13}, {14, 15, 16, 17, 18}};
  std::set<std::set<std::size_t>> found;
  int rows = 0;
  for (const auto& [pattern, count] : patterns) {
    found.insert(pattern);
    rows += count;
  }
  CHECK(found == expected);
  CHECK(rows == 400);
}

TEST_CASE("the demo's pairs differ in the answer alone, and carry source and subset", "[e2e]") {
  std::set<std::string> subsets;
  const data::Dataset preference = open_set(demo_dir() / "preference");
  preference.for_each_preference({}, [&](data::PreferenceRow&& row) {
    REQUIRE(row.chosen.size() == row.rejected.size());
    for (std::size_t i = 0; i + 1 < row.chosen.size(); ++i)
      CHECK(row.chosen[i].content == row.rejected[i].content);
    CHECK(row.chosen.back().content != row.rejected.back().content);
    CHECK(row.chosen.back().role == "assistant");
  });
  const std::vector<std::string> sources = preference.read_strings("source");
  CHECK(std::set<std::string>(sources.begin(), sources.end()) ==
        std::set<std::string>{"demo-borderline", "demo-chat", "demo-code", "demo-hard", "demo-harmful",
                              "demo-maths"});
  open_set(demo_dir() / "reward-bench", "filtered").for_each_preference({}, [&](data::PreferenceRow&& row) {
    CHECK(row.chosen.size() == 2);
    subsets.insert(row.subset);
  });
  CHECK(subsets.size() == 23);
}

TEST_CASE("the demo's tokens are those of transformers", "[e2e][golden]") {
  const TempDir dir;
  make_demo(dir.path());
  const auto golden_file = io::SafetensorsFile::open(golden("e2e/demo.safetensors"));
  const auto ids = golden_file.at("token_ids").as<std::int32_t>();
  const auto counts = golden_file.at("token_counts").as<std::int64_t>();
  std::vector<Conversation> conversations = labelled_conversations(dir.path());
  for (Conversation& side : preference_sides(dir.path())) conversations.push_back(std::move(side));
  REQUIRE(conversations.size() == counts.size());
  const text::ConversationEncoder encoder(dir / "model", false, kTemplateDate);
  const std::vector<text::tokenizer::TokenId> pattern =
      text::gating_pattern(encoder.tokenizer(), ModelFamily::llama3);
  std::size_t at = 0;
  for (std::size_t i = 0; i < conversations.size(); ++i) {
    INFO("conversation " << i);
    const std::vector<text::tokenizer::TokenId> found = encoder.encode(conversations[i]).tokens;
    const std::vector<text::tokenizer::TokenId> expected(
        ids.begin() + static_cast<std::ptrdiff_t>(at),
        ids.begin() + static_cast<std::ptrdiff_t>(at) + counts[i]);
    CHECK(found == expected);
    CHECK(text::find_gating_pattern(found, pattern).has_value());
    at += static_cast<std::size_t>(counts[i]);
  }
}

TEST_CASE("the demo's embeddings are those of transformers", "[e2e][golden]") {
  const TempDir dir;
  make_demo(dir / "demo");
  const auto expected = io::SafetensorsFile::open(golden("e2e/demo.safetensors"));
  const auto run = [&](const std::string& program, std::vector<std::string> more) {
    std::vector<std::string> flags = stage_flags(program, dir / "demo", dir / "root");
    flags.insert(flags.end(), more.begin(), more.end());
    const ProcessResult result = run_program(program, flags);
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
  };
  const fs::path embeddings = dir.path() / "root" / "embeddings" / "model";
  run("stage1-prepare", {});
  const auto rows = io::SafetensorsFile::open(embeddings / "multi-objective-00001-of-00001.safetensors");
  check_rows(rows.at("embeddings"), rows.at("row_ids").as<std::int64_t>(), expected.at("embeddings"));
  run("stage2-prepare", {"--dataset_path", (dir / "demo" / "preference").string()});
  const auto pairs = io::SafetensorsFile::open(embeddings / "preference-train.safetensors");
  const auto ids = pairs.at("row_ids").as<std::int64_t>();
  check_rows(pairs.at("embeddings"), ids, expected.at("pair_embeddings"));
  check_rows(pairs.at("prompt_embeddings"), ids, expected.at("pair_prompt_embeddings"));
  const auto lengths = pairs.at("lengths", DType::i64, {12, 2}).as<std::int64_t>();
  const std::vector<std::int64_t> expected_lengths = response_lengths(expected, dir / "demo" / "model");
  CHECK(std::vector<std::int64_t>(lengths.begin(), lengths.end()) ==
        std::vector<std::int64_t>(expected_lengths.end() - 24,
                                  expected_lengths.end()));  // the pairs' sides come last
}

TEST_CASE("armorm-make-demo refuses wrong flags and places it cannot write", "[e2e]") {
  const TempDir dir;
  CHECK(run_program("armorm-make-demo", {}).exit_code == 2);
  CHECK(run_program("armorm-make-demo", {"--output", dir.path().string(), "--rows", "-1"}).exit_code == 2);
  CHECK(
      run_program("armorm-make-demo", {"--output", dir.path().string(), "--reward_bench_2", "0"}).exit_code ==
      2);
  write_text(dir / "file", "");
  const ProcessResult blocked = run_program("armorm-make-demo", {"--output", (dir / "file").string()});
  CHECK(blocked.exit_code == 3);
  CHECK(blocked.err.find((dir / "file").string()) != std::string::npos);
}
