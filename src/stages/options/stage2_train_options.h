// The options of stage2-train.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stages/options/common_options.h"

namespace armorm {

struct Stage2TrainOptions {
  std::string model_path = "sfairXC/FsfairX-LLaMA3-RM-v0.1";
  std::string model_family = "llama3";
  std::string multi_objective_dataset = "RLHFlow/ArmoRM-Multi-Objective-Data-v0.1";
  std::string preference_dataset = "RLHFlow/pair_data_v2_80K_wsafety";
  std::string preference_source;  // the --source that stage2-prepare was given
  std::string preference_split = "train";
  std::string reference_dataset;  // empty = the preference dataset
  std::string reference_source;
  std::string reference_split = "train";
  std::int64_t device = 0;         // CUDA device index; -1 = CPU
  double learning_rate = 1e-3;     // peak, of AdamW; > 0
  double weight_decay = 0.0;       // >= 0
  std::int64_t n_steps = 2000;     // optimiser steps, >= 1
  std::int64_t batch_size = 1024;  // pairs per step, >= 1
  std::string select =
      "last";  // or "best": which gate of the training to keep, judged on the validation pairs
  std::int64_t eval_every = 100;  // steps between looks at the validation pairs, >= 1
  std::int64_t patience = 0;      // looks without a better gate after which training stops; 0 = never
  std::int64_t seeds = 1;  // trainings with seed, seed + 1, ...; the best on the validation pairs is kept
  std::int64_t verbosity_dim = 4;  // index of the verbosity attribute
  double corr_threshold = 0.03;    // Spearman correlation with verbosity that debiasing must reach
  std::string on_unmet =
      "error";  // attribute that never reaches it: error, keep (lambda 0) or max (largest penalty)
  std::vector<double> penalty_grid;  // empty = the published grid
  std::string penalty_search =
      "grid";  // or "bisection": the crossing within the grid's first step that meets
  std::string verbosity_target = "attribute";  // or "length": what debiased rewards must not rise with
  bool eval_reward_bench = false;
  std::string reward_bench_dataset = "allenai/reward-bench";
  std::string reward_bench_split = "filtered";
  bool eval_reward_bench_2 = false;
  std::string reward_bench_2_dataset = "allenai/reward-bench-2";
  std::string reward_bench_2_split = "test";
  std::vector<std::string> eval;  // further preference sets: DATASET or DATASET:SPLIT
  double logit_scale = 1.0;       // initial value; trained
  double temperature = 10.0;      // of the softmax over attributes, > 0
  std::int64_t n_hidden = 3;      // hidden layers, >= 0
  std::int64_t hidden_size = 1024;
  double dropout = 0.2;            // [0, 1)
  std::string precision = "fp32";  // of the operands of the gate's products in training: fp32 or bf16
  std::string compat =
      "none";  // "upstream" reproduces the Python scripts' softmax over the pair and unused transform
  std::int64_t seed = 0;  // of initial weights, batches and dropout
  std::int64_t threads = 0;
  bool restart = false;              // delete what an interrupted training with other inputs left
  double checkpoint_seconds = 60.0;  // between two saves of the training; 0 = after every step
  std::string export_dir;            // folder for the whole model as Python and score load it; empty = none
  std::string export_weights = "auto";  // auto, link or copy: the decoder's weight files there
  std::string output_dir;               // of the gate and its report; empty = data_root
  std::string data_root = default_data_root();

  OptionList declare();
  void validate() const;
};

}  // namespace armorm
