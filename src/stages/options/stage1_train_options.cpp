#include <limits>
#include <set>

#include "armorm/stage1_train.h"
#include "core/error.h"
#include "linear/ridge.h"
#include "stages/options/declarations.h"
#include "stages/options/shared_options.h"

namespace armorm::stages::options {
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

void declare_choice(Stage1TrainOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add(kModelOfEmbeddings, fields.model_path)
      .add({"dataset_path", inputs, "Multi-objective data set of the embeddings; determines the file names"},
           fields.dataset_path)
      .add({"embeddings_dir", inputs,
            "Folder of the embeddings, or their path prefix before -<shard>-of-<n>; empty = below data_root"},
           fields.embeddings_dir)
      .add({"output_dir", output, "Folder of the weights; empty = <data_root>/regression_weights"},
           fields.output_dir)
      .add({"restart", output, "Replace weights that were made from other inputs (model, data, attributes)"},
           fields.restart)
      .add(kVerify, fields.verify)
      .add({"alphas", results,
            "L2 strengths to choose from, above 0: comma-separated, or lo:hi:n for n values evenly spaced in "
            "log10"},
           fields.alphas)
      .add({"cv", results,
            "How the L2 strength is chosen: on the validation rows, by folds of the training rows, or by "
            "leave-one-out over the training rows"},
           fields.cv)
      .add({"n_folds", results, "Folds of --cv kfold, 2 to 254"}, fields.n_folds)
      .add({"split_by", results, "prompt: rows with the same prompt are in the same split and fold"},
           fields.split_by);
}

void declare_fit(Stage1TrainOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add({"weight_column", results,
            "Column of sample weights, as given to stage1-prepare --weight_column; empty = every row has "
            "weight 1"},
           fields.weight_column)
      .add({"standardize", results,
            "Scale columns to unit standard deviation before penalising their weights"},
           fields.standardize)
      .add({"fit_intercept", results, "Fit an intercept for each attribute, without penalty"},
           fields.fit_intercept)
      .add({"refit", results, "Fit the final weights on train and validation rows together"}, fields.refit)
      .add({"bootstrap", results,
            "Bootstrap resamples, by prompt, for 95 % intervals of R2 and Spearman; 0 = none"},
           fields.bootstrap);
}

void declare_run(Stage1TrainOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add({"partial", output, "Write the sums of shards to this folder, for --merge, and exit; empty = fit"},
           fields.partial)
      .add({"shards", inputs, "Shards to sum with --partial, from 1, comma-separated; empty = all"},
           fields.shards)
      .add({"merge", inputs,
            "Files or folders with the sums of all shards, comma-separated, to fit from; empty = read "
            "embeddings"},
           fields.merge)
      .add(kThreads, fields.threads)
      .add({"seed", results, "Seed of the train/validation split, the folds and the bootstrap"}, fields.seed)
      .add(kDataRoot, fields.data_root)
      .add(kJson, fields.json);
}

}  // namespace

OptionList declare(Stage1TrainOptions& fields) {
  OptionList list;
  declare_choice(fields, list);
  declare_fit(fields, list);
  declare_run(fields, list);
  return list;
}

}  // namespace armorm::stages::options

namespace armorm {

void Stage1TrainOptions::validate() const {
  linear::parse_alphas(alphas);
  if (n_folds < 2 || n_folds > 254)
    fail_usage("--n_folds: {} is out of range; it must be from 2 to 254", n_folds);
  if (bootstrap < 0 || bootstrap > 1'000'000)
    fail_usage("--bootstrap: {} is out of range; it must be from 0 to 1000000", bootstrap);
  if (threads < 0) fail_usage("--threads: {} is negative; use 0 for all", threads);
  if (seed < 0 || seed > std::numeric_limits<std::uint32_t>::max())
    fail_usage("--seed: {} is out of range; it must be from 0 to 4294967295", seed);
  stages::options::validate_partials(*this);
}

}  // namespace armorm
