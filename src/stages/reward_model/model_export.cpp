#include "stages/reward_model/model_export.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "armorm/extraction_options.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/version.h"
#include "core/words.h"
#include "hub/cache.h"
#include "io/checked_json.h"
#include "io/contained_path.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "io/writable_file.h"
#include "model/model_config.h"
#include "model/weights_folder.h"
#include "stages/artifacts/making_facts.h"
#include "stages/artifacts/open_encoder.h"
#include "stages/artifacts/reward_model_fields.h"
#include "stages/artifacts/weights_fingerprint.h"
#include "stages/resume/replaceable.h"
#include "stages/resume/resume_key.h"
#include "stages/resume/run_lock.h"
#include "stages/reward_model/export_digests.h"
#include "stages/reward_model/export_weights.h"
#include "stages/reward_model/exported_decoder.h"
#include "stages/reward_model/exported_template.h"
#include "stages/reward_model/model_card.h"
#include "stages/reward_model/modeling_code.h"
#include "text/chat_template.h"
#include "text/conversation_encoder.h"
#include "text/gating_pattern.h"
#include "text/template_probe.h"

namespace armorm::stages::reward_model {
namespace fs = std::filesystem;
namespace {

constexpr int kMaxJsonDepth = 64;
// Names of the recorded inputs that are the model's own.
constexpr const char* kConfigInput = "model: config.json";
constexpr const char* kTokenizerInput = "model: tokenizer.json";
constexpr const char* kTemplateInput = "model: chat template";
constexpr const char* kWeightsInput = "model: weights";
constexpr const char* kTokenizerFiles = "model: other tokenizer files";  // compared, but not recorded here

// Files that users of the decoder's folder need besides weights and config.
constexpr const char* kTemplateFile = "chat_template.jinja";  // before all others, in transformers too
constexpr const char* kCopied[] = {"tokenizer.json",
                                   "tokenizer_config.json",
                                   "special_tokens_map.json",
                                   "added_tokens.json",
                                   "tokenizer.model",
                                   kTemplateFile,
                                   "chat_template.json",
                                   "LICENSE",
                                   "LICENSE.txt",
                                   "NOTICE",
                                   "USE_POLICY.md"};

// Of an earlier export; null for another folder.
nlohmann::json manifest_of(const fs::path& target) {
  std::error_code error;
  if (!fs::exists(target / kManifest, error)) return nullptr;
  return io::parse_checked_json(io::read_text_file(target / kManifest), (target / kManifest).string(),
                                kMaxJsonDepth);
}

// The files of an earlier export; empty for another folder.
std::set<std::string> files_of_export(const fs::path& target) {
  const nlohmann::json manifest = manifest_of(target);
  if (manifest.is_null()) return {};
  std::set<std::string> names{kManifest};
  for (const auto& name : manifest.value("files", nlohmann::json::array()))
    if (name.is_string()) names.insert(name.get<std::string>());
  return names;
}

void check_target(const fs::path& target, io::FileSystem& files) {
  io::AtomicFolder::finish_replacing(target, files);
  std::error_code error;
  if (!fs::exists(fs::symlink_status(target, error))) return;
  if (!fs::is_directory(fs::symlink_status(target, error)))
    fail_usage("--export: {} is there and no folder; choose another name", target.string());
  const std::set<std::string> ours = files_of_export(target);
  for (const auto& entry : fs::directory_iterator(target))
    if (!ours.contains(entry.path().filename().string()))
      fail_usage("--export: {} holds {}, which no export put there; move it away or choose another folder",
                 target.string(), entry.path().filename().string());
}

// A link in a model from others must not bring a private file into the export. Only a tokenizer can pass for
// tokenizer.json, which downloads may link into a cache because of its size.
void check_contained(const model::ModelFolder& model) {
  io::check_stays_inside(model.base / "README.md", model.base);
  const fs::path& text = artifacts::text_folder(model);
  for (const std::string_view name : kCopied)
    if (name != "tokenizer.json") io::check_stays_inside(text / name, text);
}

void check_same(const char* what, const std::string& made_with, const std::string& found,
                const fs::path& model) {
  if (made_with != found)
    fail_data(
        "--export: the embeddings were made with another {} (SHA-256 {}) than {} holds ({}); name the model "
        "they were "
        "made with by --model_path",
        what, made_with, model.string(), found);
}

model::ModelConfig decoder_of_width(const model::ModelFolder& folder, std::int64_t hidden_size) {
  model::ModelConfig decoder = model::ModelConfig::load(folder.base, artifacts::kRewardModelFields);
  if (decoder.hidden_size != hidden_size)
    fail_data(
        "{}: found hidden_size {}, expected {} of the trained head; name the model of the embeddings by "
        "--model_path",
        (folder.base / "config.json").string(), decoder.hidden_size, hidden_size);
  return decoder;
}

nlohmann::ordered_json exported_config(const model::ModelFolder& folder,
                                       const artifacts::GateArtifact& artifact,
                                       const std::vector<text::tokenizer::TokenId>& pattern,
                                       const artifacts::ModelFacts& facts, const TrainedKernels& kernels) {
  const model::ModelConfig decoder = decoder_of_width(folder, artifact.hidden_size);
  // The classes of modeling_armorm.py.
  const std::string name = std::string(decoder.facts().transformers_class) + "ForRewardModelWithGating";
  const fs::path config_path = folder.base / "config.json";
  nlohmann::ordered_json config = exported_decoder_config(
      decoder, io::parse_ordered_json(io::read_text_file(config_path), config_path.string(), kMaxJsonDepth));
  config["architectures"] = {name};
  config["auto_map"] = {{"AutoModelForSequenceClassification", std::string(kModelingModule) + "." + name}};
  config["id2label"] = {{"0", "score"}};
  config["label2id"] = {{"score", 0}};
  config["num_objectives"] = artifact.attributes.size();
  config["attributes"] = artifact.attributes;
  config["regression_bias"] = !artifact.bias.empty();
  config["gating_temperature"] = artifact.temperature;
  config["gating_hidden_dim"] = artifact.gate.layers.front().out;
  config["gating_n_hidden"] = artifact.gate.layers.size() - 1;
  if (!facts.template_date.value_or("").empty()) config[kTemplateDateField] = *facts.template_date;
  if (artifact.bradley_terry_scale) config[kScaleField] = *artifact.bradley_terry_scale;
  if (!kernels.kernels.empty()) {
    config[kKernelsField] = kernels.kernels;
    config[kKernelsPrecisionField] = kernels.precision;
  }
  if (!kernels.fp8_accumulate.empty()) config[kAccumulateField] = kernels.fp8_accumulate;
  config["gating_token_pattern"] = pattern;
  return config;
}

std::string license_of(const fs::path& model) {
  std::error_code error;
  return fs::exists(model / "README.md", error) ? license_lines(io::read_text_file(model / "README.md")) : "";
}

// Empty for a local folder.
std::string hub_id_of(const std::string& model_path) {
  std::error_code error;
  const std::optional<hub::HubId> id = hub::parse_hub_id(model_path);
  return id && !fs::exists(model_path, error) ? id->id : "";
}

report::RidgeReport read_report(const RegressionReport& report) {
  const fs::path& path = report.path;
  std::error_code error;
  if (path.empty() || !fs::exists(path, error)) return {};
  const std::string text = io::read_text_file(path);
  if (!report.sha256.empty() && sha256_hex(text) != report.sha256)
    fail_data(
        "--export: {}: was changed after stage1-train wrote it with the weights next to it; run stage1-train "
        "again, or delete it: the model card is then without its figures",
        path.string());
  return report::parse_ridge_report(io::parse_checked_json(text, path.string(), kMaxJsonDepth));
}

// The text of a file to copy. A tokenizer_config.json that names a tokenizer class in Python code of the
// backbone's repository is copied without that name: whoever loads the export trusts its code, not the
// backbone's.
std::string without_code(const fs::path& file) {
  std::string text = io::read_text_file(file);
  if (file.filename() != "tokenizer_config.json") return text;
  nlohmann::ordered_json config = io::parse_ordered_json(text, file.string(), kMaxJsonDepth);
  if (!config.is_object() || config.erase("auto_map") == 0) return text;
  log::warn("{}: field 'auto_map' names code of the model's repository; the export is without it",
            file.string());
  return config.dump(2) + "\n";
}

// One export in progress.
class Folder {
 public:
  Folder(const fs::path& target, io::FileSystem& files) : files_(files), folder_(target, files) {}

  void add_text(const std::string& name, std::string_view text) {
    io::publish_text(folder_.building() / name, text, files_);
    names_.push_back(name);
  }
  // `chat_template` is an own one; empty: that of the model.
  void add_copies(const fs::path& model, const std::string& chat_template) {
    std::error_code error;
    for (const std::string_view name : kCopied)
      if (name == kTemplateFile && !chat_template.empty())
        add_text(kTemplateFile, chat_template);
      else if (fs::exists(model / name, error))
        add_text(std::string(name), without_code(model / name));
  }
  bool add_weights(const model::ModelFolder& model, const artifacts::GateArtifact& artifact,
                   ExportWeights how) {
    const ExportedWeights weights = export_weights(model, artifact, how, folder_, files_);
    names_.insert(names_.end(), weights.files.begin(), weights.files.end());
    return weights.linked;
  }
  void publish(nlohmann::ordered_json manifest) {
    std::sort(names_.begin(), names_.end());
    manifest["files"] = names_;
    add_export_digests(folder_.building(), names_, manifest);
    add_text(kManifest, manifest.dump(2) + "\n");
    folder_.publish();
  }

 private:
  io::FileSystem& files_;
  io::AtomicFolder folder_;
  std::vector<std::string> names_;
};

}  // namespace

ModelExport::ModelExport(fs::path target, const std::string& model_path, ExportWeights weights,
                         const std::optional<artifacts::Provenance>& embeddings,
                         const RegressionReport& regression_report, io::FileSystem& files,
                         const std::function<bool()>& stop_requested)
    : target_(std::move(target)),
      model_path_(model_path),
      model_(artifacts::open_model_folder(model_path, stop_requested)),
      weights_(weights),
      regression_(read_report(regression_report)),
      files_(files) {
  if (!target_.has_filename()) target_ = target_.parent_path();
  check_target(target_, files_);
  check_contained(model_);
  model::WeightsFolder::open(model_);
  model_inputs_ = model_inputs();
  if (!embeddings) return;
  facts_ = embeddings->facts;
  pattern_ = embeddings->gating_pattern;
  kernels_ = {embeddings->cpu_kernels, embeddings->precision, embeddings->fp8_accumulate};
  const fs::path& text = artifacts::text_folder(model_);
  check_same("config.json", embeddings->config_sha256, model_inputs_.at(kConfigInput), model_.base);
  check_same("tokenizer.json", embeddings->tokenizer_sha256, model_inputs_.at(kTokenizerInput), text);
  check_same("chat template", embeddings->template_sha256, model_inputs_.at(kTemplateInput), text);
  if (facts_.tokenizer_files)
    check_same("set of tokenizer files", *facts_.tokenizer_files, model_inputs_.at(kTokenizerFiles), text);
  if (facts_.weights)
    check_same("set of weights", *facts_.weights, model_inputs_.at(kWeightsInput), model_.folder);
}

// Embeddings of the Python scripts do not record their model.
artifacts::ArtifactInputs ModelExport::model_inputs() const {
  const fs::path& text = artifacts::text_folder(model_);
  return {{kConfigInput, sha256_file_hex(model_.base / "config.json")},
          {kTokenizerInput, sha256_file_hex(text / "tokenizer.json")},
          {kTemplateInput, sha256_hex(armorm::text::ChatTemplate::load(text).source())},
          {kTokenizerFiles, artifacts::tokenizer_files_of(text)},
          {kWeightsInput, artifacts::weights_fingerprint(model_)}};
}

artifacts::ArtifactInputs ModelExport::with_model(artifacts::ArtifactInputs inputs) const {
  inputs.insert(model_inputs_.begin(), model_inputs_.end());
  inputs.erase(kTokenizerFiles);
  return inputs;
}

void ModelExport::check_hidden_size(std::int64_t hidden_size) const { decoder_of_width(model_, hidden_size); }

void ModelExport::check_family(ModelFamily family) const { pattern_of(family); }

std::vector<std::int32_t> ModelExport::pattern_of(ModelFamily family) const {
  const fs::path& text = artifacts::text_folder(model_);
  if (family == ModelFamily::auto_ && !pattern_.empty()) return pattern_;
  if (family == ModelFamily::auto_) {
    const std::string date = facts_.template_date.value_or("");
    const armorm::text::ConversationEncoder encoder(text, false, date.empty() ? kTemplateDate : date);
    return armorm::text::probe_gating_pattern(encoder).ids;
  }
  const auto tokenizer = armorm::text::tokenizer::Tokenizer::load(text);
  std::vector<std::int32_t> pattern = armorm::text::gating_pattern(tokenizer, family);
  if (!pattern_.empty() && pattern != pattern_)
    fail_usage(
        "--model_family: {} opens an answer by {}, but the prompt embeddings were taken at {}; use "
        "--model_family "
        "auto",
        name_of(family), armorm::text::describe_pattern(tokenizer, pattern),
        armorm::text::describe_pattern(tokenizer, pattern_));
  return pattern;
}

void ModelExport::check_unchanged() const {
  if (const artifacts::ArtifactInputs now = model_inputs(); now != model_inputs_)
    fail_data("--export: {} was changed during the training: {}; restore it, and run the same command again",
              model_.folder.string(), resume::differences_of(model_inputs_, now));
}

void ModelExport::check_replaceable(const artifacts::ArtifactInputs& inputs) const {
  const nlohmann::json manifest = manifest_of(target_);
  if (manifest.is_object())
    resume::check_same_inputs(
        target_, artifacts::parse_inputs(manifest.value(artifacts::kInputsField, nlohmann::json()).dump()),
        with_model(inputs), "export");
}

void ModelExport::write(const artifacts::GateArtifact& artifact, const report::GateReport& report) const {
  const fs::path& text = artifacts::text_folder(model_);
  io::make_folders(files_, io::folder_of(target_));
  const resume::RunLock lock(target_.string() + ".lock", files_);
  check_target(target_, files_);
  check_contained(model_);
  check_unchanged();
  const nlohmann::ordered_json config = exported_config(
      model_, artifact, pattern_of(parse_word<ModelFamily>("model_family", artifact.model_family)), facts_,
      kernels_);
  Folder folder(target_, files_);
  folder.add_text("config.json", config.dump(2) + "\n");
  folder.add_copies(text, exported_template(model_));
  const bool linked = folder.add_weights(model_, artifact, weights_);
  folder.add_text(std::string(kModelingModule) + ".py", modeling_code());
  folder.add_text("README.md", model_card({.name = target_.filename().string(),
                                           .base_model = hub_id_of(model_path_),
                                           .license = license_of(model_.base),
                                           .artifact = artifact,
                                           .report = report,
                                           .regression = regression_,
                                           .template_date = facts_.template_date.value_or("")}));
  const artifacts::ArtifactInputs inputs = with_model(artifact.inputs);
  folder.publish({{"armorm_format_version", "1"},
                  {"armorm_version", kVersion},
                  {"model", artifact.model},
                  {"model_family", artifact.model_family},
                  {"weights", linked ? "linked" : "copied"},
                  {"config_sha256", inputs.at(kConfigInput)},
                  {"tokenizer_sha256", inputs.at(kTokenizerInput)},
                  {"template_sha256", inputs.at(kTemplateInput)},
                  {"options", report.options},
                  {artifacts::kInputsField, inputs}});
}

}  // namespace armorm::stages::reward_model
