#include "armorm/stages/stage2_train.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "armorm/core/error.h"
#include "armorm/core/log.h"
#include "armorm/core/numpy_random.h"
#include "armorm/core/parallel.h"
#include "armorm/core/text_table.h"
#include "armorm/core/version.h"
#include "armorm/data/hub_cache.h"
#include "armorm/eval/preference.h"
#include "armorm/eval/reward_bench.h"
#include "armorm/gating/gate.h"
#include "armorm/gating/trainer.h"
#include "armorm/gating/verbosity.h"
#include "armorm/io/publish.h"
#include "armorm/model/compute_threads.h"
#include "stages/artifact_paths.h"
#include "stages/gate_artifact.h"
#include "stages/json_values.h"
#include "stages/pair_rewards.h"

namespace armorm {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr double kTestSize = 0.2;          // of the published run
constexpr std::uint32_t kSplitSeed = 0;    // of the published run

GateSoftmax softmax_of(const Stage2TrainOptions& options) {
  return options.compat == "upstream" ? GateSoftmax::pair : GateSoftmax::attributes;
}

struct Inputs {
  std::string model;
  fs::path weights_stem;
  RegressionWeights weights;
  std::vector<std::string> attributes;
};

Inputs open_inputs(const Stage2TrainOptions& options) {
  Inputs inputs;
  inputs.model = artifact_name(options.model_path);
  inputs.weights_stem = regression_weights_folder(options.data_root) /
                        (inputs.model + "_" + artifact_name(options.multi_objective_dataset));
  inputs.weights = RegressionWeights::load(inputs.weights_stem);
  inputs.attributes = inputs.weights.attributes;
  const std::int64_t k = inputs.weights.n_attributes();
  for (std::int64_t i = static_cast<std::int64_t>(inputs.attributes.size()); i < k; ++i)
    inputs.attributes.push_back(k == static_cast<std::int64_t>(default_attributes().size())
                                    ? default_attributes()[static_cast<std::size_t>(i)]
                                    : fmt::format("attribute-{}", i));
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
    fail_data("{}: was made with model '{}', not '{}'; prepare the set again", set.description(), set.provenance()->model,
              inputs.model);
  return set;
}

PairRewards load_pairs(const Stage2TrainOptions& options, const Inputs& inputs, const std::string& dataset,
                       const std::string& source, const std::string& split) {
  return PairRewards(open_pairs(options, inputs, dataset, source, split), inputs.weights, inputs.weights_stem.string());
}

DebiasResult debias(const Stage2TrainOptions& options, const Inputs& inputs, const PairRewards& reference) {
  DebiasOptions debias;
  debias.verbosity_dim = options.verbosity_dim;
  debias.corr_threshold = options.corr_threshold;
  if (!options.penalty_grid.empty()) debias.penalty_grid = options.penalty_grid;
  debias.on_unmet = parse_on_unmet(options.on_unmet);
  return find_debiasing_transform(reference.both_sides(), inputs.attributes, debias);
}

std::string debias_table(const Inputs& inputs, const DebiasResult& result) {
  TextTable table({"attribute", "penalty", "corr before", "corr after"});
  for (std::size_t k = 0; k < inputs.attributes.size(); ++k) {
    const AttributePenalty& a = result.attributes[k];
    const auto number = [](double v) { return std::isnan(v) ? std::string("-") : fmt::format("{:.4f}", v); };
    table.add({inputs.attributes[k], fmt::format("{:g}{}", a.penalty, a.met ? "" : " (unmet)"), number(a.correlation_before),
               number(a.correlation_after)});
  }
  return table.str();
}

struct Contender {
  std::string name;
  PreferenceMetrics metrics;
};

// The gate beside what it must beat: every attribute alike, and the attribute that is best on the training pairs.
std::vector<Contender> compare(const GateParameters& gate, const Stage2TrainOptions& options, const PairRewards& pairs,
                               const Split& split, const std::vector<std::string>& attributes) {
  const PairData data = pairs.data();
  const PairScores scores = score_pairs(gate, data, split.validation, softmax_of(options), options.temperature,
                                        static_cast<int>(options.device));
  const std::int64_t best = best_attribute(data, split.train);
  return {{"gate", preference_metrics(scores.chosen, scores.rejected)},
          {"uniform gate", uniform_gate_metrics(data, split.validation, gate.logit_scale)},
          {"best attribute: " + attributes[static_cast<std::size_t>(best)],
           attribute_metrics(data, split.validation, best, gate.logit_scale)}};
}

std::string comparison_table(const std::vector<Contender>& contenders, std::int64_t n) {
  TextTable table({fmt::format("validation ({} pairs)", n), "accuracy", "loss"});
  for (const Contender& c : contenders)
    table.add({c.name, fmt::format("{:.2f} %", 100 * c.metrics.accuracy), fmt::format("{:.4f}", c.metrics.loss)});
  return table.str();
}

std::string reward_bench_table(const RewardBenchResult& gate, const RewardBenchResult& uniform) {
  TextTable table({"RewardBench", "n", "accuracy", "95 % interval", "uniform gate"});
  for (std::size_t i = 0; i < gate.subsets.size(); ++i) {
    const SubsetResult& s = gate.subsets[i];
    if (s.n == 0) continue;
    const Proportion interval = wilson_interval(s.correct, s.n);
    table.add({s.name, std::to_string(s.n), fmt::format("{:.2f} %", 100 * s.accuracy()),
               fmt::format("{:.1f} - {:.1f}", 100 * interval.low, 100 * interval.high),
               fmt::format("{:.2f} %", 100 * uniform.subsets[i].accuracy())});
  }
  const auto percent = [](double v) { return std::isnan(v) ? std::string("-") : fmt::format("{:.2f}", v); };
  for (std::size_t i = 0; i < gate.sections.size(); ++i)
    table.add({"= " + gate.sections[i].name, std::to_string(gate.sections[i].n), percent(gate.sections[i].score), "",
               percent(uniform.sections[i].score)});
  table.add({"= Score", "", percent(gate.score), "", percent(uniform.score)});
  return table.str();
}

void warn_about(const RewardBenchResult& result) {
  for (const SectionResult& section : result.sections)
    if (!section.missing.empty())
      log::warn("RewardBench {}: no rows of {}; left out of the section", section.name, fmt::join(section.missing, ", "));
  if (!result.unknown.empty())
    log::warn("RewardBench: subsets {} are not of version 1 and count in no section", fmt::join(result.unknown, ", "));
}

struct Evaluation {
  RewardBenchResult gate, uniform;
};

Evaluation evaluate_reward_bench(const Stage2TrainOptions& options, const GateParameters& gate, PairRewards pairs,
                                 const std::vector<float>& transform) {
  if (pairs.subset_of().empty())
    fail_data("RewardBench: the embeddings of {} carry no subsets; prepare the set again from rows that have a `subset` column",
              options.reward_bench_dataset);
  if (!transform.empty()) pairs.transform(transform);
  std::vector<std::int64_t> rows(static_cast<std::size_t>(pairs.size()));
  std::iota(rows.begin(), rows.end(), 0);
  const PairData data = pairs.data();
  const auto score = [&](const PairScores& s) {
    return score_reward_bench(s.chosen, s.rejected, pairs.subset_of(), pairs.subset_names());
  };
  Evaluation evaluation{score(score_pairs(gate, data, rows, softmax_of(options), options.temperature,
                                          static_cast<int>(options.device))),
                        score(uniform_gate_scores(data, rows, gate.logit_scale))};
  warn_about(evaluation.gate);
  return evaluation;
}

json reward_bench_json(const RewardBenchResult& result) {
  json subsets = json::array();
  for (const SubsetResult& s : result.subsets)
    if (s.n > 0) subsets.push_back({{"name", s.name}, {"n", s.n}, {"correct", s.correct}});
  json sections = json::array();
  for (const SectionResult& s : result.sections)
    sections.push_back({{"name", s.name}, {"score", json_number(s.score)}, {"n", s.n}, {"missing", s.missing}});
  return {{"subsets", subsets}, {"sections", sections}, {"score", json_number(result.score)}};
}

json options_json(Stage2TrainOptions options) {
  json out = json::object();
  const OptionList list = options.declare();
  for (const Option& option : list.options())
    if (option.name != "data_root" && option.name != "output_dir") out[option.name] = value_text(option);
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

// Below this much arithmetic in a step, threads wait for each other longer than they work.
constexpr double kMinStepFlopsPerThread = 4e8;

void set_training_threads(const Stage2TrainOptions& options, const GateShape& shape) {
  if (options.threads > 0 || options.device >= 0) return;
  const double hidden = static_cast<double>(shape.hidden_size);
  const double weights = shape.n_hidden == 0 ? static_cast<double>(shape.input_size * shape.n_attributes)
                                             : hidden * static_cast<double>(shape.input_size + shape.n_attributes) +
                                                   hidden * hidden * static_cast<double>(shape.n_hidden - 1);
  const double flops = 6.0 * weights * static_cast<double>(options.batch_size);  // forward, and twice that backward
  const auto useful = static_cast<int>(std::max(1.0, flops / kMinStepFlopsPerThread));
  set_compute_threads(std::min(useful, default_thread_count()));
}

GateParameters train(const Stage2TrainOptions& options, const Inputs& inputs, const PairRewards& pairs,
                     const std::vector<std::int64_t>& rows, json& curve) {
  const GateShape shape{inputs.weights.hidden_size, options.n_hidden, options.hidden_size,
                        static_cast<std::int64_t>(inputs.attributes.size()), options.temperature};
  set_training_threads(options, shape);
  TrainOptions train;
  train.learning_rate = options.learning_rate;
  train.weight_decay = options.weight_decay;
  train.n_steps = options.n_steps;
  train.batch_size = options.batch_size;
  train.dropout = options.dropout;
  train.softmax = softmax_of(options);
  train.temperature = options.temperature;
  train.seed = static_cast<std::uint64_t>(options.seed);
  train.device = static_cast<int>(options.device);
  train.log_every = std::max<std::int64_t>(1, options.n_steps / 20);
  const GateParameters initial = initial_gate(shape, options.logit_scale, train.seed);
  return train_gate(pairs.data(), rows, initial, train, [&](const StepReport& r) {
    log::info("step {}/{}: loss {:.4f}, learning rate {:.2e}, logit scale {:.3f}", r.step, options.n_steps, r.loss,
              r.learning_rate, r.logit_scale);
    curve.push_back({{"step", r.step}, {"loss", r.loss}, {"learning_rate", r.learning_rate}, {"logit_scale", r.logit_scale}});
  });
}

}  // namespace

OptionList Stage2TrainOptions::declare() {
  OptionList list;
  list.add("model_path", model_path, "Reward model whose embeddings these are: names the files")
      .add("model_family", model_family, "Family of the backbone; recorded with the gate", {"llama3", "gemma2"})
      .add("multi_objective_dataset", multi_objective_dataset, "Data set of the regression weights: names the files")
      .add("preference_dataset", preference_dataset, "Preference pairs that train the gate")
      .add("preference_source", preference_source, "The --source that stage2-prepare was given for them")
      .add("preference_split", preference_split, "Split of the preference set")
      .add("reference_dataset", reference_dataset, "Pairs that verbosity is measured on; empty = the preference set")
      .add("reference_source", reference_source, "The --source that stage2-prepare was given for them")
      .add("reference_split", reference_split, "Split of the reference set")
      .add("device", device, "CUDA device index; -1 = CPU")
      .add("learning_rate", learning_rate, "Peak of AdamW's learning rate, cosine decay to 0")
      .add("weight_decay", weight_decay, "Of AdamW")
      .add("n_steps", n_steps, "Optimiser steps")
      .add("batch_size", batch_size, "Pairs per step, drawn with replacement")
      .add("verbosity_dim", verbosity_dim, "Index of the verbosity attribute")
      .add("corr_threshold", corr_threshold, "Spearman correlation with verbosity that debiasing must reach")
      .add("on_unmet", on_unmet, "Attribute that no penalty brings to the threshold: an error, penalty 0, or the largest",
           {"error", "keep", "max"})
      .add("penalty_grid", penalty_grid, "Penalties to try, ascending, comma-separated; empty = the published grid")
      .add("eval_reward_bench", eval_reward_bench, "Evaluate on RewardBench")
      .add("reward_bench_dataset", reward_bench_dataset, "RewardBench: names the files")
      .add("reward_bench_split", reward_bench_split, "Split of RewardBench")
      .add("logit_scale", logit_scale, "Initial value of the trained scale of the gate")
      .add("temperature", temperature, "Of the softmax over attributes")
      .add("n_hidden", n_hidden, "Hidden layers of the gate")
      .add("hidden_size", hidden_size, "Width of the hidden layers")
      .add("dropout", dropout, "Of the hidden layers")
      .add("compat", compat, "upstream: the softmax runs over the pair and the debiasing is not applied", {"none", "upstream"})
      .add("seed", seed, "Of initial weights, batches and dropout")
      .add("threads", threads, "CPU threads; 0 = all that this process may use")
      .add("output_dir", output_dir, "Folder of the gate and its report; empty = data_root")
      .add("data_root", data_root, "Folder of all artefacts ($ARMORM_DATA sets the default)");
  return list;
}

void Stage2TrainOptions::validate() const {
  const auto positive = [](const char* flag, double value) {
    if (!(value > 0) || !std::isfinite(value)) fail_usage("--{}: {} is out of range; it must be above 0", flag, value);
  };
  const auto at_least = [](const char* flag, std::int64_t value, std::int64_t least) {
    if (value < least) fail_usage("--{}: {} is out of range; it must be at least {}", flag, value, least);
  };
  positive("learning_rate", learning_rate);
  positive("temperature", temperature);
  positive("logit_scale", logit_scale);
  if (!(weight_decay >= 0)) fail_usage("--weight_decay: {} is out of range; it must not be negative", weight_decay);
  if (!(dropout >= 0 && dropout < 1)) fail_usage("--dropout: {} is out of range; it must be from 0 to below 1", dropout);
  if (!(corr_threshold > -1 && corr_threshold < 1))
    fail_usage("--corr_threshold: {} is out of range; it is a correlation, above -1 and below 1", corr_threshold);
  at_least("n_steps", n_steps, 1);
  at_least("batch_size", batch_size, 1);
  at_least("n_hidden", n_hidden, 0);
  at_least("hidden_size", hidden_size, 1);
  at_least("verbosity_dim", verbosity_dim, 0);
  at_least("device", device, -1);
  at_least("threads", threads, 0);
  at_least("seed", seed, 0);
  for (std::size_t i = 0; i < penalty_grid.size(); ++i)
    if (!std::isfinite(penalty_grid[i]) || penalty_grid[i] < 0 || (i > 0 && penalty_grid[i] <= penalty_grid[i - 1]))
      fail_usage("--penalty_grid: {} is out of order; penalties must not be negative and must ascend", penalty_grid[i]);
}

void run_stage2_train(const Stage2TrainOptions& options) {
  if (options.threads > 0) set_compute_threads(static_cast<int>(options.threads));
  const Inputs inputs = open_inputs(options);
  if (options.reference_dataset.empty())
    log::info("--reference_dataset is not given: verbosity is measured on the preference set, {}", options.preference_dataset);
  PairRewards preference = load_pairs(options, inputs, options.preference_dataset, options.preference_source, options.preference_split);
  std::optional<PairRewards> reward_bench;
  if (options.eval_reward_bench)
    reward_bench = load_pairs(options, inputs, options.reward_bench_dataset, "", options.reward_bench_split);
  if (preference.prompts_differ() > 0)
    log::info("{} pairs have sides with different prompts; each side has its own gate there", preference.prompts_differ());

  const DebiasResult debiased =
      options.reference_dataset.empty()
          ? debias(options, inputs, preference)
          : debias(options, inputs, load_pairs(options, inputs, options.reference_dataset, options.reference_source,
                                               options.reference_split));
  std::cout << debias_table(inputs, debiased) << "\n";
  // The Python scripts compute the transform and then use it nowhere.
  std::vector<float> transform = options.compat == "upstream" ? std::vector<float>() : debiased.transform;
  if (!transform.empty()) preference.transform(transform);

  const Split split = train_test_split(preference.size(), kTestSize, kSplitSeed);
  json curve = json::array();
  const GateParameters gate = train(options, inputs, preference, split.train, curve);
  const std::vector<Contender> contenders = compare(gate, options, preference, split, inputs.attributes);
  std::cout << comparison_table(contenders, static_cast<std::int64_t>(split.validation.size())) << "\n";

  json report{{"armorm_version", kVersion},
              {"model", inputs.model},
              {"options", options_json(options)},
              {"attributes", inputs.attributes},
              {"debiasing", debias_json(inputs, debiased)},
              {"pairs", {{"train", split.train.size()}, {"validation", split.validation.size()},
                         {"prompts_differ", preference.prompts_differ()}}},
              {"training", curve}};
  for (const Contender& c : contenders)
    report["validation"].push_back({{"name", c.name}, {"accuracy", c.metrics.accuracy}, {"loss", c.metrics.loss}});
  if (reward_bench) {
    const Evaluation evaluation = evaluate_reward_bench(options, gate, std::move(*reward_bench), transform);
    std::cout << reward_bench_table(evaluation.gate, evaluation.uniform) << "\n";
    report["reward_bench"] = {{"gate", reward_bench_json(evaluation.gate)}, {"uniform", reward_bench_json(evaluation.uniform)}};
  }

  GateArtifact artifact;
  artifact.model = inputs.model;
  artifact.model_family = options.model_family;
  artifact.attributes = inputs.attributes;
  artifact.hidden_size = inputs.weights.hidden_size;
  artifact.weight = inputs.weights.weight;
  artifact.bias = inputs.weights.bias;
  artifact.transform = debiased.transform;
  artifact.gate = gate;
  artifact.temperature = options.temperature;
  artifact.compat = options.compat;
  const fs::path stem = gating_network_stem(options.output_dir.empty() ? options.data_root : options.output_dir, inputs.model);
  artifact.save(stem);
  publish_text(stem.string() + ".json", report.dump(2) + "\n");
  std::cout << fmt::format("gate:   {}.pt\nreport: {}.json\n", stem.string(), stem.string());
}

}  // namespace armorm
