#include "stages/stage2_train.h"

#include <fmt/core.h>

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "core/log.h"
#include "core/numpy_random.h"
#include "core/version.h"
#include "data/attributes.h"
#include "gating/verbosity.h"
#include "hub/cache.h"
#include "io/publish.h"
#include "io/writable_file.h"
#include "model/compute_threads.h"
#include "report/gate_page.h"
#include "report/json_values.h"
#include "report/text_table.h"
#include "stages/artifacts/artifact_paths.h"
#include "stages/artifacts/gate_artifact.h"
#include "stages/gate/gate_evaluation.h"
#include "stages/gate/gate_explanation.h"
#include "stages/gate/gate_sources.h"
#include "stages/gate/gate_training.h"
#include "stages/gate/length_bias_report.h"
#include "stages/gate/pair_rewards.h"
#include "stages/gate/reward_bench_2_report.h"
#include "stages/gate/reward_bench_report.h"
#include "stages/options/declarations.h"
#include "stages/resume/run_lock.h"
#include "stages/reward_model/model_export.h"
#include "stages/reward_model/reward_model.h"

namespace armorm {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr double kTestSize = 0.2;        // of the published run
constexpr std::uint32_t kSplitSeed = 0;  // of the published run

struct Inputs {
  std::string model;
  fs::path weights_stem;
  RegressionWeights weights;
  ModelFacts facts;  // what the weights and the sets opened so far know of the model
  std::vector<std::string> attributes;
  json sources = json::array();
};

Inputs open_inputs(const Stage2TrainOptions& options) {
  Inputs inputs;
  inputs.model = artifact_name(options.model_path);
  inputs.weights_stem = regression_weights_folder(options.data_root) /
                        (inputs.model + "_" + artifact_name(options.multi_objective_dataset));
  inputs.weights = RegressionWeights::load(inputs.weights_stem);
  inputs.facts = inputs.weights.facts;
  inputs.sources.push_back(weights_source_json(inputs.weights));
  const std::int64_t k = inputs.weights.n_attributes();
  inputs.attributes = attribute_names_or_default(inputs.weights.attributes, k);
  if (options.verbosity_dim >= k)
    fail_usage("--verbosity_dim: {} is no attribute; {} holds attributes 0 to {}", options.verbosity_dim,
               inputs.weights_stem.string(), k - 1);
  return inputs;
}

EmbeddingSet open_pairs(const Stage2TrainOptions& options, const Inputs& inputs, const std::string& dataset,
                        const std::string& source, const std::string& split) {
  EmbeddingSet set = EmbeddingSet::open(embeddings_folder(options.data_root, inputs.model),
                                        preference_stem(artifact_name(dataset), source, split), "preference",
                                        "stage2-prepare");
  if (set.provenance() && set.provenance()->model != inputs.model)
    fail_data("{}: was made with model '{}', not '{}'; prepare the set again", set.description(),
              set.provenance()->model, inputs.model);
  return set;
}

// A set that the report records as one of its sources, in the given role.
PairRewards load_pairs(const Stage2TrainOptions& options, Inputs& inputs, const std::string& role,
                       const std::string& dataset, const std::string& source, const std::string& split) {
  const EmbeddingSet set = open_pairs(options, inputs, dataset, source, split);
  if (set.provenance()) {
    check_same_model(set.provenance()->facts, set.description(), inputs.facts,
                     inputs.weights.file.string() + " or a set before it");
    inputs.facts.complete_from(set.provenance()->facts);
  }
  inputs.sources.push_back(embedding_source_json(role, set));
  return PairRewards(set, inputs.weights, inputs.weights_stem.string());
}

DebiasResult debias(const Stage2TrainOptions& options, const Inputs& inputs, const PairRewards& reference) {
  DebiasOptions debias;
  debias.verbosity_dim = options.verbosity_dim;
  debias.corr_threshold = options.corr_threshold;
  if (!options.penalty_grid.empty()) debias.penalty_grid = options.penalty_grid;
  debias.on_unmet = options.on_unmet;
  debias.target = options.verbosity_target;
  debias.search = options.penalty_search;
  debias.threads = static_cast<int>(options.threads);
  if (debias.target == VerbosityTarget::length && reference.lengths().empty())
    fail_data(
        "--verbosity_target length: the embeddings of {} carry no lengths; run stage2-prepare again to "
        "record them",
        options.reference_dataset.empty() ? options.preference_dataset : options.reference_dataset);
  return find_debiasing_transform(reference.both_sides(), inputs.attributes, debias, reference.lengths());
}

std::string debias_table(const Stage2TrainOptions& options, const Inputs& inputs,
                         const DebiasResult& result) {
  const char* with = options.verbosity_target == VerbosityTarget::length ? " length" : "";
  TextTable table(
      {"attribute", "penalty", fmt::format("corr{} before", with), fmt::format("corr{} after", with)});
  for (std::size_t k = 0; k < inputs.attributes.size(); ++k) {
    const AttributePenalty& a = result.attributes[k];
    const auto number = [](double v) { return std::isnan(v) ? std::string("-") : fmt::format("{:.4f}", v); };
    table.add({inputs.attributes[k], fmt::format("{:g}{}", a.penalty, a.met ? "" : " (unmet)"),
               number(a.correlation_before), number(a.correlation_after)});
  }
  return table.str();
}

// What the numbers came from, and what they were computed on.
json options_json(const Stage2TrainOptions& options) {
  json out = json::object();
  for (const OptionValue& option : describe(options))
    if (option.effect != OptionEffect::output) out[option.name] = option.text;
  return out;
}

json debias_json(const Inputs& inputs, const DebiasResult& result) {
  json out = json::array();
  for (std::size_t k = 0; k < inputs.attributes.size(); ++k) {
    const AttributePenalty& a = result.attributes[k];
    out.push_back({{"name", inputs.attributes[k]},
                   {"penalty", a.penalty},
                   {"correlation_before", json_number(a.correlation_before)},
                   {"correlation_after", json_number(a.correlation_after)},
                   {"met", a.met}});
  }
  return out;
}

// Checked before the training, so that what it cannot be written from or to is told at once.
std::optional<ModelExport> open_export(const Stage2TrainOptions& options, const Inputs& inputs,
                                       const StageEnvironment& environment) {
  if (options.export_dir.empty()) return std::nullopt;
  const EmbeddingSet pairs = open_pairs(options, inputs, options.preference_dataset,
                                        options.preference_source, options.preference_split);
  return ModelExport(options.export_dir, options.model_path, options.export_weights, pairs.provenance(),
                     inputs.weights_stem.string() + ".json", environment.files, environment.stop_requested);
}

struct EvalSet {
  std::string name;  // as --eval gives it
  PairRewards pairs;
};

// Opened before the training, so that a missing set is told at once.
std::vector<EvalSet> open_eval_sets(const Stage2TrainOptions& options, Inputs& inputs) {
  std::vector<EvalSet> sets;
  for (const std::string& name : options.eval) {
    const std::size_t colon = name.rfind(':');
    const std::string split = colon == std::string::npos ? "train" : name.substr(colon + 1);
    sets.push_back({name, load_pairs(options, inputs, "evaluation", name.substr(0, colon), "", split)});
  }
  return sets;
}

// T, the debiasing that scores go through: empty where --compat upstream leaves it out, as the Python scripts
// compute it and then use it nowhere.
std::vector<float> applied_transform(const Stage2TrainOptions& options, const DebiasResult& debiased) {
  return options.compat == Compat::upstream ? std::vector<float>() : debiased.transform;
}

DebiasResult debias_on_reference(const Stage2TrainOptions& options, Inputs& inputs,
                                 const PairRewards& preference) {
  if (options.reference_dataset.empty()) {
    log::info("--reference_dataset is not given: verbosity is measured on the preference set, {}",
              options.preference_dataset);
    return debias(options, inputs, preference);
  }
  return debias(options, inputs,
                load_pairs(options, inputs, "reference", options.reference_dataset, options.reference_source,
                           options.reference_split));
}

GateArtifact make_artifact(const Stage2TrainOptions& options, const Inputs& inputs,
                           const DebiasResult& debiased, const GateParameters& gate) {
  GateArtifact artifact;
  artifact.model = inputs.model;
  artifact.model_family = name_of(options.model_family);
  artifact.attributes = inputs.attributes;
  artifact.hidden_size = inputs.weights.hidden_size;
  artifact.weight = inputs.weights.weight;
  artifact.bias = inputs.weights.bias;
  artifact.transform = debiased.transform;
  artifact.gate = gate;
  artifact.temperature = options.temperature;
  artifact.compat = name_of(options.compat);
  return artifact;
}

// Prints the tables of a trained gate, and puts their figures into the report.
class GateReport {
 public:
  GateReport(const GateScorer& scorer, const std::vector<std::string>& attributes, std::int64_t best,
             json& report)
      : scorer_(scorer), attributes_(attributes), best_(best), report_(report) {
    report_["length_bias"] = json::array();
  }

  void validation(const PairRewards& pairs, std::span<const std::int64_t> rows) {
    const auto contenders = compare_scorers_on(scorer_, pairs, rows, best_, attributes_);
    std::cout << comparison_table("validation", contenders, static_cast<std::int64_t>(rows.size())) << "\n";
    report_["validation"] = comparison_json(contenders);
    const GateUsage usage = gate_usage_on(scorer_, pairs, rows, attributes_);
    std::cout << usage_table(usage, attributes_) << "\n";
    report_["gate_usage"] = usage_json(usage, attributes_);
    length_bias("validation", contenders, pairs, rows);
    explain(scorer_, {"validation", pairs, rows}, attributes_, report_);
  }
  void reward_bench(const PairRewards& pairs, const std::string& dataset) {
    const std::vector<std::int64_t> rows = all_pairs(pairs);
    const RewardBenchReport result =
        evaluate_reward_bench(compare_scorers_on(scorer_, pairs, rows, best_, attributes_), pairs, dataset);
    std::cout << reward_bench_table(result) << "\n";
    report_["reward_bench"] = reward_bench_json(result);
    length_bias("RewardBench", result.contenders, pairs, rows);
    std::vector<std::string> published_order;
    for (const SubsetResult& subset : result.results.front().subsets) published_order.push_back(subset.name);
    explain(scorer_, {"RewardBench", pairs, rows, published_order}, attributes_, report_);
  }
  void reward_bench_2(const PairRewards& pairs, const std::string& dataset) {
    const auto contenders = compare_scorers_on(scorer_, pairs, all_pairs(pairs), best_, attributes_);
    const RewardBench2Report result = evaluate_reward_bench_2(contenders, pairs, dataset);
    std::cout << reward_bench_2_table(result) << "\n";
    report_["reward_bench_2"] = reward_bench_2_json(result);
  }
  void preference_set(const std::string& name, const PairRewards& pairs) {
    const std::vector<std::int64_t> rows = all_pairs(pairs);
    const auto contenders = compare_scorers_on(scorer_, pairs, rows, best_, attributes_);
    std::cout << comparison_table(name, contenders, pairs.size()) << "\n";
    report_["eval"].push_back(
        {{"name", name}, {"pairs", pairs.size()}, {"scorers", comparison_json(contenders)}});
    length_bias(name, contenders, pairs, rows);
    explain(scorer_, {name, pairs, rows}, attributes_, report_);
  }

 private:
  void length_bias(const std::string& set, const std::vector<Contender>& contenders, const PairRewards& pairs,
                   std::span<const std::int64_t> rows) {
    const std::vector<LengthBiasEntry> entries = length_bias_on(set, contenders, pairs, rows);
    if (!entries.empty()) std::cout << length_bias_table(entries) << "\n";
    for (const json& entry : length_bias_json(entries)) report_["length_bias"].push_back(entry);
  }

  const GateScorer& scorer_;
  const std::vector<std::string>& attributes_;
  std::int64_t best_;
  json& report_;
};

}  // namespace

void run_stage2_train(const Stage2TrainOptions& options, const StageEnvironment& environment) {
  if (options.threads > 0) set_compute_threads(static_cast<int>(options.threads));
  Inputs inputs = open_inputs(options);
  const std::optional<ModelExport> model_export = open_export(options, inputs, environment);
  PairRewards preference = load_pairs(options, inputs, "preference", options.preference_dataset,
                                      options.preference_source, options.preference_split);
  std::optional<PairRewards> reward_bench, reward_bench_2;
  if (options.eval_reward_bench)
    reward_bench = load_pairs(options, inputs, "RewardBench", options.reward_bench_dataset, "",
                              options.reward_bench_split);
  if (options.eval_reward_bench_2)
    reward_bench_2 = load_pairs(options, inputs, "RewardBench 2", options.reward_bench_2_dataset, "",
                                options.reward_bench_2_split);
  std::vector<EvalSet> eval_sets = open_eval_sets(options, inputs);
  if (preference.prompts_differ() > 0)
    log::info("{} pairs have sides with different prompts; each side has its own gate there",
              preference.prompts_differ());

  const DebiasResult debiased = debias_on_reference(options, inputs, preference);
  std::cout << debias_table(options, inputs, debiased) << "\n";
  const std::vector<float> transform = applied_transform(options, debiased);
  const auto apply_transform = [&transform](PairRewards& pairs) {
    if (!transform.empty()) pairs.transform(transform);
  };
  apply_transform(preference);

  const Split split = train_test_split(preference.size(), kTestSize, kSplitSeed);
  const GateShape shape{inputs.weights.hidden_size, options.n_hidden, options.hidden_size,
                        static_cast<std::int64_t>(inputs.attributes.size()), options.temperature};
  const fs::path stem =
      gating_network_stem(options.output_dir.empty() ? options.data_root : options.output_dir, inputs.model);
  io::make_folders(environment.files, stem.parent_path());
  const RunLock lock(stem.string() + ".lock", environment.files);
  const auto between_steps = [&lock, &environment] {
    lock.check();
    return environment.stopping();
  };
  const StageEnvironment locked{.files = environment.files, .stop_requested = between_steps};
  GateCheckpoint checkpoint(stem.string() + ".checkpoint", training_key(options, preference.data()),
                            options.checkpoint_seconds, options.restart, locked);
  const std::vector<GateRun> runs =
      train_gates(options, shape, preference.data(), split.train, split.validation, checkpoint);
  const GateRun& kept = best_run(runs);
  if (runs.size() > 1) std::cout << seeds_table(runs) << "\n";

  json report{{"armorm_version", kVersion},
              {"model", inputs.model},
              {"options", options_json(options)},
              {"attributes", inputs.attributes},
              {"debiasing", debias_json(inputs, debiased)},
              {"verbosity_target", std::string(name_of(options.verbosity_target))},
              {"transform", debiased.transform},
              {"transform_applied", !transform.empty()},
              {"logit_scale", kept.selected.gate.logit_scale},
              {"pairs",
               {{"train", split.train.size()},
                {"validation", split.validation.size()},
                {"prompts_differ", preference.prompts_differ()}}},
              {"training", curve_json(kept)},
              {"seeds", seeds_json(runs)}};
  const GateScorer scorer{kept.selected.gate, softmax_of(options), options.temperature,
                          static_cast<int>(options.device)};
  GateReport tables(scorer, inputs.attributes, best_attribute(preference.data(), split.train), report);
  tables.validation(preference, split.validation);
  if (reward_bench) {
    apply_transform(*reward_bench);
    tables.reward_bench(*reward_bench, options.reward_bench_dataset);
  }
  if (reward_bench_2) {
    apply_transform(*reward_bench_2);
    tables.reward_bench_2(*reward_bench_2, options.reward_bench_2_dataset);
  }
  for (EvalSet& set : eval_sets) {
    apply_transform(set.pairs);
    tables.preference_set(set.name, set.pairs);
  }

  const GateArtifact artifact = make_artifact(options, inputs, debiased, kept.selected.gate);
  lock.check_now();
  artifact.save(stem, environment.files);
  report["sources"] = inputs.sources;
  for (const char* suffix : {".pt", ".safetensors"})
    report["outputs"].push_back(output_json(stem.string() + suffix));
  publish_text(stem.string() + ".json", report.dump(2) + "\n", environment.files);
  publish_text(stem.string() + ".html", gate_report_page(report), environment.files);
  std::cout << fmt::format("gate:   {0}.pt\nreport: {0}.json, {0}.html\n", stem.string());
  if (model_export) {
    model_export->write(artifact, report);
    std::cout << fmt::format("model:  {}\n", options.export_dir);
  }
  checkpoint.remove();
}

}  // namespace armorm
