#include "stages/stage1_train.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/log.h"
#include "core/version.h"
#include "io/publish.h"
#include "linear/ridge.h"
#include "report/ridge_report.h"
#include "report/text_table.h"
#include "stages/artifacts/artifact_paths.h"
#include "stages/artifacts/regression_weights.h"
#include "stages/ridge/labelled_set.h"
#include "stages/ridge/ridge_partials.h"
#include "stages/ridge/row_groups.h"

namespace armorm {
namespace fs = std::filesystem;
namespace {

RidgeOptions ridge_options(const Stage1TrainOptions& options) {
  RidgeOptions ridge;
  ridge.alphas = parse_alphas(options.alphas);
  ridge.cv = parse_ridge_cv(options.cv);
  ridge.refit = options.refit;
  ridge.standardize = options.standardize;
  ridge.fit_intercept = options.fit_intercept;
  ridge.n_threads = static_cast<int>(options.threads);
  return ridge;
}

// The second pass: figures on the validation rows.
void evaluate(const Stage1TrainOptions& options, const LabelledSet& inputs, std::span<const RowGroup> groups,
              RidgeResult& result) {
  EvaluationOptions evaluation;
  evaluation.n_bootstrap = static_cast<int>(options.bootstrap);
  evaluation.seed = static_cast<std::uint64_t>(options.seed);
  evaluation.n_threads = static_cast<int>(options.threads);
  RidgeEvaluator evaluator(result, evaluation, static_cast<RowGroup>(group_count(options) - 1));
  inputs.for_each_block(groups, [&](const LabelledBlock& b) {
    evaluator.add_block(b.embeddings, b.labels, b.groups, b.weights, b.prompts);
  });
  evaluator.finish(result);
}

RidgeReport fit(const Stage1TrainOptions& options, const LabelledSet& inputs,
                std::span<const RowGroup> groups) {
  RidgeMoments moments =
      options.merge.empty() ? accumulate(options, inputs, groups) : merge_partials(options, inputs);
  RidgeReport report{
      inputs.model + ", " + inputs.dataset, inputs.attributes, {}, label_correlations(moments)};
  RidgeSolver solver(moments, ridge_options(options));
  moments = {};
  if (solver.needs_rows())
    inputs.for_each_block(groups, [&](const LabelledBlock& b) {
      solver.add_block(b.embeddings, b.labels, b.groups, b.weights);
    });
  report.result = solver.finish();
  evaluate(options, inputs, groups, report.result);
  return report;
}

std::string number(double value, const char* format) {
  return std::isnan(value) ? "-" : fmt::format(fmt::runtime(format), value);
}

std::string with_interval(double value, const Interval& interval) {
  return std::isnan(interval.low)
             ? number(value, "{:.4f}")
             : fmt::format("{:.4f} [{:.4f}, {:.4f}]", value, interval.low, interval.high);
}

std::string attribute_table(const RidgeReport& report) {
  TextTable table({"attribute", "n train", "n val", "alpha", "val MSE", "R2", "Spearman"});
  for (std::size_t k = 0; k < report.attributes.size(); ++k) {
    const AttributeFit& a = report.result.attributes[k];
    table.add({report.attributes[k], std::to_string(a.n_train), std::to_string(a.n_validation),
               number(a.best_alpha, "{:g}"), number(a.validation_mse, "{:.5f}"),
               with_interval(a.r_squared, a.r_squared_interval),
               with_interval(a.spearman, a.spearman_interval)});
  }
  return table.str();
}

std::string loss_curve(const AttributeFit& fit, const std::vector<double>& alphas) {
  std::string curve;
  for (std::size_t i = 0; i < fit.loss.size(); ++i)
    curve += fmt::format("{}{:g}: {:.6g}", i == 0 ? "" : ", ", alphas[i], fit.loss[i]);
  return curve;
}

// What came of an attribute that lacks something; empty where nothing is lacking.
std::string shortcoming(const RidgeReport& report, std::size_t k) {
  const AttributeFit& a = report.result.attributes[k];
  const auto weights = std::span(report.result.weights)
                           .subspan(k * static_cast<std::size_t>(report.result.n_features),
                                    static_cast<std::size_t>(report.result.n_features));
  const bool chosen = a.best_index >= 0;
  const std::string fallback = fmt::format("its alpha could not be chosen and is {:g}", a.best_alpha);
  switch (a.status) {
    case AttributeStatus::fitted:
      return chosen ? "" : "its training labels lie in one fold; " + fallback;
    case AttributeStatus::no_validation_labels:
    case AttributeStatus::no_validation_weight:
      return chosen ? "its fit could not be measured" : fallback;
    default:
      return std::any_of(weights.begin(), weights.end(), [](double w) { return w != 0.0; })
                 ? "fitted on the validation rows"
                 : "its weights are zero";
  }
}

void warn_about_fits(const RidgeReport& report) {
  for (std::size_t k = 0; k < report.attributes.size(); ++k) {
    const AttributeFit& a = report.result.attributes[k];
    if (const std::string text = shortcoming(report, k); !text.empty()) {
      const std::string status =
          a.status == AttributeStatus::fitted ? "" : std::string(name_of(a.status)) + "; ";
      log::warn("attribute {}: {}{}", report.attributes[k], status, text);
    }
    if (a.at_grid_edge)
      log::warn(
          "attribute {}: the best alpha, {:g}, is at the edge of the grid; a wider --alphas may do better "
          "(loss at each "
          "alpha: {})",
          report.attributes[k], a.best_alpha, loss_curve(a, report.result.alphas));
  }
}

void warn_about_prompts(const Stage1TrainOptions& options, const LabelledSet& inputs) {
  if (options.split_by == "prompt" && options.cv == "loo")
    log::warn(
        "--cv loo leaves out one row at a time, not the other rows of its prompt; --cv kfold leaves out "
        "whole prompts");
  if (options.bootstrap > 0 && inputs.prompts.empty())
    log::warn(
        "{}: has no prompt numbers; the bootstrap draws rows instead of prompts, and its intervals are too "
        "narrow where "
        "prompts repeat",
        inputs.set.description());
}

nlohmann::json report_json(const Stage1TrainOptions& options, const LabelledSet& inputs,
                           const RidgeReport& report) {
  nlohmann::json out = nlohmann::json::parse(ridge_report_json(report));
  out.update({{"armorm_version", kVersion},
              {"model", inputs.model},
              {"dataset", inputs.dataset},
              {"rows", inputs.set.rows()},
              {"hidden_size", inputs.set.hidden_size()},
              {"seed", options.seed},
              {"cv", options.cv},
              {"split_by", options.split_by},
              {"weight_column", options.weight_column},
              {"standardize", options.standardize},
              {"fit_intercept", options.fit_intercept},
              {"refit", options.refit},
              {"bootstrap", options.bootstrap}});
  if (options.cv == "kfold") out["n_folds"] = options.n_folds;
  if (options.bootstrap > 0) out["bootstrap_unit"] = inputs.prompts.empty() ? "row" : "prompt";
  return out;
}

RegressionWeights weights_of(const Stage1TrainOptions& options, const LabelledSet& inputs,
                             const RidgeResult& result) {
  RegressionWeights weights;
  weights.model = inputs.model;
  weights.dataset = inputs.dataset;
  if (inputs.set.provenance()) weights.facts = inputs.set.provenance()->facts;
  weights.attributes = inputs.attributes;
  weights.hidden_size = inputs.set.hidden_size();
  weights.weight.assign(result.weights.begin(), result.weights.end());
  if (options.fit_intercept) weights.bias.assign(result.intercepts.begin(), result.intercepts.end());
  return weights;
}

void publish(const Stage1TrainOptions& options, const LabelledSet& inputs, const RidgeReport& report,
             FileSystem& files) {
  const fs::path folder = options.output_dir.empty() ? regression_weights_folder(options.data_root)
                                                     : fs::path(options.output_dir);
  const std::string stem = (folder / (inputs.model + "_" + inputs.dataset)).string();
  weights_of(options, inputs, report.result).save(stem, files);
  publish_text(stem + ".json", report_json(options, inputs, report).dump(2) + "\n", files);
  publish_text(stem + ".html", ridge_report_html(report), files);
  std::cout << attribute_table(report) << fmt::format("weights: {0}.pt\nreport:  {0}.json, {0}.html\n", stem);
}

void validate_partials(const Stage1TrainOptions& options) {
  if (!options.partial.empty() && !options.merge.empty())
    fail_usage("--partial and --merge: one writes the sums, the other reads them; give one of them");
  if (!options.shards.empty() && options.partial.empty())
    fail_usage("--shards: chooses what --partial adds up; give --partial FOLDER too, or leave it out");
  for (const std::int64_t k : options.shards)
    if (k < 1) fail_usage("--shards: {} is out of range; shards are numbered from 1", k);
  if (std::set<std::int64_t>(options.shards.begin(), options.shards.end()).size() != options.shards.size())
    fail_usage("--shards: a shard is there twice; name each once");
}

}  // namespace

OptionList Stage1TrainOptions::declare() {
  OptionList list;
  list.add("model_path", model_path, "Reward model whose embeddings these are: names the files")
      .add("dataset_path", dataset_path,
           "Multi-objective data set whose embeddings these are: names the files")
      .add("embeddings_dir", embeddings_dir,
           "Folder of the embeddings, or their path up to -<shard>-of-<n>; empty = below data_root")
      .add("output_dir", output_dir, "Folder of the weights; empty = <data_root>/regression_weights")
      .add("alphas", alphas,
           "L2 strengths to choose from, above 0: comma-separated, or lo:hi:n for n of them, evenly in log10")
      .add("cv", cv,
           "What the strength is chosen by: the validation rows, folds of the training rows, or leaving out "
           "each training row",
           {"holdout", "kfold", "loo"})
      .add("n_folds", n_folds, "Folds of --cv kfold, 2 to 254")
      .add("split_by", split_by,
           "prompt: rows with the same prompt stay on one side of the split, and in one fold",
           {"row", "prompt"})
      .add("weight_column", weight_column,
           "Column of sample weights, which stage1-prepare --weight_column kept; empty = every row weighs 1")
      .add("standardize", standardize, "Penalise the weights of columns scaled to unit standard deviation")
      .add("fit_intercept", fit_intercept, "Fit a constant for each attribute, which is not penalised")
      .add("refit", refit, "Fit the final weights on train and validation rows together")
      .add("bootstrap", bootstrap, "Resamples, by prompt, for 95 % intervals of R2 and Spearman; 0 = none")
      .add("partial", partial,
           "Folder for the sums of shards: adds them up and ends, for --merge to fit; empty = fit")
      .add("shards", shards, "Shards that --partial adds up, from 1, comma-separated; empty = all")
      .add("merge", merge, "Files or folders with the sums of all shards, comma-separated, to fit from")
      .add("threads", threads, "CPU threads; 0 = all that this process may use")
      .add("seed", seed, "Of the train/validation split, the folds and the bootstrap")
      .add("data_root", data_root, "Folder of all artefacts ($ARMORM_DATA sets the default)");
  return list;
}

void Stage1TrainOptions::validate() const {
  parse_alphas(alphas);
  if (n_folds < 2 || n_folds > 254)
    fail_usage("--n_folds: {} is out of range; it must be from 2 to 254", n_folds);
  if (bootstrap < 0 || bootstrap > 1'000'000)
    fail_usage("--bootstrap: {} is out of range; it must be from 0 to 1000000", bootstrap);
  if (threads < 0) fail_usage("--threads: {} is negative; use 0 for all", threads);
  if (seed < 0 || seed > std::numeric_limits<std::uint32_t>::max())
    fail_usage("--seed: {} is out of range; it must be from 0 to 4294967295", seed);
  validate_partials(*this);
}

void run_stage1_train(const Stage1TrainOptions& options, const StageEnvironment& environment) {
  const LabelledSet inputs = LabelledSet::open(options);
  log::info("{}: {} rows of width {}, {} attributes", inputs.set.description(), inputs.set.rows(),
            inputs.set.hidden_size(), inputs.attributes.size());
  const std::vector<RowGroup> groups = assign_groups(options, inputs.set.rows(), inputs.prompts);
  if (!options.partial.empty()) {
    for (const fs::path& file : save_partials(options, inputs, groups, environment.files))
      std::cout << "sums: " << file.string() << "\n";
    return;
  }
  warn_about_prompts(options, inputs);
  const RidgeReport report = fit(options, inputs, groups);
  warn_about_fits(report);
  publish(options, inputs, report, environment.files);
}

}  // namespace armorm
