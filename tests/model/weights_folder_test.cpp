// Weight files of other formats and under other names than transformers writes today.
#include "model/weights_folder.h"

#include <cmath>

#include "model/model_test_support.h"
#include "model/weight_names.h"
#include "support/error_of.h"
#include "support/log_capture.h"

namespace armorm::model {
namespace {

using namespace test;
namespace fs = std::filesystem;

fs::path weight_files(const std::string& name) { return golden("weight_files") / name; }

std::vector<float> states_of(const fs::path& folder, const GoldenSequence& sequence) {
  PackedBatch batch = pack({sequence.tokens});
  want_all(batch);
  return embed(Backbone::load({.model_folder = folder, .precision = Precision::fp32, .device = kCpu}), batch);
}

void copy_without_weights(const fs::path& to) {
  fs::copy_file(golden_model("llama_gqa") / "config.json", to / "config.json");
}

// Writes tensors of one float each.
void write_names(const fs::path& path, const std::vector<std::string>& names) {
  std::vector<io::TensorSpec> specs;
  for (const std::string& name : names) specs.push_back({name, DType::f32, {1}});
  io::SafetensorsWriter writer(path, specs, {});
  const std::vector<float> values(names.size());
  writer.append(std::span<const float>(values));
  writer.publish();
}

}  // namespace

TEST_CASE("PyTorch files and names of wrappers give the states of transformers", "[golden]") {
  const GoldenSequence sequence = golden_sequences("llama_gqa").at(3);
  for (const char* name : {"bin", "bin_sharded", "wrapped"}) {
    INFO(name);
    const std::vector<float> states = states_of(weight_files(name), sequence);
    REQUIRE(states.size() == sequence.fp32.size());
    float most = 0;
    for (std::size_t i = 0; i < states.size(); ++i)
      most = std::max(most, std::abs(states[i] - sequence.fp32[i]));
    CHECK(most < 1e-4F);
    CHECK(states == states_of(golden_model("llama_gqa"), sequence));
  }
}

TEST_CASE("safetensors come before PyTorch files", "[unit]") {
  const TempDir dir;
  copy_without_weights(dir.path());
  fs::copy_file(golden_model("llama_gqa") / "model.safetensors", dir / "model.safetensors");
  fs::copy_file(weight_files("legacy") / "pytorch_model.bin", dir / "pytorch_model.bin");
  CHECK(WeightsFolder::open(dir.path()).contains("model.norm.weight"));
}

TEST_CASE("PyTorch's old format is refused with a remedy", "[golden]") {
  const std::string message = error_of([] { WeightsFolder::open(weight_files("legacy")); }, ErrorKind::data);
  CHECK_THAT(message,
             Catch::Contains("pytorch_model.bin") && Catch::Contains("1.6") && Catch::Contains("torch.save"));
}

TEST_CASE("a tensor that is stored negated is refused", "[golden]") {
  CHECK_THAT(error_of([] { WeightsFolder::open(weight_files("negated")); }, ErrorKind::data),
             Catch::Contains("pytorch_model.bin") && Catch::Contains("negated"));
}

TEST_CASE("names that are of no known wrapper are shown", "[unit]") {
  const TempDir dir;
  copy_without_weights(dir.path());
  write_names(dir / "model.safetensors", {"backbone.norm.weight"});
  const auto load = [&] {
    Backbone::load({.model_folder = dir.path(), .precision = Precision::fp32, .device = kCpu});
  };
  CHECK_THAT(error_of(load, ErrorKind::data),
             Catch::Contains("model.embed_tokens.weight") && Catch::Contains("\"backbone.norm.weight\""));
}

TEST_CASE("a missing shard of PyTorch files is named", "[unit]") {
  const TempDir dir;
  fs::copy(weight_files("bin_sharded"), dir / "m");
  fs::remove(dir / "m/pytorch_model-00002-of-00002.bin");
  CHECK_THAT(error_of([&] { WeightsFolder::open(dir / "m"); }, ErrorKind::io),
             Catch::Contains("pytorch_model-00002-of-00002.bin"));
}

TEST_CASE("a folder without weights says which were sought", "[unit]") {
  const TempDir dir;
  CHECK_THAT(error_of([&] { WeightsFolder::open(dir.path()); }, ErrorKind::io),
             Catch::Contains("model.safetensors") && Catch::Contains("pytorch_model.bin"));
}

TEST_CASE("prefixes of wrappers are no part of a tensor's name", "[unit]") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"layers.0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight"},
      {"model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight"},
      {"base_model.model.model.norm.weight", "model.norm.weight"},
      {"base_model.model.norm.weight", "model.norm.weight"},
      {"module.pretrained_model.model.embed_tokens.weight", "model.embed_tokens.weight"},
      {"_orig_mod.model.layers.1._orig_mod.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight"},
      {"model.layers.1._checkpoint_wrapped_module.input_layernorm.weight",
       "model.layers.1.input_layernorm.weight"},
      {"module.score.weight", "score.weight"},
      {"regression_layer.weight", "regression_layer.weight"},
      {"tok_embeddings.weight", "model.tok_embeddings.weight"},
      {"language_model.model.norm.weight", "model.norm.weight"},
      {"language_model.lm_head.weight", "lm_head.weight"},
      {"model.language_model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight"},
      {"model.vision_tower.post_layernorm.bias", "vision_tower.post_layernorm.bias"},
      {"submodule.weight", "submodule.weight"}};
  for (const auto& [stored, expected] : cases) CHECK(canonical_name(stored) == expected);
}

TEST_CASE("heads of published reward models, and encoders of images, are known by name", "[unit]") {
  for (const char* name :
       {"score.weight", "score.0.weight", "v_head.weight", "v_head.summary.weight", "regression_head.weight",
        "regression_layer.weight", "rm_head.weight", "score_head.weight", "value_head.weight",
        "lm_head.weight", "output.weight", "gating.layers.0.weight", "gating_layer.network.0.weight",
        "vision_tower.post_layernorm.bias", "multi_modal_projector.mm_soft_emb_norm.weight"}) {
    CAPTURE(name);
    CHECK(is_known_unread(canonical_name(name)));
    CHECK_FALSE(is_of_decoder(canonical_name(name)));
  }
  CHECK_FALSE(is_known_unread("model.layers.0.attention.wqkv.weight"));
}

TEST_CASE("two tensors of one name, and adapters that are not merged, are refused", "[unit]") {
  const TempDir dir;
  write_names(dir / "model.safetensors", {"model.norm.weight", "module.model.norm.weight"});
  CHECK_THAT(error_of([&] { WeightsFolder::open(dir.path()); }, ErrorKind::data),
             Catch::Contains("'module.model.norm.weight'") && Catch::Contains("'model.norm.weight'"));
  const std::string adapted = "base_model.model.model.layers.0.mlp.up_proj.base_layer.weight";
  write_names(dir / "model.safetensors", {adapted});
  CHECK_THAT(error_of([&] { WeightsFolder::open(dir.path()); }, ErrorKind::data),
             Catch::Contains(adapted) && Catch::Contains("merge_and_unload"));
}

TEST_CASE("tensors that are not read are reported once by name", "[unit]") {
  const TempDir dir;
  copy_without_weights(dir.path());
  const io::SafetensorsFile source =
      io::SafetensorsFile::open(golden_model("llama_gqa") / "model.safetensors");
  std::vector<io::TensorSpec> specs;
  for (const std::string& name : source.names())
    specs.push_back({name, source.at(name).dtype, source.at(name).shape});
  for (const char* name : {"model.layers.9.mlp.up_proj.weight", "model.layers.0.self_attn.q_norm.weight",
                           "model.layers.0.self_attn.rotary_emb.inv_freq"})
    specs.push_back({name, DType::f32, {1}});
  io::SafetensorsWriter writer(dir / "model.safetensors", specs, {});
  for (const std::string& name : source.names()) writer.append(source.at(name).bytes);
  writer.append(std::span<const float>(std::vector<float>(3)));
  writer.publish();
  std::vector<std::string> lines;
  const LogCapture log(lines);
  Backbone::load({.model_folder = dir.path(), .precision = Precision::fp32, .device = kCpu});
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines[0], Catch::Contains("'model.layers.9.mlp.up_proj.weight'") &&
                           Catch::Contains("'model.layers.0.self_attn.q_norm.weight'"));
  CHECK(lines[0].find("score") == std::string::npos);
  CHECK(lines[0].find("inv_freq") == std::string::npos);
}

}  // namespace armorm::model
