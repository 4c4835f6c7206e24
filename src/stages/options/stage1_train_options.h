// The options of stage1-train. The program's help says what each field means (declarations.h); the comments
// here say what a value may be.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "linear/ridge_cv.h"
#include "stages/options/choices.h"
#include "stages/options/common_options.h"

namespace armorm {

struct Stage1TrainOptions {
  std::string model_path = "sfairXC/FsfairX-LLaMA3-RM-v0.1";
  std::string dataset_path = "RLHFlow/ArmoRM-Multi-Objective-Data-v0.1";
  std::string embeddings_dir;
  std::string output_dir;
  std::string alphas = "1e-4,1e-3,1e-2,1e-1,1,1e1,1e2,1e3,1e4";  // see parse_alphas()
  RidgeCv cv = RidgeCv::holdout;
  std::int64_t n_folds = 5;  // in [2, 254]
  SplitBy split_by = SplitBy::row;
  std::string weight_column;
  bool standardize = false;
  bool fit_intercept = false;
  bool refit = false;
  std::int64_t bootstrap = 0;        // in [0, 1000000]
  std::string partial;               // not with merge
  std::vector<std::int64_t> shards;  // each >= 1, none twice; with partial
  std::vector<std::string> merge;
  std::int64_t threads = 0;  // >= 0
  std::int64_t seed = 42;    // in [0, 4294967295]
  std::string data_root = default_data_root();

  void validate() const;  // usage errors
};

}  // namespace armorm
