#include "stages/options/stage1_train_options.h"

#include <limits>
#include <set>

#include "core/error.h"
#include "linear/ridge.h"

namespace armorm {
namespace {

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

}  // namespace armorm
