// stage1-train: embeddings and labels -> one ridge regression per attribute.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "armorm/choices.h"
#include "armorm/export.h"
#include "armorm/extraction_options.h"
#include "armorm/ridge_cv.h"
#include "armorm/stop.h"
#include "armorm/verify.h"

namespace armorm {

// `stage1-train --help` says what each field means; the comments here say which values it may have.
struct Stage1TrainOptions {
  std::string model_path = "sfairXC/FsfairX-LLaMA3-RM-v0.1";
  std::string dataset_path = "RLHFlow/ArmoRM-Multi-Objective-Data-v0.1";
  std::string embeddings_dir = {};
  std::string output_dir = {};
  bool restart = false;
  Verify verify = Verify::on;
  std::string alphas = "1e-4,1e-3,1e-2,1e-1,1,1e1,1e2,1e3,1e4";  // > 0; or "lo:hi:n", n in [1, 1000]
  RidgeCv cv = RidgeCv::holdout;
  std::int64_t n_folds = 5;  // in [2, 254]
  SplitBy split_by = SplitBy::row;
  std::string weight_column = {};
  bool standardize = false;
  bool fit_intercept = false;
  bool refit = false;
  std::int64_t bootstrap = 0;             // in [0, 1000000]
  std::string partial = {};               // not with merge
  std::vector<std::int64_t> shards = {};  // each >= 1, none twice; with partial
  std::vector<std::string> merge = {};
  std::int64_t threads = 0;  // >= 0
  std::int64_t seed = 42;    // in [0, 4294967295]
  std::string data_root = default_data_root();
  bool json = false;

  ARMORM_API void validate() const;  // usage errors
};

// Writes <output_dir>/<model>_<dataset>.pt ({"weight": f32 [K, D]}, and "bias" f32 [K] with fit_intercept),
// its .safetensors twin, and .json and .html reports; prints the table of attributes, or with `json`
// files and report as a document. With `partial` it writes the sums of shards instead and prints their files.
// Throws Error. One run at a time in a process.
ARMORM_API void run_stage1_train(const Stage1TrainOptions& options, const StopRequested& stop_requested = {});

}  // namespace armorm
