#include "stages/stage1_train.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/strings.h"
#include "core/units.h"
#include "core/version.h"
#include "io/publish.h"
#include "linear/moments_memory.h"
#include "linear/ridge.h"
#include "report/results.h"
#include "report/ridge_report.h"
#include "report/text_table.h"
#include "stages/artifacts/artifact_paths.h"
#include "stages/artifacts/regression_weights.h"
#include "stages/resume/replaceable.h"
#include "stages/ridge/labelled_set.h"
#include "stages/ridge/ridge_partials.h"
#include "stages/ridge/row_groups.h"

namespace armorm::stages {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kReportedBytes = std::uint64_t{1} << 30;  // less memory is not worth a line

// 0 if it is not known.
std::uint64_t memory_of_machine() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page) : 0;
}

linear::RidgeOptions ridge_options(const Stage1TrainOptions& options) {
  linear::RidgeOptions ridge;
  ridge.alphas = linear::parse_alphas(options.alphas);
  ridge.cv = options.cv;
  ridge.refit = options.refit;
  ridge.standardize = options.standardize;
  ridge.fit_intercept = options.fit_intercept;
  ridge.n_threads = static_cast<int>(options.threads);
  return ridge;
}

// The second pass: figures on the validation rows.
void evaluate(const Stage1TrainOptions& options, const ridge::LabelledSet& inputs,
              std::span<const linear::RowGroup> groups, linear::RidgeResult& result) {
  linear::EvaluationOptions evaluation;
  evaluation.n_bootstrap = static_cast<int>(options.bootstrap);
  evaluation.seed = static_cast<std::uint64_t>(options.seed);
  evaluation.n_threads = static_cast<int>(options.threads);
  linear::RidgeEvaluator evaluator(result, evaluation,
                                   static_cast<linear::RowGroup>(ridge::group_count(options) - 1));
  inputs.for_each_block(groups, [&](const ridge::LabelledBlock& b) {
    evaluator.add_block(b.embeddings, b.labels, b.groups, b.weights, b.prompts);
  });
  evaluator.finish(result);
}

report::RidgeRun run_of(const Stage1TrainOptions& options, const ridge::LabelledSet& inputs) {
  report::RidgeRun run;
  run.armorm_version = kVersion;
  run.model = inputs.model;
  run.dataset = inputs.dataset;
  run.rows = inputs.set.rows();
  run.hidden_size = inputs.set.hidden_size();
  run.seed = options.seed;
  run.cv = name_of(options.cv);
  run.split_by = name_of(options.split_by);
  run.weight_column = options.weight_column;
  run.standardize = options.standardize;
  run.fit_intercept = options.fit_intercept;
  run.refit = options.refit;
  run.bootstrap = options.bootstrap;
  if (options.cv == RidgeCv::kfold) run.n_folds = options.n_folds;
  if (options.bootstrap > 0) run.bootstrap_unit = inputs.prompts.empty() ? "row" : "prompt";
  return run;
}

report::RidgeReport fit(const Stage1TrainOptions& options, const ridge::LabelledSet& inputs,
                        std::span<const linear::RowGroup> groups) {
  linear::RidgeMoments moments = options.merge.empty() ? ridge::accumulate(options, inputs, groups)
                                                       : ridge::merge_partials(options, inputs);
  report::RidgeReport report{
      inputs.model + ", " + inputs.dataset, inputs.attributes, {}, linear::label_correlations(moments)};
  linear::RidgeSolver solver(moments, ridge_options(options));
  moments = {};
  if (solver.needs_rows())
    inputs.for_each_block(groups, [&](const ridge::LabelledBlock& b) {
      solver.add_block(b.embeddings, b.labels, b.groups, b.weights);
    });
  report.result = solver.finish();
  evaluate(options, inputs, groups, report.result);
  inputs.set.check_unchanged();
  report.run = run_of(options, inputs);
  return report;
}

std::string number(double value, const char* format) {
  return std::isnan(value) ? "-" : fmt::format(fmt::runtime(format), value);
}

std::string with_interval(double value, const stats::Interval& interval) {
  return std::isnan(interval.low)
             ? number(value, "{:.4f}")
             : fmt::format("{:.4f} [{:.2f}, {:.2f}]", value, interval.low, interval.high);
}

std::string attribute_table(const report::RidgeReport& report, const report::TextStyle& style) {
  report::TextTable table({"attribute", "n train", "n val", "alpha", "val MSE", "R2", "Spearman"});
  bool any_few = false;
  for (std::size_t k = 0; k < report.attributes.size(); ++k) {
    const linear::AttributeFit& a = report.result.attributes[k];
    const bool few = linear::measured_on_few_rows(a);
    any_few = any_few || few;
    const std::string mark = few ? "*" : "";
    table.add({report.attributes[k], std::to_string(a.n_train), std::to_string(a.n_validation),
               number(a.best_alpha, "{:g}"), number(a.validation_mse, "{:.5f}"),
               with_interval(a.r_squared, a.r_squared_interval) + mark,
               with_interval(a.spearman, a.spearman_interval) + mark});
  }
  if (!any_few) return table.str(style);
  return table.str(style) + fmt::format("* from fewer than {} validation rows\n", linear::kFewValidationRows);
}

std::string loss_curve(const linear::AttributeFit& fit, const std::vector<double>& alphas) {
  std::string curve;
  for (std::size_t i = 0; i < fit.loss.size(); ++i)
    curve += fmt::format("{}{:g}: {:.6g}", i == 0 ? "" : ", ", alphas[i], fit.loss[i]);
  return curve;
}

// The consequence of what an attribute lacks; empty if it lacks nothing.
std::string shortcoming(const report::RidgeReport& report, std::size_t k) {
  const linear::AttributeFit& a = report.result.attributes[k];
  const auto weights = std::span(report.result.weights)
                           .subspan(k * static_cast<std::size_t>(report.result.n_features),
                                    static_cast<std::size_t>(report.result.n_features));
  const bool chosen = a.best_index >= 0;
  const std::string fallback = fmt::format("its alpha could not be chosen and is {:g}", a.best_alpha);
  switch (a.status) {
    case linear::AttributeStatus::fitted:
      return chosen ? "" : "its training labels lie in one fold; " + fallback;
    case linear::AttributeStatus::no_validation_labels:
    case linear::AttributeStatus::no_validation_weight:
      return chosen ? "its fit could not be measured" : fallback;
    default:
      return std::any_of(weights.begin(), weights.end(), [](double w) { return w != 0.0; })
                 ? "fitted on the validation rows"
                 : "its weights are zero";
  }
}

// Of thousands of attributes the report names all.
constexpr std::int64_t kMaxWarnedAttributes = 50;

bool is_warned_of(const report::RidgeReport& report, std::size_t k) {
  return report.result.attributes[k].at_grid_edge || !shortcoming(report, k).empty();
}

void warn_about_fits(const report::RidgeReport& report) {
  std::int64_t warned = 0;
  for (std::size_t k = 0; k < report.attributes.size(); ++k) {
    if (!is_warned_of(report, k) || ++warned > kMaxWarnedAttributes) continue;
    const linear::AttributeFit& a = report.result.attributes[k];
    if (const std::string text = shortcoming(report, k); !text.empty()) {
      const std::string status =
          a.status == linear::AttributeStatus::fitted ? "" : std::string(name_of(a.status)) + "; ";
      log::warn("attribute {}: {}{}", report.attributes[k], status, text);
    }
    if (a.at_grid_edge)
      log::warn(
          "attribute {}: the best alpha, {:g}, is at the edge of the grid; a wider --alphas may do better "
          "(loss at each "
          "alpha: {})",
          report.attributes[k], a.best_alpha, loss_curve(a, report.result.alphas));
  }
  if (warned > kMaxWarnedAttributes)
    log::warn("{} more attributes have warnings; the report lists them", warned - kMaxWarnedAttributes);
}

// The sums grow with the square of the width, once for each combination of labels that occurs.
void report_memory(const Stage1TrainOptions& options, const ridge::LabelledSet& inputs,
                   std::span<const linear::RowGroup> groups) {
  linear::MomentsMemory memory(inputs.set.hidden_size(), inputs.n_attributes(),
                               ridge::accumulator_options(options, inputs));
  inputs.for_each_block(
      groups, [&](const ridge::LabelledBlock& block) { memory.add_block(block.labels, block.groups); });
  const std::string text =
      fmt::format("{} attributes with {} combinations of labels and folds: their sums take {}",
                  inputs.n_attributes(), memory.n_sums(), bytes_text(memory.bytes()));
  const std::uint64_t machine = memory_of_machine();
  if (machine > 0 && memory.bytes() > machine)
    log::warn("{}, more than this machine's {}; train on fewer attributes at a time", text,
              bytes_text(machine));
  else if (memory.bytes() >= kReportedBytes)
    log::info("{}", text);
}

void warn_about_prompts(const Stage1TrainOptions& options, const ridge::LabelledSet& inputs) {
  if (options.split_by == SplitBy::prompt && options.cv == RidgeCv::loo)
    log::warn(
        "--cv loo leaves out one row at a time, not the other rows of its prompt; --cv kfold leaves out "
        "complete prompts");
  if (options.bootstrap > 0 && inputs.prompts.empty())
    log::warn(
        "{}: has no prompt numbers; the bootstrap draws rows instead of prompts, and its intervals are too "
        "narrow where "
        "prompts repeat",
        inputs.set.description());
}

artifacts::RegressionWeights weights_of(const Stage1TrainOptions& options, const ridge::LabelledSet& inputs,
                                        const linear::RidgeResult& result) {
  artifacts::RegressionWeights weights;
  weights.model = inputs.model;
  weights.dataset = inputs.dataset;
  if (inputs.set.provenance()) weights.facts = inputs.set.provenance()->facts;
  weights.inputs = inputs.set.inputs();
  weights.attributes = inputs.attributes;
  weights.hidden_size = inputs.set.hidden_size();
  weights.weight.assign(result.weights.begin(), result.weights.end());
  if (options.fit_intercept) weights.bias.assign(result.intercepts.begin(), result.intercepts.end());
  return weights;
}

// Common path of the published files, without extension.
std::string output_stem(const Stage1TrainOptions& options, const ridge::LabelledSet& inputs) {
  const fs::path folder = options.output_dir.empty() ? artifacts::regression_weights_folder(options.data_root)
                                                     : fs::path(options.output_dir);
  return (folder / (inputs.model + "_" + inputs.dataset)).string();
}

void publish(const Stage1TrainOptions& options, const ridge::LabelledSet& inputs,
             const report::RidgeReport& report, io::FileSystem& files) {
  const std::string stem = output_stem(options, inputs);
  const std::string json = report::to_json(report).dump(2) + "\n";
  const std::string page = report::ridge_report_html(report, fs::path(stem + ".json").filename().string());
  artifacts::RegressionWeights weights = weights_of(options, inputs, report.result);
  weights.report_sha256 = sha256_hex(json);
  weights.save(stem, files);  // no stop point from here on
  io::publish_text(stem + ".json", json, files);
  io::publish_text(stem + ".html", page, files);
  const report::Results results(options.json);
  results.show(attribute_table(report, results.style()) +
               fmt::format("weights: {0}.pt\nreport:  {0}.json, {0}.html\n", shown(stem, kMaxShownPath)));
  results.document(
      {{"program", "stage1-train"},
       {"files", {{"weights", stem + ".pt"}, {"report", stem + ".json"}, {"page", stem + ".html"}}},
       {"report", to_json(report)}});
}

// For --partial: the files, in the order of the shards.
void show_sums(const Stage1TrainOptions& options, const std::vector<fs::path>& sums) {
  const report::Results results(options.json);
  nlohmann::json names = nlohmann::json::array();
  for (const fs::path& file : sums) {
    results.show(fmt::format("sums: {}\n", shown(file.string(), kMaxShownPath)));
    names.push_back(file.string());
  }
  results.document({{"program", "stage1-train"}, {"files", {{"sums", std::move(names)}}}});
}

}  // namespace

void run_stage1_train(const Stage1TrainOptions& options, const options::StageEnvironment& environment) {
  const ridge::LabelledSet inputs = ridge::LabelledSet::open(options);
  log::info("{}: {} rows of width {}, {} attributes", inputs.set.description(), inputs.set.rows(),
            inputs.set.hidden_size(), inputs.attributes.size());
  const std::vector<linear::RowGroup> groups =
      ridge::assign_groups(options, inputs.set.rows(), inputs.prompts);
  if (!options.partial.empty()) {
    show_sums(options, ridge::save_partials(options, inputs, groups, environment.files));
    return;
  }
  if (!options.restart)
    resume::check_replaceable(output_stem(options, inputs), inputs.set.inputs(), "output_dir");
  warn_about_prompts(options, inputs);
  if (options.merge.empty()) report_memory(options, inputs, groups);
  const report::RidgeReport report = inputs.set.while_verified([&] { return fit(options, inputs, groups); });
  warn_about_fits(report);
  publish(options, inputs, report, environment.files);
}

}  // namespace armorm::stages
