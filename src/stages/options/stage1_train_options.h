// The options of stage1-train.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stages/options/common_options.h"

namespace armorm {

struct Stage1TrainOptions {
  std::string model_path = "sfairXC/FsfairX-LLaMA3-RM-v0.1";
  std::string dataset_path = "RLHFlow/ArmoRM-Multi-Objective-Data-v0.1";
  std::string
      embeddings_dir;  // folder of the shards, or their path up to "-<shard>-of-<n>"; empty = below data_root
  std::string output_dir;                                        // empty = <data_root>/regression_weights
  std::string alphas = "1e-4,1e-3,1e-2,1e-1,1,1e1,1e2,1e3,1e4";  // list or lo:hi:n, see parse_alphas
  std::string cv = "holdout";  // how alphas are compared: holdout, kfold or loo, see RidgeCv
  std::int64_t n_folds = 5;    // of kfold, in [2, 254]
  std::string split_by =
      "row";                  // "prompt": rows of one prompt stay on one side of the split, and in one fold
  std::string weight_column;  // sample weights, as named to stage1-prepare; empty = every row weighs 1
  bool standardize = false;   // penalise columns scaled to unit deviation
  bool fit_intercept = false;
  bool refit = false;                // fit the final weights on train and validation rows together
  std::int64_t bootstrap = 0;        // resamples for 95 % intervals of R² and Spearman; 0 = none
  std::string partial;               // folder that gets the sums of each shard, instead of a fit
  std::vector<std::int64_t> shards;  // that --partial adds up, from 1; empty = all
  std::vector<std::string> merge;    // files or folders of such sums, which the fit starts from
  std::int64_t threads = 0;
  std::int64_t seed = 42;  // of the train/validation split, the folds and the bootstrap
  std::string data_root = default_data_root();

  OptionList declare();
  void validate() const;
};

}  // namespace armorm
