// Folders of adapters: where the base model, the tokenizer and the identity of the weights come from.
#include <nlohmann/json.hpp>

#include "io/publish.h"
#include "io/read_file.h"
#include "model/adapter_config.h"
#include "stages/artifacts/open_encoder.h"
#include "stages/artifacts/weights_fingerprint.h"
#include "support/error_of.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::artifacts;
using namespace armorm::test;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

void write_adapter(const fs::path& folder, const json& changes) {
  fs::create_directories(folder);
  fs::copy_file(golden("adapter/bf16") / "adapter_model.safetensors", folder / "adapter_model.safetensors");
  json config = json::parse(io::read_text_file(golden("adapter/bf16") / "adapter_config.json"));
  config.update(changes);
  io::publish_text(folder / "adapter_config.json", config.dump());
}

}  // namespace

TEST_CASE("an adapter's base model is found as transformers finds it", "[unit]") {
  const TempDir dir;
  const fs::path base = golden("reward_model/llama");
  write_adapter(dir / "adapter", {{"base_model_name_or_path", base.string()}});
  const model::ModelFolder alone = open_model_folder((dir / "adapter").string());
  CHECK(alone.folder == dir / "adapter");
  CHECK(alone.base == base);
  CHECK(text_folder(alone) == base);

  fs::copy_file(base / "tokenizer.json", dir / "adapter/tokenizer.json");
  CHECK(text_folder(open_model_folder((dir / "adapter").string())) == dir / "adapter");

  fs::copy_file(base / "config.json", dir / "adapter/config.json");
  CHECK(open_model_folder((dir / "adapter").string()).base == dir / "adapter");
  CHECK(open_model_folder(base.string()).base == base);
}

TEST_CASE("an adapter without a base model, or of another adapter, is refused", "[unit]") {
  const TempDir dir;
  write_adapter(dir / "none", {{"base_model_name_or_path", nullptr}});
  CHECK_THAT(error_of([&] { open_model_folder((dir / "none").string()); }, ErrorKind::data),
             Catch::Contains("base_model_name_or_path"));
  write_adapter(dir / "nested", {{"base_model_name_or_path", (dir / "none").string()}});
  CHECK_THAT(error_of([&] { open_model_folder((dir / "nested").string()); }, ErrorKind::data),
             Catch::Contains("adapter itself"));
}

TEST_CASE("the fingerprint covers the adapter and how it is merged", "[unit]") {
  const TempDir dir;
  const fs::path base = golden("reward_model/llama");
  const auto fingerprint = [&](const char* name, const json& changes) {
    write_adapter(dir / name, changes);
    return weights_fingerprint({dir / name, base});
  };
  const std::string first = fingerprint("a", json::object());
  CHECK(fingerprint("b", {{"lora_dropout", 0.5}, {"peft_version", "0.1"}}) == first);
  CHECK(fingerprint("c", {{"lora_alpha", 9}}) != first);
  CHECK(weights_fingerprint(base) != first);
  write_adapter(dir / "d", json::object());
  std::string bytes = io::read_text_file(dir / "d/adapter_model.safetensors");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  io::publish_text(dir / "d/adapter_model.safetensors", bytes);
  CHECK(weights_fingerprint({dir / "d", base}) != first);
}

TEST_CASE("the same tensors in a PyTorch file have the same fingerprint", "[unit]") {
  CHECK(weights_fingerprint(golden("weight_files/bin")) == weights_fingerprint(golden("model/llama_gqa")));
  CHECK(weights_fingerprint(golden("weight_files/bin_sharded")) ==
        weights_fingerprint(golden("model/llama_gqa")));
}
