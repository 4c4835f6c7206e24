// Exported folders: their layout, where the weights come from, and refused inputs.
#include "stages/reward_model/model_export.h"

#include <sys/stat.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "gating/gate.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "stages/artifacts/weights_fingerprint.h"
#include "stages/resume/resume_key.h"
#include "stages/reward_model/model_card.h"
#include "stages/reward_model/modeling_code.h"
#include "stages/reward_model/reward_model.h"
#include "stages/stage2_train.h"
#include "support/error_of.h"
#include "support/forwarding_file_system.h"
#include "support/test_support.h"
#include "text/chat_template.h"

using namespace armorm;
using namespace armorm::stages::reward_model;
using namespace armorm::test;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

stages::artifacts::GateArtifact artifact_for(const std::string& family, std::int64_t hidden_size, bool bias) {
  stages::artifacts::GateArtifact artifact;
  artifact.model = "decoder";
  artifact.model_family = family;
  artifact.attributes = {"first", "second \"quoted\"", "third"};
  artifact.hidden_size = hidden_size;
  for (std::int64_t i = 0; i < 3 * hidden_size; ++i) artifact.weight.push_back(0.01F * static_cast<float>(i));
  if (bias) artifact.bias = {1.0F, -2.0F, 0.5F};
  artifact.transform = {1, 0, 0, -0.5F, 0, -0.25F, 0, 0, 1};
  artifact.gate = gating::initial_gate({hidden_size, 2, 7, 3, 3.5}, 1.25, 9);
  artifact.temperature = 3.5;
  artifact.compat = "none";
  return artifact;
}

report::BenchmarkScorer benchmark_scorer(const std::string& name, const report::SectionScore& section,
                                         double score) {
  report::BenchmarkScorer scorer;
  scorer.name = name;
  scorer.sections = {section};
  scorer.score = score;
  return scorer;
}

report::LengthBiasFigures length_bias(double longer, double shorter, double margin_correlation) {
  report::LengthBiasFigures bias;
  bias.set = "validation";
  bias.name = "gate";
  bias.chosen_longer.accuracy = longer;
  bias.chosen_shorter.accuracy = shorter;
  bias.margin_correlation = margin_correlation;
  return bias;
}

report::GateReport make_report() {
  report::GateReport report;
  report.options = {{"n_steps", "60"}, {"reward_bench_dataset", "allenai/reward-bench"}};
  report.debiasing.emplace().attributes = {{"first", 0.25, 0.5, stats::kNotMeasured, true}};
  report.validation = {{"gate", 0.9, {0.8, 0.95}, 0.3, {}}};
  report.reward_bench = {"allenai/reward-bench",
                         {benchmark_scorer("gate", {.name = "Chat", .score = 93.912}, 93.0)}};
  report.reward_bench_2 = {
      "reward-bench-2",
      {benchmark_scorer("gate", {.name = "Ties", .n = 30, .score = 52.831}, 83.248),
       benchmark_scorer("uniform gate", {.name = "Ties", .n = 30, .score = 14.386}, 44.62)}};
  report.length_bias = {length_bias(0.8367, 0.9205, -0.058)};
  return report;
}

const report::GateReport kReport = make_report();

void export_to(const fs::path& target, const fs::path& model, const stages::artifacts::GateArtifact& artifact,
               ExportWeights weights = ExportWeights::auto_,
               io::FileSystem& files = io::posix_file_system()) {
  ModelExport(target, model.string(), weights, std::nullopt, {}, files).write(artifact, kReport);
}

fs::path decoder(const std::string& name) { return golden("reward_model") / name; }

// A model folder of the linked kind: its weights have no head with the same names.
void make_decoder(const fs::path& folder) {
  fs::create_directories(folder);
  for (const auto& entry : fs::directory_iterator(decoder("llama")))
    if (entry.path().extension() == ".json" || entry.path().extension() == ".jinja")
      fs::copy(entry.path(), folder);
  fs::remove(folder / "model.safetensors.index.json");
  fs::copy(decoder("llama") / "model-00001-of-00002.safetensors", folder / "model.safetensors");
}

json read_json(const fs::path& path) { return json::parse(io::read_text_file(path)); }

ino_t inode(const fs::path& path) {
  struct stat info {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  return info.st_ino;
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

void check_index(const fs::path& folder) {
  const json index = read_json(folder / "model.safetensors.index.json");
  std::uint64_t total = 0;
  std::size_t tensors = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    const io::SafetensorsFile file = io::SafetensorsFile::open(entry.path());
    CHECK(file.metadata().at("format") == "pt");
    for (const std::string& name : file.names()) {
      CHECK(index.at("weight_map").at(name) == entry.path().filename().string());
      total += file.at(name).bytes.size();
      ++tensors;
    }
  }
  CHECK(index.at("weight_map").size() == tensors);
  CHECK(index.at("metadata").at("total_size") == total);
}

}  // namespace

TEST_CASE("an exported folder holds a whole model, its weights linked", "[unit]") {
  const TempDir dir;
  make_decoder(dir / "model");
  const stages::artifacts::GateArtifact artifact = artifact_for("llama3", 32, true);
  export_to(dir / "out/", dir / "model", artifact);
  const fs::path out = dir / "out";
  CHECK(names_in(out) == std::set<std::string>{"README.md", "armorm_export.json", "chat_template.jinja",
                                               "config.json", "model-00001-of-00002.safetensors",
                                               "model-00002-of-00002.safetensors",
                                               "model.safetensors.index.json", "modeling_armorm.py",
                                               "tokenizer.json", "tokenizer_config.json"});
  CHECK(inode(out / "model-00001-of-00002.safetensors") == inode(dir / "model/model.safetensors"));
  check_index(out);
  CHECK(io::read_text_file(out / "tokenizer.json") == io::read_text_file(dir / "model/tokenizer.json"));
  CHECK(io::read_text_file(out / "modeling_armorm.py") ==
        io::read_text_file(source_dir() / "src/stages/reward_model/modeling_armorm.py"));

  const json config = read_json(out / "config.json");
  CHECK(config.at("auto_map") ==
        json{{"AutoModelForSequenceClassification", "modeling_armorm.LlamaForRewardModelWithGating"}});
  CHECK(config.at("architectures") == json{"LlamaForRewardModelWithGating"});
  CHECK(config.at("num_objectives") == 3);
  CHECK(config.at("gating_hidden_dim") == 7);
  CHECK(config.at("gating_n_hidden") == 2);
  CHECK(config.at("gating_temperature") == 3.5);
  CHECK(config.at("regression_bias") == true);
  CHECK(config.at("model_type") == "llama");
  CHECK(config.at("rope_parameters") == read_json(dir / "model/config.json").at("rope_parameters"));
  CHECK(read_json(out / "armorm_export.json").at("weights") == "linked");

  const RewardModel read = RewardModel::load(out, false);
  CHECK(read.attributes == artifact.attributes);
  CHECK(read.head.weight == artifact.weight);
  CHECK(read.head.bias == artifact.bias);
  CHECK(read.head.transform == artifact.transform);
  CHECK(read.head.gate.layers[1].weight == artifact.gate.layers[1].weight);
  CHECK(read.head.gate.logit_scale == 1.25F);
  CHECK(read.gating_pattern.size() >= 5);
}

TEST_CASE("a reward is exported with the gate's sum 1 and the trained scale recorded", "[unit]") {
  const TempDir dir;
  make_decoder(dir / "model");
  const stages::artifacts::GateArtifact trained = artifact_for("llama3", 32, true);
  export_to(dir / "reward", dir / "model", trained.as_reward());
  export_to(dir / "logits", dir / "model", trained);
  CHECK(read_json(dir / "reward/config.json").at("bradley_terry_scale") == 1.25);
  CHECK_FALSE(read_json(dir / "logits/config.json").contains("bradley_terry_scale"));
  const RewardModel reward = RewardModel::load(dir / "reward", false);
  CHECK(reward.head.gate.logit_scale == 1.0F);
  CHECK(reward.head.gate.layers[0].weight == trained.gate.layers[0].weight);
  CHECK(reward.bradley_terry_scale == 1.25);
  CHECK_FALSE(RewardModel::load(dir / "logits", false).bradley_terry_scale.has_value());
  CHECK_THAT(io::read_text_file(dir / "reward/README.md"),
             Catch::Contains("`bradley_terry_scale` in config.json, is 1.25") &&
                 Catch::Contains("sigmoid(1.25 * (score_a - score_b))"));
  CHECK_THAT(io::read_text_file(dir / "logits/README.md"), Catch::Contains("sum to 1.25, the trained"));

  json config = read_json(dir / "reward/config.json");
  config["bradley_terry_scale"] = -1;
  io::publish_text(dir / "reward/config.json", config.dump());
  CHECK(error_of([&] { RewardModel::load(dir / "reward", false); }, ErrorKind::data)
            .find("bradley_terry_scale") != std::string::npos);
}

TEST_CASE("a trained scale that reverses the order of scores is no reward", "[unit]") {
  for (const float scale : {0.0F, -0.5F}) {
    stages::artifacts::GateArtifact trained = artifact_for("llama3", 32, true);
    trained.gate.logit_scale = scale;
    CHECK_THAT(error_of([&] { trained.as_reward(); }, ErrorKind::data),
               Catch::Contains("Bradley-Terry scale of") && Catch::Contains("`export_scale` trained"));
  }
}

TEST_CASE("the model card shows names as they are, whatever Markdown makes of them", "[unit]") {
  report::GateReport report = kReport;
  report.debiasing->attributes[0].name = "a|b *c* <i> `d` [e](f) _g_ h_i \\ &amp;\nj";
  const std::string card =
      model_card({"rm", "", "", artifact_for("llama3", 32, false), report, report::RidgeReport{}});
  CHECK_THAT(card, Catch::Contains(R"(| a\|b \*c\* \<i\> \`d\` \[e\](f) \_g\_ h_i \\ \&amp; j | 0.25 |)"));
}

TEST_CASE("an export of another model with the same config is left as it is", "[unit]") {
  const TempDir dir;
  make_decoder(dir / "model");
  const stages::artifacts::GateArtifact artifact = artifact_for("llama3", 32, false);
  export_to(dir / "out", dir / "model", artifact);
  const auto check = [&] {
    ModelExport(dir / "out", (dir / "model").string(), ExportWeights::auto_, std::nullopt, {},
                io::posix_file_system())
        .check_replaceable(artifact.inputs);
  };
  CHECK_NOTHROW(check());
  std::string weights = io::read_text_file(dir / "model/model.safetensors");
  weights.back() ^= 1;
  io::publish_text(dir / "model/model.safetensors", weights);
  CHECK_THAT(error_of(check, ErrorKind::data),
             Catch::Contains("model: weights (") && Catch::Contains("--export"));
}

TEST_CASE("weights that cannot be linked are copied, without what the model has no use for", "[unit]") {
  const TempDir dir;
  make_decoder(dir / "model");
  WithoutLinks no_links;
  export_to(dir / "no-links", dir / "model", artifact_for("llama3", 32, false), ExportWeights::auto_,
            no_links);
  CHECK(read_json(dir / "no-links/armorm_export.json").at("weights") == "copied");
  check_index(dir / "no-links");
  const std::string message = error_of(
      [&] {
        export_to(dir / "x", dir / "model", artifact_for("llama3", 32, false), ExportWeights::link, no_links);
      },
      ErrorKind::io);
  CHECK(message.find("--export_weights copy") != std::string::npos);
  CHECK_FALSE(fs::exists(dir / "x"));

  // The only file also holds the head of another reward model.
  export_to(dir / "again", decoder("gemma2"), artifact_for("gemma2", 32, true));
  check_index(dir / "again");
  CHECK(RewardModel::load(dir / "again", false).attributes.size() == 3);
  CHECK(read_json(dir / "again/config.json").at("architectures") == json{"Gemma2ForRewardModelWithGating"});
  // The head of this one is in its own file, which is excluded.
  fs::copy(decoder("llama"), dir / "sharded", fs::copy_options::recursive);
  export_to(dir / "linked", dir / "sharded", artifact_for("llama3", 32, false));
  check_index(dir / "linked");
  CHECK(read_json(dir / "linked/armorm_export.json").at("weights") == "linked");

  // Names without "model.", and an output head.
  fs::copy(golden("model") / "llama_odd_heads", dir / "bare", fs::copy_options::recursive);
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja"})
    fs::copy(decoder("llama") / name, dir / "bare" / name);
  export_to(dir / "bare-out", dir / "bare", artifact_for("llama3", 48, false));
  check_index(dir / "bare-out");
  export_to(dir / "copied", dir / "model", artifact_for("llama3", 32, false), ExportWeights::copy);
  CHECK(inode(dir / "copied/model-00001-of-00002.safetensors") != inode(dir / "model/model.safetensors"));
  for (const char* folder : {"bare-out", "copied"}) {
    const json index = read_json(dir / folder / "model.safetensors.index.json");
    for (const auto& [name, file] : index.at("weight_map").items())
      CHECK((name.starts_with("model.") || file == "model-00002-of-00002.safetensors"));
  }
}

TEST_CASE("an export of a model with an adapter holds the merged weights", "[golden]") {
  const TempDir dir;
  fs::create_directories(dir / "adapter");
  fs::copy_file(golden("adapter/bf16") / "adapter_model.safetensors",
                dir / "adapter/adapter_model.safetensors");
  json config = read_json(golden("adapter/bf16") / "adapter_config.json");
  config["base_model_name_or_path"] = decoder("llama").string();
  std::ofstream(dir / "adapter/adapter_config.json") << config.dump();
  export_to(dir / "out", dir / "adapter", artifact_for("llama3", 32, false));
  CHECK(read_json(dir / "out/armorm_export.json").at("weights") == "copied");
  check_index(dir / "out");
  const io::SafetensorsFile expected =
      io::SafetensorsFile::open(golden("adapter/bf16") / "expected.safetensors");
  const io::SafetensorsFolder found = io::SafetensorsFolder::open(dir / "out");
  for (const std::string& name : expected.names()) {
    const auto wanted = expected.at(name).as<BFloat16>();
    const auto values = found.at(name).as<BFloat16>();
    REQUIRE(values.size() == wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i)
      CHECK(std::abs(values[i].to_float() - wanted[i].to_float()) <=
            std::max(std::abs(wanted[i].to_float()), 0.5F) / 128);
  }
  CHECK(fs::exists(dir / "out/tokenizer.json"));
}

TEST_CASE("a model of PyTorch files is exported as safetensors", "[unit]") {
  const TempDir dir;
  make_decoder(dir / "model");
  fs::remove(dir / "model/model.safetensors");
  fs::copy_file(golden("weight_files/bin") / "pytorch_model.bin", dir / "model/pytorch_model.bin");
  json config = read_json(golden("weight_files/bin") / "config.json");
  std::ofstream(dir / "model/config.json") << config.dump();
  export_to(dir / "out", dir / "model", artifact_for("llama3", config.at("hidden_size"), false));
  CHECK(read_json(dir / "out/armorm_export.json").at("weights") == "copied");
  check_index(dir / "out");
  const io::SafetensorsFolder found = io::SafetensorsFolder::open(dir / "out");
  const io::SafetensorsFile source =
      io::SafetensorsFile::open(golden("model/llama_gqa") / "model.safetensors");
  for (const std::string& name : source.names())
    if (name.starts_with("model.")) CHECK(std::ranges::equal(found.at(name).bytes, source.at(name).bytes));
}

TEST_CASE("only an earlier export is replaced", "[unit]") {
  const TempDir dir;
  make_decoder(dir / "model");
  stages::artifacts::GateArtifact artifact = artifact_for("llama3", 32, false);
  fs::create_directories(dir / "out");
  export_to(dir / "out", dir / "model", artifact);
  artifact.attributes[0] = "renamed";
  export_to(dir / "out", dir / "model", artifact);
  CHECK(RewardModel::load(dir / "out", false).attributes[0] == "renamed");
  CHECK(names_in(dir.path()) == std::set<std::string>{"model", "out"});

  // A killed process had removed part of a folder that cannot be renamed, and left the one to replace it.
  artifact.attributes[0] = "newest";
  export_to(dir / ".out.0123456789abcdef.new", dir / "model", artifact);
  fs::remove(dir / "out/armorm_export.json");
  fs::remove(dir / "out/config.json");
  ModelExport(dir / "out", (dir / "model").string(), ExportWeights::auto_, std::nullopt, {},
              io::posix_file_system());
  CHECK(RewardModel::load(dir / "out", false).attributes[0] == "newest");
  CHECK(names_in(dir.path()) == std::set<std::string>{"model", "out"});

  io::publish_text(dir / "out/notes.txt", "mine");
  const auto refused = [&](const fs::path& target) {
    return error_of([&] { export_to(target, dir / "model", artifact); }, ErrorKind::usage);
  };
  CHECK(refused(dir / "out").find("holds notes.txt, which no export put there") != std::string::npos);
  CHECK(io::read_text_file(dir / "out/notes.txt") == "mine");
  CHECK(refused(dir / "model").find("which no export put there") != std::string::npos);
  CHECK(refused(dir / "out/notes.txt").find("is there and no folder") != std::string::npos);
}

TEST_CASE("an export takes no file from outside the model's folder", "[unit]") {
  const TempDir dir;
  io::publish_text(dir / "private", "secret");
  const stages::artifacts::GateArtifact artifact = artifact_for("llama3", 32, false);
  for (const char* name : {"LICENSE", "LICENSE.txt", "NOTICE", "USE_POLICY.md", "README.md",
                           "special_tokens_map.json", "added_tokens.json", "tokenizer.model"}) {
    CAPTURE(name);
    make_decoder(dir / "model");
    fs::remove(dir / "model" / name);
    fs::create_symlink(dir / "private", dir / "model" / name);
    const std::string message =
        error_of([&] { export_to(dir / "out", dir / "model", artifact); }, ErrorKind::data);
    CHECK(message.find(name + std::string(": a link that leads out of")) != std::string::npos);
    CHECK(names_in(dir.path()) == std::set<std::string>{"model", "private"});
    fs::remove_all(dir / "model");
  }
  make_decoder(dir / "model");
  io::publish_text(dir / "model/legal", "terms");
  fs::create_symlink("legal", dir / "model/LICENSE");
  fs::rename(dir / "model/tokenizer.json", dir / "large");
  fs::create_symlink(dir / "large", dir / "model/tokenizer.json");  // as downloads link into a cache
  export_to(dir / "out", dir / "model", artifact);
  CHECK(io::read_text_file(dir / "out/LICENSE") == "terms");
  CHECK(io::read_text_file(dir / "out/tokenizer.json") == io::read_text_file(dir / "large"));
}

TEST_CASE("an export is of the model that the embeddings were made with", "[unit]") {
  const TempDir dir;
  make_decoder(dir / "model");
  stages::artifacts::Provenance made;
  made.config_sha256 = sha256_file_hex(dir / "model/config.json");
  made.tokenizer_sha256 = sha256_file_hex(dir / "model/tokenizer.json");
  made.template_sha256 = sha256_hex(text::ChatTemplate::load(dir / "model").source());
  const auto open = [&] {
    return ModelExport(dir / "out", (dir / "model").string(), ExportWeights::auto_, made, {},
                       io::posix_file_system());
  };
  open();
  made.facts.weights = stages::artifacts::weights_fingerprint(dir / "model");
  open();
  made.facts.weights = "other";
  CHECK(error_of(open, ErrorKind::data).find("another set of weights") != std::string::npos);
  made.template_sha256 = "other";
  CHECK(error_of(open, ErrorKind::data).find("another chat template") != std::string::npos);
  made.config_sha256 = "other";
  CHECK(error_of(open, ErrorKind::data).find("another config.json") != std::string::npos);
  CHECK(error_of([&] { export_to(dir / "out", dir / "model", artifact_for("llama3", 16, false)); },
                 ErrorKind::data)
            .find("found hidden_size 32, expected 16") != std::string::npos);
  CHECK_FALSE(fs::exists(dir / "out"));
  CHECK(error_of([] { parse_word<ExportWeights>("--export_weights", "symlink"); }, ErrorKind::usage)
            .find("'symlink' is unknown") != std::string::npos);
  Stage2TrainOptions options;
  options.export_dir = "x";
  options.compat = Compat::upstream;
  CHECK(error_of([&] { options.validate(); }, ErrorKind::usage).find("--compat upstream") !=
        std::string::npos);
}

TEST_CASE("an exported model keeps the date that its chat template was told", "[unit]") {
  const TempDir dir;
  make_decoder(dir / "model");
  io::publish_text(dir / "model/chat_template.jinja",
                   "{{ strftime_now('%d %b %Y') }}" + io::read_text_file(dir / "model/chat_template.jinja"));
  stages::artifacts::Provenance made;
  made.config_sha256 = sha256_file_hex(dir / "model/config.json");
  made.tokenizer_sha256 = sha256_file_hex(dir / "model/tokenizer.json");
  made.template_sha256 = sha256_hex(text::ChatTemplate::load(dir / "model").source());
  made.facts.template_date = "2025-02-01";
  ModelExport(dir / "out", (dir / "model").string(), ExportWeights::auto_, made, {}, io::posix_file_system())
      .write(artifact_for("llama3", 32, false), kReport);
  CHECK(read_json(dir / "out/config.json").at("template_date") == "2025-02-01");
  CHECK(RewardModel::load(dir / "out", false).encoder.template_date() == "2025-02-01");
  CHECK(RewardModel::load(dir / "out", false, "2025-03-01").encoder.template_date() == "2025-03-01");
  json config = read_json(dir / "out/config.json");
  config["template_date"] = "yesterday";
  io::publish_text(dir / "out/config.json", config.dump());
  CHECK(error_of([&] { RewardModel::load(dir / "out", false); }, ErrorKind::data)
            .find("'yesterday' is not a date") != std::string::npos);
}

TEST_CASE("an export names no code of the backbone's repository", "[unit]") {
  const TempDir dir;
  make_decoder(dir / "decoder");
  const fs::path file = dir / "decoder/tokenizer_config.json";
  const json before = read_json(file);
  json with_code = before;
  with_code["auto_map"] = {{"AutoTokenizer", {"someone/model--tokenization_x.XTokenizer", nullptr}}};
  io::publish_text(file, with_code.dump());
  json config = read_json(dir / "decoder/config.json");
  config["auto_map"] = {{"AutoConfig", "configuration_x.XConfig"}, {"AutoModel", "modeling_x.XModel"}};
  io::publish_text(dir / "decoder/config.json", config.dump());
  export_to(dir / "exported", dir / "decoder", artifact_for("llama3", 32, false));
  CHECK(read_json(dir / "exported/tokenizer_config.json") == before);
  CHECK(read_json(dir / "exported/config.json").at("auto_map") ==
        json{{"AutoModelForSequenceClassification", "modeling_armorm.LlamaForRewardModelWithGating"}});
}

TEST_CASE("an export has the gating pattern of the embeddings, or finds it", "[unit]") {
  const TempDir dir;
  make_decoder(dir / "decoder");
  const auto exporter = [&](const std::vector<std::int32_t>& pattern) {
    const fs::path model = dir / "decoder";
    stages::artifacts::Provenance made;
    made.config_sha256 = sha256_file_hex(model / "config.json");
    made.tokenizer_sha256 = sha256_file_hex(model / "tokenizer.json");
    made.template_sha256 = sha256_hex(text::ChatTemplate::load(model).source());
    made.gating_pattern = pattern;
    return ModelExport(dir / "exported", model.string(), ExportWeights::auto_, made, {},
                       io::posix_file_system());
  };
  const auto exported_pattern = [&](const std::string& family, const std::vector<std::int32_t>& pattern) {
    exporter(pattern).write(artifact_for(family, 32, false), kReport);
    return read_json(dir / "exported/config.json")
        .at("gating_token_pattern")
        .get<std::vector<std::int32_t>>();
  };
  const std::vector<std::int32_t> published = exported_pattern("llama3", {});
  CHECK(published.size() >= 5);
  CHECK(exported_pattern("auto", {}) == published);
  CHECK(exported_pattern("auto", {7, 8}) == std::vector<std::int32_t>{7, 8});
  CHECK_NOTHROW(exporter(published).check_family(ModelFamily::llama3));
  CHECK_THAT(error_of(
                 [&] {
                   exporter({7, 8}).check_family(ModelFamily::llama3);
                 },
                 ErrorKind::usage),
             Catch::Contains("--model_family: llama3") && Catch::Contains("use --model_family auto"));
}

TEST_CASE("an export knows before the training that the model has another width", "[unit]") {
  const TempDir dir;
  const fs::path model = golden("reward_model/llama");
  const ModelExport made(dir / "out", model.string(), ExportWeights::auto_, std::nullopt, {},
                         io::posix_file_system());
  const std::int64_t width =
      nlohmann::json::parse(io::read_text_file(model / "config.json")).at("hidden_size").get<std::int64_t>();
  made.check_hidden_size(width);
  CHECK_THAT(error_of([&] { made.check_hidden_size(width + 1); }, ErrorKind::data),
             Catch::Contains("found hidden_size " + std::to_string(width)));
}

TEST_CASE("the model card has the gate's results by source, of many the largest", "[unit]") {
  report::GateReport report = kReport;
  report.by_source = {{"validation", {}}};
  for (int i = 0; i < 22; ++i)
    report.by_source[0].sources.push_back(
        {"source_" + std::to_string(i), 4, {{"gate", "gate", 3, {0.301, 0.954}, 0.5, {}}}});
  report.by_source[0].sources[1].name = "a|b";
  const std::string card =
      model_card({"rm", "", "", artifact_for("llama3", 32, false), report, report::RidgeReport{}});
  CHECK_THAT(card,
             Catch::Contains("## The gate on validation by source\n") &&
                 Catch::Contains("| source_0 | 4 | 75.00 % | 30.10 % - 95.40 % | 0.5000 |\n") &&
                 Catch::Contains("| a\\|b | 4 | 75.00 % |") &&
                 // 6 of 8: Wilson's interval.
                 Catch::Contains("| other (2 sources) | 8 | 75.00 % | 40.93 % - 92.85 % | 0.5000 |\n") &&
                 !Catch::Contains("source_20"));
}

TEST_CASE("the license of a card is copied with all lines of its value", "[unit]") {
  const auto lines = [](const std::string& yaml) { return license_lines("---\n" + yaml + "---\n"); };
  CHECK(lines("license:\n- apache-2.0\n- mit\ntags: [a]\n") == "license:\n- apache-2.0\n- mit\n");
  CHECK(lines("license:\n  - mit\nbase_model: x\n") == "license:\n  - mit\n");
  CHECK(lines("license: [mit,\n  other]\nlicense_link: y\n") ==
        "license: [mit,\n  other]\nlicense_link: y\n");
  CHECK(lines("license_details: |\n  one\n\n  two\ntags:\n- a\n") == "license_details: |\n  one\n\n  two\n");
  CHECK(lines("tags:\n- license\n").empty());
}

TEST_CASE("the model card carries the tables, the license and the base model", "[unit]") {
  const stages::artifacts::GateArtifact artifact = artifact_for("llama3", 32, false);
  const std::string license =
      license_lines("---\nlicense: llama3\nlicense_name: x\ntags: [a]\n---\nlicense: no\n");
  CHECK(license == "license: llama3\nlicense_name: x\n");
  const json published{{"attributes",
                        {{{"name", "first"},
                          {"n_train", 638},
                          {"n_validation", 162},
                          {"best_alpha", 0.01},
                          {"validation_mse", 0.02527},
                          {"r_squared", 0.4981},
                          {"spearman", nullptr}}}}};
  const report::RidgeReport regression = report::parse_ridge_report(published);
  const std::string card = model_card({"my-rm", "org/decoder", license, artifact, kReport, regression});
  CHECK(card.starts_with("---\nlibrary_name: transformers\n"));
  for (const char* part :
       {"license: llama3\n", "base_model: \"org/decoder\"\n", "value: 93.91\n",
        "| first | 0.25 | 0.5000 | - |\n", "| first | 638 | 162 | 0.01 | 0.02527 | 0.4981 | - |\n",
        "| gate | 90.00 % | 80.00 % - 95.00 % | 0.3000 |\n", "| Chat | 93.91 |\n", "| Score | 93.00 |\n",
        "| RewardBench 2 | gate | uniform gate |\n", "| Ties | 52.83 | 14.39 |\n",
        "| Score | 83.25 | 44.62 |\n", "| validation | gate | 83.67 % | 92.05 % | -0.058 |\n",
        "path = \"my-rm\"", "\"n_steps\": \"60\""})
    CHECK(card.find(part) != std::string::npos);
  CHECK(card.find("date_string") == std::string::npos);
  const std::string dated = model_card({"my-rm", "", license, artifact, kReport, regression, "2024-07-26"});
  CHECK(dated.find("`date_string=\"26 Jul 2024\"`") != std::string::npos);
  const std::string bare =
      model_card({"my-rm", "", "", artifact, report::GateReport{}, report::RidgeReport{}});
  CHECK(bare.find("## RewardBench") == std::string::npos);
  CHECK(bare.find("model-index") == std::string::npos);
}
