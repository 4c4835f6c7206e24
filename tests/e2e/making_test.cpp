// Sets that were made differently are not combined: neither shards with each other, nor sets with regression
// weights.
#include <functional>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "e2e/demo_fixture.h"
#include "io/content_digests.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "stages/stage1_prepare.h"
#include "stages/stage1_train.h"
#include "stages/stage2_prepare.h"
#include "stages/stage2_train.h"
#include "support/error_of.h"
#include "support/fixed_kernels.h"
#include "support/silence.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;
using Catch::Contains;

namespace {

void edit_metadata(const fs::path& path, const io::Metadata& changes) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  std::vector<io::TensorSpec> specs;
  for (const std::string& name : file.names())
    specs.push_back({name, file.at(name).dtype, file.at(name).shape});
  io::Metadata metadata = file.metadata();
  for (const auto& [key, value] : changes) metadata[key] = value;
  io::SafetensorsWriter writer(path, specs, io::with_reserved_digests(metadata, specs));
  for (const io::TensorSpec& spec : specs) writer.append(file.at(spec.name).bytes);
  writer.publish();
}

Stage2TrainOptions gate(const fs::path& root) {
  Stage2TrainOptions options;
  options.model_path = (demo_dir() / "model").string();
  options.multi_objective_dataset = (demo_dir() / "multi-objective").string();
  options.preference_dataset = (demo_dir() / "preference").string();
  options.reference_dataset = (demo_dir() / "reference").string();
  options.data_root = root.string();
  options.output_dir = (root / "out").string();
  options.device = -1;
  options.kernels = fixed_kernels();
  options.n_steps = 2;
  options.batch_size = 8;
  options.n_hidden = 1;
  options.hidden_size = 4;
  options.on_unmet = OnUnmet::max;
  options.threads = 1;
  return options;
}

std::string refusal(const Stage2TrainOptions& options) {
  return error_of([&] { quietly([&] { stages::run_stage2_train(options, {}); }); }, ErrorKind::data);
}

std::string rows(int first, int step) {
  std::string text;
  for (int i = 0; i < 8; ++i)
    text += R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":")" +
            std::to_string(first + step * i) + R"("}],"a":)" + std::to_string(first + step * i) + "}\n";
  return text;
}

void prepare_shard(const fs::path& dir, std::int64_t shard) {
  Stage1PrepareOptions options;
  options.extraction.model_path = (demo_dir() / "model").string();
  options.extraction.device = -1;
  options.extraction.kernels = fixed_kernels();
  options.extraction.threads = 1;
  options.extraction.data_root = (dir / "root").string();
  options.extraction.n_shards = 2;
  options.extraction.shard_idx = shard;
  options.dataset_path = (dir / "set").string();
  options.attributes = {"a"};
  quietly([&] { stages::run_stage1_prepare(options, {}); });
}

}  // namespace

TEST_CASE("shards of a data set that changed between them are refused", "[e2e]") {
  for (const std::string& later : {rows(0, 1), rows(7, -1), rows(1, 1)}) {
    const TempDir dir;
    fs::create_directories(dir / "set");
    write_text(dir / "set/train.jsonl", rows(0, 1));
    prepare_shard(dir.path(), 1);
    write_text(dir / "set/train.jsonl", later);
    prepare_shard(dir.path(), 2);
    Stage1TrainOptions train;
    train.model_path = (demo_dir() / "model").string();
    train.dataset_path = (dir / "set").string();
    train.data_root = (dir / "root").string();
    train.threads = 1;
    const auto run = [&] { quietly([&] { stages::run_stage1_train(train, {}); }); };
    if (later == rows(0, 1)) {
      CHECK_NOTHROW(run());
    } else {
      CHECK_THAT(error_of(run, ErrorKind::data), Contains("data_sha256") && Contains("different runs"));
    }
  }
}

TEST_CASE("stage2-train lists every difference of its sets from the regression weights", "[e2e]") {
  const TempDir root;
  copy_tree(demo_run() / "embeddings", root / "embeddings");
  copy_tree(demo_run() / "regression_weights", root / "regression_weights");
  const fs::path preference = root / "embeddings/model/preference-train.safetensors";
  const fs::path reference = root / "embeddings/model/reference-train.safetensors";
  edit_metadata(preference, {{"precision", "bf16"}, {"template_sha256", std::string(64, 'b')}});
  edit_metadata(reference,
                {{"tokenizer_sha256", std::string(64, 'c')}, {"config_sha256", std::string(64, 'd')}});
  Stage2TrainOptions options = gate(root.path());
  CHECK_THAT(refusal(options),
             Contains("preference-train.safetensors: precision is bf16, but ") && Contains("has fp32") &&
                 Contains("preference-train.safetensors: chat_template is bbbbbbbbbbbb...") &&
                 Contains("reference-train.safetensors: tokenizer is cccccccccccc...") &&
                 Contains("reference-train.safetensors: config is dddddddddddd...") &&
                 Contains("--accept_differences chat_template,precision,config,tokenizer"));
  options.accept_differences = {MakingFact::precision, MakingFact::chat_template, MakingFact::tokenizer};
  CHECK_THAT(refusal(options), Contains("reference-train.safetensors: config") && !Contains("precision is"));
  options.accept_differences.push_back(MakingFact::config);
  const std::vector<std::string> log = quietly([&] { stages::run_stage2_train(options, {}); });
  CHECK(std::ranges::any_of(log, [](const std::string& line) {
    return line.find("precision is bf16") != std::string::npos && line.find("accepted") != std::string::npos;
  }));
  const io::SafetensorsFile made = io::SafetensorsFile::open(root / "out/gating_network_model.safetensors");
  CHECK_THAT(
      nlohmann::json::parse(made.metadata().at("inputs")).at("accepted differences").get<std::string>(),
      Contains("preference set: precision is bf16, not fp32") &&
          Contains("reference set: config is dddddddddddd..., not "));
  CHECK(nlohmann::json::parse(made.metadata().at("making_facts")).at("precision") == "fp32");
  const auto report = nlohmann::json::parse(io::read_text_file(root / "out/gating_network_model.json"));
  CHECK(report.at("options").at("accept_differences") == "precision,chat_template,tokenizer,config");
}

TEST_CASE("a set whose tokenizer was configured otherwise is refused", "[e2e]") {
  const TempDir dir;
  copy_tree(demo_dir() / "model", dir / "model");
  replace_in_file(dir / "model/tokenizer_config.json", "{", R"({"padding_side": "left", )");
  copy_tree(demo_run() / "embeddings", dir / "root/embeddings");
  copy_tree(demo_run() / "regression_weights", dir / "root/regression_weights");
  Stage2PrepareOptions prepare;
  prepare.extraction.model_path = (dir / "model").string();
  prepare.extraction.device = -1;
  prepare.extraction.kernels = fixed_kernels();
  prepare.extraction.precision = Precision::fp32;
  prepare.extraction.threads = 1;
  prepare.extraction.data_root = (dir / "root").string();
  prepare.dataset_path = (demo_dir() / "reference").string();
  prepare.extraction.restart = true;
  quietly([&] { stages::run_stage2_prepare(prepare, {}); });
  CHECK_THAT(refusal(gate(dir / "root")), Contains("reference-train.safetensors: tokenizer_config is ") &&
                                              Contains("--accept_differences tokenizer_config") &&
                                              !Contains("chat_template"));
}
