#include "stages/stage2_train.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/numpy_random.h"
#include "core/strings.h"
#include "core/version.h"
#include "io/publish.h"
#include "io/writable_file.h"
#include "model/compute_threads.h"
#include "model/device.h"
#include "report/gate_page.h"
#include "report/gate_text.h"
#include "report/results.h"
#include "stages/artifacts/artifact_paths.h"
#include "stages/artifacts/gate_artifact.h"
#include "stages/explain/training_gates.h"
#include "stages/gate/gate_debiasing.h"
#include "stages/gate/gate_inputs.h"
#include "stages/gate/gate_kernels.h"
#include "stages/gate/gate_memory.h"
#include "stages/gate/gate_sources.h"
#include "stages/gate/gate_tables.h"
#include "stages/gate/gate_training.h"
#include "stages/gate/prompt_gates.h"
#include "stages/gate/report_texts.h"
#include "stages/options/declarations.h"
#include "stages/resume/replaceable.h"
#include "stages/resume/run_lock.h"
#include "stages/reward_model/model_export.h"

namespace armorm::stages {
namespace fs = std::filesystem;
namespace {

constexpr double kTestSize = 0.2;        // value of the published run
constexpr std::uint32_t kSplitSeed = 0;  // value of the published run

// Checked before the training, so that errors of the export are reported at once.
std::optional<reward_model::ModelExport> open_export(const Stage2TrainOptions& options,
                                                     const gate::GateInputs& inputs,
                                                     const options::StageEnvironment& environment) {
  if (options.export_dir.empty()) return std::nullopt;
  const artifacts::EmbeddingSet pairs = gate::open_preference_set(options, inputs);
  reward_model::ModelExport model_export(
      options.export_dir, options.model_path, options.export_weights, pairs.provenance(),
      {inputs.weights_stem.string() + ".json", inputs.weights.report_sha256}, environment.files,
      environment.stop_requested);
  model_export.check_hidden_size(inputs.weights.hidden_size);
  model_export.check_family(options.model_family);
  return model_export;
}

// The pairs that train the gate, and those that choose and measure it; for a shuffle window in the order of
// the files.
Split split_pairs(const gate::PairRewards& pairs, const Stage2TrainOptions& options) {
  Split split = options.split_by == SplitBy::prompt
                    ? group_train_test_split(pairs.prompt_ids(), kTestSize, kSplitSeed)
                    : train_test_split(pairs.size(), kTestSize, kSplitSeed);
  if (options.shuffle_window > 0) {
    std::ranges::sort(split.train);
    std::ranges::sort(split.validation);
  }
  return split;
}

// Common name of the published files, without extension; creates their folder.
std::string output_stem(const Stage2TrainOptions& options, const gate::GateInputs& inputs,
                        io::FileSystem& files) {
  const fs::path stem = artifacts::gating_network_stem(
      options.output_dir.empty() ? options.data_root : options.output_dir, inputs.model);
  io::make_folders(files, stem.parent_path());
  return stem.string();
}

// An environment that also checks the lock whenever the stage polls for a stop.
options::StageEnvironment under_lock(const resume::RunLock& lock,
                                     const options::StageEnvironment& environment) {
  return {.files = environment.files, .stop_requested = [&lock, &environment] {
            lock.check();
            return environment.stopping();
          }};
}

// Finished files of other inputs are replaced only when asked.
void check_outputs(const std::string& stem, const std::optional<reward_model::ModelExport>& model_export,
                   const artifacts::ArtifactInputs& origin) {
  resume::check_replaceable(stem, origin, "output_dir");
  if (model_export) model_export->check_replaceable(origin);
}

gating::GateShape shape_of(const Stage2TrainOptions& options, const gate::GateInputs& inputs) {
  return {inputs.weights.hidden_size, options.n_hidden, options.hidden_size, inputs.weights.n_attributes(),
          options.temperature};
}

std::vector<gate::GateRun> train(const Stage2TrainOptions& options, const gate::GateInputs& inputs,
                                 const gating::PairData& pairs, const Split& split,
                                 gate::GateCheckpoint& checkpoint) {
  return gate::train_gates(options, shape_of(options, inputs), pairs, split.train, split.validation,
                           checkpoint);
}

// What the numbers came from, and what they were computed on.
std::map<std::string, std::string> reported_options(const Stage2TrainOptions& options) {
  std::map<std::string, std::string> out;
  for (const OptionValue& option : options::describe(options))
    if (option.effect != OptionEffect::output) out[option.name] = option.text;
  return out;
}

// Everything except the evaluation and the published files.
report::GateReport training_report(const Stage2TrainOptions& options, const gate::GateInputs& inputs,
                                   const gate::PairRewards& preference, const Split& split,
                                   const gate::Debiased& debiased, const std::vector<gate::GateRun>& runs) {
  report::GateReport report;
  report.armorm_version = kVersion;
  report.model = inputs.model;
  report.options = reported_options(options);
  report.upstream = options.compat == Compat::upstream;
  report.attributes = inputs.attributes;
  report.debiasing = gate::debiasing_figures(debiased, options, inputs.attributes);
  report.pairs = {std::ssize(split.train), std::ssize(split.validation), preference.prompts_differ()};
  report.training = gate::training_figures(runs);
  report.logit_scale = gate::best_run(runs).selected.gate.logit_scale;
  report.sources = inputs.sources;
  return report;
}

// Debiases each set only when it is evaluated: the rewards before debiasing are needed too.
void evaluate(const Stage2TrainOptions& options, const gating::GateParameters& gate,
              const gate::Debiased& debiased, const Split& split, gate::GateSets& sets,
              std::pmr::memory_resource* memory, report::GateReport& report, const report::Results& results) {
  const gate::GateScorer scorer{gate, gate::softmax_of(options), options.temperature,
                                static_cast<int>(options.device), memory};
  gate::GateTables tables(scorer, eval::best_attribute(sets.preference.data(), split.train), report, results);
  tables.validation(sets.preference, split.validation, gate::wrong_examples(options.report_texts));
  if (sets.reward_bench) {
    debiased.apply_to(*sets.reward_bench);
    tables.reward_bench(*sets.reward_bench, options.reward_bench_dataset);
  }
  if (sets.reward_bench_2) {
    debiased.apply_to(*sets.reward_bench_2);
    tables.reward_bench_2(*sets.reward_bench_2, options.reward_bench_2_dataset);
  }
  for (gate::EvalSet& set : sets.eval) {
    debiased.apply_to(set.pairs);
    tables.preference_set(set.name, set.pairs);
  }
}

artifacts::GateArtifact make_artifact(const Stage2TrainOptions& options, const gate::GateInputs& inputs,
                                      const gate::Debiased& debiased, const gating::GateParameters& gate) {
  artifacts::GateArtifact artifact;
  artifact.model = inputs.model;
  artifact.model_family = name_of(options.model_family);
  artifact.attributes = inputs.attributes;
  artifact.hidden_size = inputs.weights.hidden_size;
  artifact.weight = inputs.weights.weight;
  artifact.bias = inputs.weights.bias;
  artifact.transform = debiased.result.transform;
  artifact.gate = gate;
  artifact.temperature = options.temperature;
  artifact.compat = name_of(options.compat);
  artifact.inputs = inputs.origin;
  artifact.making = artifacts::text_of(inputs.making);
  return artifact;
}

// Checked before the training: texts that cannot be shown are an error at once.
std::optional<gate::ReportTexts> open_texts(const Stage2TrainOptions& options, const gate::GateInputs& inputs,
                                            const Split& split, const StopRequested& stop) {
  if (options.report_texts == 0) return std::nullopt;
  return gate::ReportTexts(options, gate::open_preference_set(options, inputs), split.validation, stop);
}

// The weights for the training prompts, in the order of the pairs; nullopt if they are not asked for.
std::optional<explain::TrainingGates> training_gates(const Stage2TrainOptions& options,
                                                     const gate::GateInputs& inputs,
                                                     const gate::PairRewards& pairs, const Split& split,
                                                     const gating::GateParameters& gate) {
  if (!options.training_gates) return std::nullopt;
  return gate::gates_of_prompts(options, inputs.attributes, pairs, split.train, gate);
}

void publish(const std::string& stem, const artifacts::GateArtifact& artifact,
             const std::optional<explain::TrainingGates>& gates, report::GateReport& report,
             const report::Results& results, io::FileSystem& files) {
  artifact.save(stem, files);
  for (const char* suffix : {".pt", ".safetensors"}) report.outputs.push_back(gate::output_of(stem + suffix));
  if (gates) {
    gates->save(stem + ".gates.safetensors", files);
    report.outputs.push_back(gate::output_of(stem + ".gates.safetensors"));
  }
  io::publish_text(stem + ".json", to_json(report).dump(2) + "\n", files);
  io::publish_text(stem + ".html", gate_report_page(report), files);
  results.show(fmt::format("gate:   {0}.pt\nreport: {0}.json, {0}.html\n", shown(stem, kMaxShownPath)));
}

// For --json; the report is that of the published file.
nlohmann::json document_of(const std::string& stem, const std::string& export_dir,
                           const report::GateReport& report) {
  nlohmann::json files{{"gate", stem + ".pt"}, {"report", stem + ".json"}, {"page", stem + ".html"}};
  if (!export_dir.empty()) files["export"] = export_dir;
  return {{"program", "stage2-train"}, {"files", std::move(files)}, {"report", to_json(report)}};
}

}  // namespace

void run_stage2_train(const Stage2TrainOptions& given, const options::StageEnvironment& environment) {
  const report::Results results(given.json);
  model::check_device(given.device);
  gate::check_kernels(given);
  if (given.threads > 0) model::set_compute_threads(static_cast<int>(given.threads));
  gate::GateInputs inputs = gate::open_inputs(given);
  Stage2TrainOptions options = gate::with_verbosity(given, inputs);
  gate::check_made_alike(options, inputs);
  const std::optional<reward_model::ModelExport> model_export = open_export(options, inputs, environment);
  const gate::GateMemory memory(options, inputs, environment.files);
  gate::GateSets sets = gate::load_sets(options, inputs, environment.stop_requested, memory.arrays());

  const gate::Debiased debiased = gate::debias_rewards(options, inputs, sets.preference, memory.arrays());
  if (const auto figures = gate::debiasing_figures(debiased, options, inputs.attributes))
    results.show(report::debiasing_text(*figures, results.style()) + "\n");
  debiased.apply_to(sets.preference);
  const Split split = split_pairs(sets.preference, options);
  gate::check_training_gates(options, sets.preference);
  const auto texts = open_texts(options, inputs, split, environment.stop_requested);

  const std::string stem = output_stem(options, inputs, environment.files);
  const resume::RunLock lock(stem + ".lock", environment.files);
  if (!options.restart) check_outputs(stem, model_export, inputs.origin);
  const options::StageEnvironment locked = under_lock(lock, environment);
  options.kernels =
      gate::choose_kernels(options, shape_of(options, inputs), stem + ".checkpoint", environment.files);
  gate::GateCheckpoint checkpoint(stem + ".checkpoint", gate::training_key(options, sets.preference.data()),
                                  options.checkpoint_seconds, options.restart, locked);
  const std::vector<gate::GateRun> runs = train(options, inputs, sets.preference.data(), split, checkpoint);
  const gating::GateParameters& gate = gate::best_run(runs).selected.gate;

  report::GateReport report = training_report(options, inputs, sets.preference, split, debiased, runs);
  if (runs.size() > 1) results.show(report::seeds_text(*report.training, results.style()) + "\n");
  evaluate(options, gate, debiased, split, sets, memory.arrays(), report, results);
  if (texts) texts->add_to(report, gate::kValidation);
  const auto gates = training_gates(options, inputs, sets.preference, split, gate);

  gate::check_unchanged(sets);
  const artifacts::GateArtifact artifact = make_artifact(options, inputs, debiased, gate);
  lock.check_now();
  publish(stem, artifact, gates, report, results, environment.files);
  if (model_export) {
    model_export->write(options.export_scale == ExportScale::one ? artifact.as_reward() : artifact, report);
    results.show(fmt::format("model:  {}\n", shown(options.export_dir, kMaxShownPath)));
  }
  results.document(document_of(stem, options.export_dir, report));
  checkpoint.remove();
}

}  // namespace armorm::stages
