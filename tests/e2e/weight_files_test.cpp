// Models whose weights are not in safetensors, or not in one folder.
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/half.h"
#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "support/fixed_kernels.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

fs::path base_model() { return golden("reward_model/llama"); }

// The golden's conversations with a label each; returns their number.
std::int64_t write_rows(const fs::path& path) {
  fs::create_directories(path.parent_path());
  std::ifstream in(base_model() / "conversations.jsonl");
  std::ofstream out(path);
  std::int64_t rows = 0;
  for (std::string line; std::getline(in, line); ++rows) {
    json row = json::parse(line);
    row["a"] = rows;
    out << row.dump() << "\n";
  }
  return rows;
}

ProcessResult prepare(const fs::path& model, const fs::path& folder,
                      const std::vector<std::string>& more = {}) {
  write_rows(folder / "data/train.jsonl");
  std::vector<std::string> flags{"--model_path",   model.string(),
                                 "--dataset_path", (folder / "data").string(),
                                 "--data_root",    (folder / "root").string(),
                                 "--attributes",   "a",
                                 "--device",       "-1",
                                 "--kernels",      fixed_kernels_name(),
                                 "--precision",    "fp32"};
  flags.insert(flags.end(), more.begin(), more.end());
  return run_program("stage1-prepare", flags);
}

io::SafetensorsFile embeddings_of(const fs::path& model, const fs::path& folder,
                                  const std::vector<std::string>& more = {}) {
  const ProcessResult result = prepare(model, folder, more);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return io::SafetensorsFile::open(folder / "root/embeddings" / model.filename() /
                                   "data-00001-of-00001.safetensors");
}

void write_adapter(const fs::path& folder, const json& changes) {
  fs::create_directories(folder);
  fs::copy_file(golden("adapter/bf16") / "adapter_model.safetensors", folder / "adapter_model.safetensors",
                fs::copy_options::overwrite_existing);
  json config = json::parse(io::read_text_file(golden("adapter/bf16") / "adapter_config.json"));
  config["base_model_name_or_path"] = base_model().string();
  config.update(changes);
  write_text(folder / "adapter_config.json", config.dump());
}

// |a - b| / |b| over all rows, which the file orders by its row_ids.
double relative_error(const io::SafetensorsFile& found, std::span<const float> expected) {
  const auto ids = found.at("row_ids").as<std::int64_t>();
  const auto values = found.at("embeddings").as<BFloat16>();
  REQUIRE(values.size() == expected.size());
  const std::size_t width = values.size() / ids.size();
  double error = 0;
  double size = 0;
  for (std::size_t row = 0; row < ids.size(); ++row) {
    for (std::size_t i = 0; i < width; ++i) {
      const float wanted = expected[static_cast<std::size_t>(ids[row]) * width + i];
      error += std::pow(values[row * width + i].to_float() - wanted, 2);
      size += std::pow(wanted, 2);
    }
  }
  return std::sqrt(error / size);
}

}  // namespace

TEST_CASE("a pytorch_model.bin gives the embeddings of its safetensors twin", "[e2e]") {
  const TempDir dir;
  for (const auto& entry : fs::directory_iterator(base_model()))
    if (entry.path().string().find(".safetensors") == std::string::npos) {
      fs::create_directories(dir / "bin/llama");
      fs::copy_file(entry.path(), dir / "bin/llama" / entry.path().filename());
    }
  fs::copy_file(golden("weight_files/reward_model") / "pytorch_model.bin",
                dir / "bin/llama/pytorch_model.bin");
  const io::SafetensorsFile found = embeddings_of(dir / "bin/llama", dir / "a");
  const io::SafetensorsFile expected = embeddings_of(base_model(), dir / "b");
  for (const std::string& name : expected.names()) {
    INFO(name);
    CHECK(std::ranges::equal(found.at(name).bytes, expected.at(name).bytes));
  }
  CHECK(found.metadata().at("weights_fingerprint") == expected.metadata().at("weights_fingerprint"));
}

TEST_CASE("an adapter's folder gives the embeddings of peft's merged model", "[e2e]") {
  const TempDir dir;
  write_adapter(dir / "adapter", json::object());
  const io::SafetensorsFile golden_file =
      io::SafetensorsFile::open(golden("adapter/bf16") / "embeddings.safetensors");
  const auto expected = golden_file.at("embeddings").as<float>();
  CHECK(relative_error(embeddings_of(dir / "adapter", dir / "a"), expected) < 5e-3);
  CHECK(relative_error(embeddings_of(base_model(), dir / "b"), expected) > 0.1);
}

TEST_CASE("embeddings of another adapter in the same folder are replaced only with --restart", "[e2e]") {
  const TempDir dir;
  write_adapter(dir / "adapter", json::object());
  const auto bytes = [&](const std::vector<std::string>& more = {}) {
    const io::SafetensorsFile file = embeddings_of(dir / "adapter", dir.path(), more);
    const auto view = file.at("embeddings").bytes;
    return std::vector<std::byte>(view.begin(), view.end());
  };
  const std::vector<std::byte> first = bytes();
  CHECK(bytes() == first);
  write_adapter(dir / "adapter", {{"lora_alpha", 24}});
  const ProcessResult other = prepare(dir / "adapter", dir.path());
  CHECK(other.exit_code == 4);
  CHECK_THAT(other.err, Catch::Contains("weights of the model") && Catch::Contains("--restart"));
  CHECK(bytes({"--restart"}) != first);
}

TEST_CASE("an adapter that is not LoRA ends a stage with its reason", "[e2e]") {
  const TempDir dir;
  write_adapter(dir / "adapter", {{"use_dora", true}});
  const ProcessResult result = prepare(dir / "adapter", dir.path());
  CHECK(result.exit_code == 4);
  CHECK_THAT(result.err, Catch::Contains("adapter_config.json") && Catch::Contains("use_dora") &&
                             Catch::Contains("merge_and_unload"));
}
