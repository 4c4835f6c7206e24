// stage2-train: verbosity debiasing, the gating network, and the RewardBench evaluation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "armorm/checkpoint_choice.h"
#include "armorm/choices.h"
#include "armorm/cpu_kernels.h"
#include "armorm/export.h"
#include "armorm/extraction_options.h"
#include "armorm/gate_choices.h"
#include "armorm/making_fact.h"
#include "armorm/model_family.h"
#include "armorm/stop.h"
#include "armorm/verify.h"

namespace armorm {

// `stage2-train --help` says what each field means; the comments here say which values it may have.
struct Stage2TrainOptions {
  std::string model_path = "sfairXC/FsfairX-LLaMA3-RM-v0.1";
  ModelFamily model_family = ModelFamily::auto_;
  std::string multi_objective_dataset = "RLHFlow/ArmoRM-Multi-Objective-Data-v0.1";
  std::string preference_dataset = "RLHFlow/pair_data_v2_80K_wsafety";
  std::string preference_source = {};
  std::string preference_split = "train";
  std::string reference_dataset = {};
  std::string reference_source = {};
  std::string reference_split = "train";
  SplitBy split_by = SplitBy::row;
  std::int64_t device = 0;          // >= -1
  double learning_rate = 1e-3;      // > 0
  double weight_decay = 0.0;        // >= 0
  std::int64_t n_steps = 2000;      // >= 1
  std::int64_t batch_size = 1024;   // >= 1
  std::int64_t shuffle_window = 0;  // 0 = off, or >= 16
  SelectCheckpoint select = SelectCheckpoint::last;
  std::int64_t eval_every = 100;  // >= 1
  std::int64_t patience = 0;      // >= 0
  std::int64_t seeds = 1;         // >= 1
  // Which attribute measures verbosity: its name or its index. Without either, the published attributes have
  // theirs (index 4), and others need one.
  std::string verbosity_attribute = {};                      // "none" = none, T is the identity
  std::optional<std::int64_t> verbosity_dim = std::nullopt;  // -1 = none
  double corr_threshold = 0.03;                              // above -1 and below 1
  OnUnmet on_unmet = OnUnmet::error;
  std::vector<double> penalty_grid = {};  // ascending, from 0 on
  PenaltySearch penalty_search = PenaltySearch::grid;
  VerbosityTarget verbosity_target = VerbosityTarget::attribute;
  bool eval_reward_bench = false;
  std::string reward_bench_dataset = "allenai/reward-bench";
  std::string reward_bench_split = "filtered";
  bool eval_reward_bench_2 = false;
  std::string reward_bench_2_dataset = "allenai/reward-bench-2";
  std::string reward_bench_2_split = "test";
  std::vector<std::string> eval = {};  // each DATASET or DATASET:SPLIT
  double logit_scale = 1.0;            // > 0
  double temperature = 10.0;           // > 0
  std::int64_t n_hidden = 3;           // >= 0
  std::int64_t hidden_size = 1024;     // >= 1
  double dropout = 0.2;                // in [0, 1)
  GatePrecision precision = GatePrecision::fp32;
  CpuKernels kernels = CpuKernels::measured;  // auto on a GPU
  Compat compat = Compat::none;               // none with export_dir
  std::int64_t seed = 0;                      // >= 0
  std::int64_t threads = 0;                   // >= 0
  ScratchFiles scratch = ScratchFiles::auto_;
  std::string scratch_dir = {};  // empty with ScratchFiles::off
  bool restart = false;
  Verify verify = Verify::on;
  std::vector<MakingFact> accept_differences = {};  // of the sets from the regression weights
  double checkpoint_seconds = 60.0;                 // >= 0
  std::string export_dir = {};                      // empty = none
  ExportWeights export_weights = ExportWeights::auto_;
  ExportScale export_scale = ExportScale::one;
  std::string output_dir = {};
  std::int64_t report_texts = 0;                       // >= 0; 0 = none: texts are not copied
  std::string report_texts_dataset = {};               // empty = preference_dataset
  std::vector<std::string> report_texts_columns = {};  // renames "ours=theirs"
  bool training_gates = false;                         // not with Compat::upstream
  std::string data_root = default_data_root();
  bool json = false;

  ARMORM_API void validate() const;  // usage errors
};

// Reads <root>/regression_weights/<model>_<dataset> and the embeddings of the preference, reference and
// RewardBench sets. Writes <output_dir>/gating_network_<model>.pt, its self-sufficient .safetensors twin, and
// the report as .json and as .html page; prints the tables, or with `json` files and report as
// a document. A training that was interrupted, or asked to stop
// (an interrupted error then), resumes from <...>.checkpoint with the same bits. With export_dir it also
// writes a folder in the released model's layout, which appears when it is complete; with training_gates,
// gating_network_<model>.gates.safetensors. With report_texts, the report holds texts of validation pairs,
// from the data set that they were embedded from; one that is not found, or was changed, is an error before
// the training. Throws Error. One run at
// a time in a process.
ARMORM_API void run_stage2_train(const Stage2TrainOptions& options, const StopRequested& stop_requested = {});

}  // namespace armorm
