// Messages with more than role and content, through all programs that read them, as transformers computes
// them (scripts/goldens/make_message_goldens.py).
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "armorm/score.h"
#include "armorm/stage1_prepare.h"
#include "armorm/stage2_prepare.h"
#include "core/dtype.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "stages/prepare/cpu_extraction.h"
#include "support/fixed_kernels.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;
using json = nlohmann::ordered_json;  // the order of keys is a part of what templates write
namespace fs = std::filesystem;

namespace {

const fs::path kMessages = golden("text/messages");

// The tiny model with Llama 3.1's template.
struct Scene {
  TempDir dir;
  json expected = json::parse(io::read_text_file(kMessages / "scores.json"));

  Scene() {
    fs::copy(golden("reward_model") / "llama", dir / "model");
    io::publish_text(dir / "model/chat_template.jinja",
                     io::read_text_file(golden("text/template") / "llama31.jinja"));
  }

  template <class Options>
  Options options(const fs::path& dataset) const {
    Options options;
    options.extraction = cpu_extraction(dir / "model", dir / "root");
    options.extraction.precision = Precision::fp32;
    options.extraction.on_bad_row = OnBadRow::skip;  // two calls in a message, an end without answer
    options.extraction.max_bad_rows = "2";
    options.dataset_path = dataset.string();
    return options;
  }
};

std::vector<json> rows_of(const fs::path& file) {
  std::vector<json> rows;
  const std::string text = io::read_text_file(file);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    rows.push_back(json::parse(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return rows;
}

// The vector `index` of a tensor of bf16.
void check_vector(const io::SafetensorsFile& file, const char* name, std::size_t index,
                  const json& expected) {
  const auto all = file.at(name).as<BFloat16>();
  for (std::size_t d = 0; d < expected.size(); ++d) {
    const double wanted = expected[d].get<double>();
    CAPTURE(name, index, d, wanted);
    CHECK(std::abs(all[index * expected.size() + d].to_float() - wanted) <= std::abs(wanted) / 256 + 1e-4);
  }
}

std::vector<std::int64_t> row_ids_of(const io::SafetensorsFile& file) {
  const auto ids = file.at("row_ids").as<std::int64_t>();
  return {ids.begin(), ids.end()};
}

}  // namespace

TEST_CASE("stage1-prepare embeds complete messages of every reader", "[golden]") {
  const Scene scene;
  for (const auto& [name, rows] :
       std::map<std::string, std::size_t>{{"jsonl", 15}, {"parquet", 6}, {"arrow", 6}}) {
    CAPTURE(name);
    auto options = scene.options<Stage1PrepareOptions>(kMessages / ("messages." + name));
    options.attributes = {"a"};
    options.extraction.data_root = (scene.dir / name).string();
    const io::SafetensorsFile file = io::SafetensorsFile::open(run_stage1_prepare(options));
    const std::vector<std::int64_t> ids = row_ids_of(file);
    REQUIRE(ids.size() == rows);
    for (std::size_t i = 0; i < ids.size(); ++i)
      check_vector(file, "embeddings", i, scene.expected.at(static_cast<std::size_t>(ids[i])).at("last"));
  }
}

TEST_CASE("stage2-prepare embeds complete messages, and finds their prompts", "[golden]") {
  const Scene scene;
  std::string text;
  for (const json& row : rows_of(kMessages / "messages.jsonl")) {
    json prompt = row.at("messages");
    const json answer = prompt.back();
    prompt.erase(prompt.size() - 1);
    text +=
        json{{"prompt", prompt}, {"chosen", json::array({answer})}, {"rejected", row.at("messages")}}.dump() +
        "\n";
  }
  io::publish_text(scene.dir / "pairs.jsonl", text);
  const auto options = scene.options<Stage2PrepareOptions>(scene.dir / "pairs.jsonl");
  const io::SafetensorsFile file = io::SafetensorsFile::open(run_stage2_prepare(options));
  const std::vector<std::int64_t> ids = row_ids_of(file);
  REQUIRE(ids.size() == 15);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const json& expected = scene.expected.at(static_cast<std::size_t>(ids[i]));
    for (std::size_t side = 0; side < 2; ++side) {
      check_vector(file, "embeddings", 2 * i + side, expected.at("last"));
      check_vector(file, "prompt_embeddings", 2 * i + side, expected.at("prompt"));
    }
  }
}

TEST_CASE("score reads complete messages", "[golden]") {
  const Scene scene;
  ScoreOptions options;
  options.model_path = (scene.dir / "model").string();
  options.input = (kMessages / "messages.jsonl").string();
  options.output = (scene.dir / "out.jsonl").string();
  options.device = -1;
  options.kernels = fixed_kernels();
  options.threads = 1;
  options.precision = Precision::fp32;
  options.on_bad_row = OnBadRow::skip;
  options.fields = {ScoreField::score, ScoreField::tokens};
  run_score(options);
  const std::vector<json> lines = rows_of(options.output);
  REQUIRE(lines.size() == scene.expected.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    CAPTURE(i);
    const json& expected = scene.expected[i];
    if (lines[i].contains("error")) {
      // Row 9 has an image, which the template would write as text; row 11 ends in a tool's turn.
      CHECK((expected.is_null() || i == 9 || i == 11));
      continue;
    }
    CHECK(lines[i].at("tokens") == expected.at("tokens"));
    CHECK(std::abs(lines[i].at("score").get<double>() - expected.at("score").get<double>()) < 1e-5);
  }
}
