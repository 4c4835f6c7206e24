// stage1-prepare with a backbone of each family: the tiny models of tests/goldens/model with the demo's
// tokenizer.
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/half.h"
#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "support/fixed_kernels.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

Json read_json(const fs::path& path) { return Json::parse(io::read_text_file(path)); }

bool is_embedding(const std::string& name) {
  return name.ends_with("embed_tokens.weight") || name.ends_with("tok_embeddings.weight");
}

// The rows of the embedding again and again, for all tokens of the vocabulary.
void write_weights(const fs::path& from, const fs::path& to, std::int64_t vocab_size) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(from);
  std::vector<io::TensorSpec> specs;
  for (const std::string& name : file.names()) {
    specs.push_back({name, file.at(name).dtype, file.at(name).shape});
    if (is_embedding(name)) specs.back().shape[0] = vocab_size;
  }
  io::SafetensorsWriter writer(to, specs, {});
  for (const io::TensorSpec& spec : specs) {
    const std::span<const std::byte> bytes = file.at(spec.name).bytes;
    std::vector<std::byte> rows(bytes.begin(), bytes.end());
    if (is_embedding(spec.name)) {
      const std::size_t row_bytes = bytes.size() / static_cast<std::size_t>(file.at(spec.name).shape[0]);
      rows.resize(static_cast<std::size_t>(vocab_size) * row_bytes);
      for (std::size_t i = bytes.size(); i < rows.size(); ++i) rows[i] = rows[i - bytes.size()];
    }
    writer.append(std::span<const std::byte>(rows));
  }
  writer.publish();
}

void write_model(const fs::path& folder, const std::string& family) {
  copy_tree(demo_dir() / "model", folder);
  const std::int64_t vocab_size = read_json(folder / "config.json").at("vocab_size");
  for (const auto& entry : fs::directory_iterator(demo_dir() / "model"))
    if (entry.path().filename().string().starts_with("model")) fs::remove(folder / entry.path().filename());
  Json config = read_json(golden("model") / family / "config.json");
  Json& decoder = config.contains("text_config") ? config.at("text_config") : config;
  decoder["vocab_size"] = vocab_size;
  write_text(folder / "config.json", config.dump());
  write_weights(golden("model") / family / "model.safetensors", folder / "model.safetensors", vocab_size);
}

}  // namespace

TEST_CASE("stage1-prepare embeds with a backbone of each family", "[e2e]") {
  for (const std::string family :
       {"qwen3", "phi3_longrope", "gemma3", "gemma3_nested", "internlm2_dynamic"}) {
    CAPTURE(family);
    const TempDir dir;
    write_model(dir / "model", family);
    fs::create_directories(dir / "data");
    write_text(
        dir / "data/train.jsonl",
        R"({"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello."}],"a":1})"
        "\n"
        R"({"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"No."}],"a":0})"
        "\n");
    const ProcessResult result = run_program(
        "stage1-prepare",
        {"--model_path", (dir / "model").string(), "--data_root", (dir / "root").string(), "--dataset_path",
         (dir / "data").string(), "--device", "-1", "--kernels", fixed_kernels_name(), "--attributes", "a"});
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    CHECK(result.err.find("are not used") == std::string::npos);
    CHECK(result.err.find("are not read") == std::string::npos);
    const auto file =
        io::SafetensorsFile::open(dir / "root/embeddings/model/data-00001-of-00001.safetensors");
    const auto rows = file.at("embeddings", DType::bf16, {2, 32}).as<BFloat16>();
    double apart = 0.0;
    for (std::size_t i = 0; i < 32; ++i) {
      CHECK(std::isfinite(rows[i].to_float()));
      apart += std::abs(rows[i].to_float() - rows[32 + i].to_float());
    }
    CHECK(apart > 1.0);
  }
}
