// stage1-train: embeddings and labels -> one ridge regression per attribute.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "armorm/stages/common_options.h"
#include "armorm/stages/stage_environment.h"

namespace armorm {

struct Stage1TrainOptions {
  std::string model_path = "sfairXC/FsfairX-LLaMA3-RM-v0.1";
  std::string dataset_path = "RLHFlow/ArmoRM-Multi-Objective-Data-v0.1";
  std::string embeddings_dir;  // folder of the shards, or their path up to "-<shard>-of-<n>"; empty = below data_root
  std::string output_dir;      // empty = <data_root>/regression_weights
  std::vector<double> alphas = {1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4};  // L2 strengths, > 0
  bool refit = false;  // fit the final weights on train and validation rows together
  std::int64_t threads = 0;
  std::int64_t seed = 42;  // of the train/validation split
  std::string data_root = default_data_root();

  OptionList declare();
  void validate() const;
};

// Writes <output_dir>/<model>_<dataset>.pt ({"weight": f32 [K, D]}), its .safetensors twin and .json report; prints the
// table of attributes.
void run_stage1_train(const Stage1TrainOptions& options, const StageEnvironment& environment = {});

}  // namespace armorm
