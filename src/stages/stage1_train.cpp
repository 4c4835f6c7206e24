#include "armorm/stages/stage1_train.h"

#include <cmath>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>

#include "armorm/core/error.h"
#include "armorm/core/log.h"
#include "armorm/core/numpy_random.h"
#include "armorm/core/text_table.h"
#include "armorm/core/version.h"
#include "armorm/data/hub_cache.h"
#include "armorm/io/publish.h"
#include "armorm/linear/ridge.h"
#include "armorm/linear/ridge_report.h"
#include "stages/artifact_paths.h"
#include "stages/embedding_set.h"
#include "stages/regression_weights.h"

namespace armorm {
namespace fs = std::filesystem;
namespace {

constexpr double kTestSize = 0.2;  // of the published run

struct Inputs {
  EmbeddingSet set;
  std::vector<std::string> attributes;
  std::string model;
  std::string dataset;
};

// --embeddings_dir is a folder, or, as in the Python scripts, the shards' path up to "-<shard>-of-<n>".
EmbeddingSet open_embeddings(const Stage1TrainOptions& options, const std::string& model, const std::string& dataset) {
  fs::path folder = options.embeddings_dir.empty() ? embeddings_folder(options.data_root, model) : fs::path(options.embeddings_dir);
  std::string stem = dataset;
  if (!options.embeddings_dir.empty() && !fs::is_directory(folder)) {
    stem = folder.filename().string();
    folder = folder.parent_path();
  }
  return EmbeddingSet::open(folder, stem, "labelled", "stage1-prepare");
}

Inputs open_inputs(const Stage1TrainOptions& options) {
  const std::string model = artifact_name(options.model_path);
  const std::string dataset = artifact_name(options.dataset_path);
  EmbeddingSet set = open_embeddings(options, model, dataset);
  const std::int64_t k = set.files().front().at("labels", DType::f32, {-1, -1}).shape[1];
  std::vector<std::string> attributes;
  if (set.provenance()) {
    attributes = set.provenance()->attributes;
  } else {
    attributes = default_attributes();
  }
  if (static_cast<std::int64_t>(attributes.size()) != k)
    fail_data("{}: labels have {} columns, but {} attributes are named; make the file again with stage1-prepare",
              set.description(), k, attributes.size());
  return {std::move(set), std::move(attributes), model, dataset};
}

std::vector<RowGroup> split_rows(std::int64_t n, std::int64_t seed) {
  const Split split = train_test_split(n, kTestSize, static_cast<std::uint32_t>(seed));
  std::vector<RowGroup> groups(static_cast<std::size_t>(n), kTrainRow);
  for (const std::int64_t row : split.validation) groups[static_cast<std::size_t>(row)] = kValidationRow;
  return groups;
}

// Calls visit(embeddings, labels, groups) for each shard.
template <class Visit>
void for_each_shard(const Inputs& inputs, std::span<const RowGroup> groups, const Visit& visit) {
  std::size_t first = 0;
  for (const SafetensorsFile& file : inputs.set.files()) {
    const auto embeddings = matrix_of<BFloat16>(file, "embeddings", {-1, inputs.set.hidden_size()});
    const auto labels =
        matrix_of<float>(file, "labels", {embeddings.rows, static_cast<std::int64_t>(inputs.attributes.size())});
    try {
      visit(embeddings, labels, groups.subspan(first, static_cast<std::size_t>(embeddings.rows)));
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::data) fail_data("{}: {}", file.path().string(), error.what());
      throw;
    }
    first += static_cast<std::size_t>(embeddings.rows);
  }
}

RidgeMoments accumulate(const Inputs& inputs, std::span<const RowGroup> groups, int threads) {
  AccumulatorOptions options;
  options.n_threads = threads;
  const auto k = static_cast<std::int64_t>(inputs.attributes.size());
  RidgeMoments moments;
  for_each_shard(inputs, groups, [&](auto embeddings, auto labels, auto shard_groups) {
    RidgeAccumulator shard(inputs.set.hidden_size(), k, options);
    shard.add_block(embeddings, labels, shard_groups);
    moments.add(shard.finish());
  });
  return moments;
}

RidgeResult fit(const Stage1TrainOptions& options, const Inputs& inputs, std::span<const RowGroup> groups) {
  RidgeOptions ridge;
  ridge.alphas = options.alphas;
  ridge.refit = options.refit;
  ridge.n_threads = static_cast<int>(options.threads);
  RidgeSolver solver(accumulate(inputs, groups, ridge.n_threads), ridge);
  if (solver.needs_rows())
    for_each_shard(inputs, groups, [&](auto embeddings, auto labels, auto g) { solver.add_block(embeddings, labels, g); });
  RidgeResult result = solver.finish();
  EvaluationOptions evaluation;
  evaluation.n_threads = ridge.n_threads;
  RidgeEvaluator evaluator(result, evaluation);
  for_each_shard(inputs, groups, [&](auto embeddings, auto labels, auto g) { evaluator.add_block(embeddings, labels, g); });
  evaluator.finish(result);
  return result;
}

std::string number(double value, const char* format) {
  return std::isnan(value) ? "-" : fmt::format(fmt::runtime(format), value);
}

std::string attribute_table(const Inputs& inputs, const RidgeResult& result) {
  TextTable table({"attribute", "n train", "n val", "alpha", "val MSE", "R2", "Spearman"});
  for (std::size_t k = 0; k < inputs.attributes.size(); ++k) {
    const AttributeFit& a = result.attributes[k];
    table.add({inputs.attributes[k], std::to_string(a.n_train), std::to_string(a.n_validation), number(a.best_alpha, "{:g}"),
               number(a.validation_mse, "{:.5f}"), number(a.r_squared, "{:.4f}"), number(a.spearman, "{:.4f}")});
  }
  return table.str();
}

void warn_about(const Inputs& inputs, const RidgeResult& result, bool refit) {
  for (std::size_t k = 0; k < inputs.attributes.size(); ++k) {
    const AttributeFit& a = result.attributes[k];
    if (a.status != AttributeStatus::fitted)
      log::warn("attribute {}: {}; {}", inputs.attributes[k], name_of(a.status),
                a.status == AttributeStatus::no_validation_labels  ? "its alpha could not be chosen"
                : a.status == AttributeStatus::no_training_labels && refit ? "fitted on the validation rows"
                                                                           : "its weights are zero");
    if (a.at_grid_edge)
      log::warn("attribute {}: the best alpha, {:g}, is at the edge of the grid; a wider --alphas may do better",
                inputs.attributes[k], a.best_alpha);
  }
}

nlohmann::json report(const Stage1TrainOptions& options, const Inputs& inputs, const RidgeResult& result) {
  nlohmann::json out = nlohmann::json::parse(
      ridge_report_json({inputs.model + ", " + inputs.dataset, inputs.attributes, result, /*correlations=*/{}}));
  out.update({{"armorm_version", kVersion},
              {"model", inputs.model},
              {"dataset", inputs.dataset},
              {"rows", inputs.set.rows()},
              {"hidden_size", inputs.set.hidden_size()},
              {"seed", options.seed},
              {"refit", options.refit}});
  return out;
}

}  // namespace

OptionList Stage1TrainOptions::declare() {
  OptionList list;
  list.add("model_path", model_path, "Reward model whose embeddings these are: names the files")
      .add("dataset_path", dataset_path, "Multi-objective data set whose embeddings these are: names the files")
      .add("embeddings_dir", embeddings_dir,
           "Folder of the embeddings, or their path up to -<shard>-of-<n>; empty = below data_root")
      .add("output_dir", output_dir, "Folder of the weights; empty = <data_root>/regression_weights")
      .add("alphas", alphas, "L2 strengths to choose from, comma-separated, each above 0")
      .add("refit", refit, "Fit the final weights on train and validation rows together")
      .add("threads", threads, "CPU threads; 0 = all that this process may use")
      .add("seed", seed, "Seed of the train/validation split")
      .add("data_root", data_root, "Folder of all artefacts ($ARMORM_DATA sets the default)");
  return list;
}

void Stage1TrainOptions::validate() const {
  if (alphas.empty()) fail_usage("--alphas: is empty; give at least one L2 strength");
  for (const double alpha : alphas)
    if (!(alpha > 0) || !std::isfinite(alpha)) fail_usage("--alphas: {} is not a strength; each must be above 0", alpha);
  if (threads < 0) fail_usage("--threads: {} is negative; use 0 for all", threads);
  if (seed < 0 || seed > std::numeric_limits<std::uint32_t>::max())
    fail_usage("--seed: {} is out of range; it must be from 0 to 4294967295", seed);
}

void run_stage1_train(const Stage1TrainOptions& options, const StageEnvironment& environment) {
  const Inputs inputs = open_inputs(options);
  log::info("{}: {} rows of width {}, {} attributes", inputs.set.description(), inputs.set.rows(), inputs.set.hidden_size(),
            inputs.attributes.size());
  const std::vector<RowGroup> groups = split_rows(inputs.set.rows(), options.seed);
  const RidgeResult result = fit(options, inputs, groups);
  warn_about(inputs, result, options.refit);

  RegressionWeights weights;
  weights.model = inputs.model;
  weights.dataset = inputs.dataset;
  weights.attributes = inputs.attributes;
  weights.hidden_size = inputs.set.hidden_size();
  weights.weight.assign(result.weights.begin(), result.weights.end());
  const fs::path folder = options.output_dir.empty() ? regression_weights_folder(options.data_root) : fs::path(options.output_dir);
  const fs::path stem = folder / (inputs.model + "_" + inputs.dataset);
  weights.save(stem, environment.files);
  publish_text(stem.string() + ".json", report(options, inputs, result).dump(2) + "\n", environment.files);
  std::cout << attribute_table(inputs, result) << fmt::format("weights: {}.pt\nreport:  {}.json\n", stem.string(), stem.string());
}

}  // namespace armorm
