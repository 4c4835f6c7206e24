#include <cmath>

#include "armorm/stage2_train.h"
#include "core/error.h"
#include "stages/options/common_options.h"
#include "stages/options/declarations.h"
#include "stages/options/shared_options.h"

namespace armorm::stages::options {
namespace {

constexpr std::int64_t kLeastShuffleWindow = 16;
constexpr const char* kSourceOfPrepare = "Value of stage2-prepare --source for this set";

void declare_data(Stage2TrainOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add(kModelOfEmbeddings, fields.model_path)
      .add({"model_family", results, "Family of the backbone; recorded with the gate"}, fields.model_family)
      .add({"multi_objective_dataset", inputs,
            "Data set of the regression weights; determines the file names"},
           fields.multi_objective_dataset)
      .add({"preference_dataset", inputs, "Preference pairs that train the gate"}, fields.preference_dataset)
      .add({"preference_source", inputs, kSourceOfPrepare}, fields.preference_source)
      .add({"preference_split", inputs, "Split of the preference set"}, fields.preference_split)
      .add({"split_by", results, "prompt: pairs with the same prompt are in the same split"}, fields.split_by)
      .add({"reference_dataset", inputs, "Pairs on which verbosity is measured; empty = the preference set"},
           fields.reference_dataset)
      .add({"reference_source", inputs, kSourceOfPrepare}, fields.reference_source)
      .add({"reference_split", inputs, "Split of the reference set"}, fields.reference_split);
}

void declare_optimiser(Stage2TrainOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add(kDevice, fields.device)
      .add({"learning_rate", results, "AdamW peak learning rate, with cosine decay to 0"},
           fields.learning_rate)
      .add({"weight_decay", results, "AdamW weight decay"}, fields.weight_decay)
      .add({"n_steps", results, "Optimiser steps"}, fields.n_steps)
      .add({"batch_size", results, "Pairs per step, drawn with replacement unless --shuffle_window is set"},
           fields.batch_size)
      .add({"shuffle_window", results,
            "Shuffle within windows of this many pairs (16 runs of consecutive ones), for long disk reads; "
            "each pair comes once an epoch; 0 = draw from all pairs"},
           fields.shuffle_window)
      .add({"select", results, "Gate to keep: the last step's, or the best on the validation pairs"},
           fields.select)
      .add({"eval_every", results, "Steps between evaluations on the validation pairs"}, fields.eval_every)
      .add({"patience", results, "Stop after this many evaluations without improvement; 0 = never"},
           fields.patience)
      .add({"seeds", results,
            "Number of trainings, with seed, seed + 1, ...; the best on the validation pairs is kept"},
           fields.seeds);
}

void declare_debiasing(Stage2TrainOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add({"verbosity_attribute", results,
            "Attribute that measures verbosity, or none; required, like --verbosity_dim, for attributes "
            "other than the published ones"},
           fields.verbosity_attribute)
      .add({"verbosity_dim", results,
            "Verbosity attribute by index, from 0; -1 = none; empty = 4, helpsteer-verbosity"},
           fields.verbosity_dim)
      .add({"corr_threshold", results,
            "Spearman correlation with the verbosity target that debiasing must reach"},
           fields.corr_threshold)
      .add({"on_unmet", results,
            "If no penalty reaches the threshold for an attribute: error (--compat upstream: penalty 1, as "
            "in the scripts), penalty 0, or the largest penalty"},
           fields.on_unmet)
      .add({"penalty_grid", results,
            "Penalties to try, ascending, comma-separated; empty = the published grid"},
           fields.penalty_grid)
      .add({"penalty_search", results,
            "grid: the first penalty that meets the threshold; bisection: the crossing before it, to 1e-6"},
           fields.penalty_search)
      .add({"verbosity_target", results,
            "What debiased rewards must not correlate with: the verbosity attribute's reward, or the "
            "response's length in tokens"},
           fields.verbosity_target);
}

void declare_evaluation(Stage2TrainOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add({"eval_reward_bench", inputs, "Evaluate on RewardBench"}, fields.eval_reward_bench)
      .add({"reward_bench_dataset", inputs, "RewardBench data set; determines the file names"},
           fields.reward_bench_dataset)
      .add({"reward_bench_split", inputs, "Split of RewardBench"}, fields.reward_bench_split)
      .add({"eval_reward_bench_2", inputs, "Evaluate on RewardBench 2"}, fields.eval_reward_bench_2)
      .add({"reward_bench_2_dataset", inputs, "RewardBench 2 data set; determines the file names"},
           fields.reward_bench_2_dataset)
      .add({"reward_bench_2_split", inputs, "Split of RewardBench 2"}, fields.reward_bench_2_split)
      .add({"eval", inputs,
            "Further preference sets to evaluate on, comma-separated, each DATASET or DATASET:SPLIT (default "
            "split: train)"},
           fields.eval);
}

void declare_gate(Stage2TrainOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add({"logit_scale", results, "Initial value of the trained Bradley-Terry scale"}, fields.logit_scale)
      .add({"temperature", results, "Temperature of the softmax over attributes"}, fields.temperature)
      .add({"n_hidden", results, "Hidden layers of the gate"}, fields.n_hidden)
      .add({"hidden_size", results, "Width of the hidden layers"}, fields.hidden_size)
      .add({"dropout", results, "Dropout of the hidden layers"}, fields.dropout)
      .add({"precision", results,
            "Operands of the gate's matrix products in training; weights, accumulation and optimizer stay "
            "float32"},
           fields.precision)
      .add({"kernels", results,
            "CPU kernels of the gate's products; auto = as in the interrupted training, else the fastest"},
           fields.kernels)
      .add(
          {"compat", results, "upstream: reproduce the Python scripts (softmax over the pair, no debiasing)"},
          fields.compat)
      .add({"seed", results, "Seed of initial weights, batches and dropout"}, fields.seed);
}

void declare_run(Stage2TrainOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add(kThreads, fields.threads)
      .add({"scratch", resources,
            "Keep rewards and ids of all pairs in temporary files, which the system can drop from memory; "
            "auto = above 384 MiB"},
           fields.scratch)
      .add({"scratch_dir", output, "Folder of the temporary files, on a disk; empty = output_dir"},
           fields.scratch_dir)
      .add({"restart", output,
            "Replace a gate or an export made from other inputs (model, data, attributes, weights); discard "
            "an interrupted training with other inputs"},
           fields.restart)
      .add(kVerify, fields.verify)
      .add({"accept_differences", inputs,
            "Metadata fields, as named in the error message, in which embeddings and regression weights may "
            "differ, comma-separated; recorded with the gate"},
           fields.accept_differences)
      .add(
          {"checkpoint_seconds", output, "Seconds between checkpoints of the training; 0 = after every step"},
          fields.checkpoint_seconds)
      .add({"export", output,
            "Folder for the complete reward model, for Python, score and serve; replaces an earlier export "
            "of the same inputs"},
           fields.export_dir)
      .add({"export_weights", output,
            "Backbone files in the export: hard links (auto: copies where links are impossible), or copies"},
           fields.export_weights)
      .add({"export_scale", output,
            "Sum of the gate's weights in the export: one, with the trained scale in config.json "
            "(bradley_terry_scale), or the trained scale, as version 0.1 exported"},
           fields.export_scale)
      .add({"output_dir", output, "Folder of the gate and its report; empty = data_root"}, fields.output_dir)
      .add({"report_texts", output,
            "Show the texts of up to this many validation pairs in the report, with what would flip each: "
            "the most confident errors first. They are read from the data set by row; 0 = none"},
           fields.report_texts)
      .add({"report_texts_dataset", output,
            "Data set with these texts, if not --preference_dataset: file, folder, recipe or Hub id that "
            "stage2-prepare read"},
           fields.report_texts_dataset)
      .add({"report_texts_columns", output, "The --columns given to stage2-prepare for them"},
           fields.report_texts_columns)
      .add({"training_gates", output,
            "Also write the gate's weights for each training prompt, for score --training_gates"},
           fields.training_gates)
      .add(kDataRoot, fields.data_root)
      .add(kJson, fields.json);
}

}  // namespace

OptionList declare(Stage2TrainOptions& fields) {
  OptionList list;
  declare_data(fields, list);
  declare_optimiser(fields, list);
  declare_debiasing(fields, list);
  declare_evaluation(fields, list);
  declare_gate(fields, list);
  declare_run(fields, list);
  return list;
}

}  // namespace armorm::stages::options

namespace armorm {

void Stage2TrainOptions::validate() const {
  const auto positive = [](const char* flag, double value) {
    if (!(value > 0) || !std::isfinite(value))
      fail_usage("--{}: {} is out of range; it must be above 0", flag, value);
  };
  const auto at_least = [](const char* flag, std::int64_t value, std::int64_t least) {
    if (value < least) fail_usage("--{}: {} is out of range; it must be at least {}", flag, value, least);
  };
  positive("learning_rate", learning_rate);
  positive("temperature", temperature);
  positive("logit_scale", logit_scale);
  if (!(weight_decay >= 0))
    fail_usage("--weight_decay: {} is out of range; it must not be negative", weight_decay);
  if (!(dropout >= 0 && dropout < 1))
    fail_usage("--dropout: {} is out of range; it must be from 0 to below 1", dropout);
  if (!(corr_threshold > -1 && corr_threshold < 1))
    fail_usage("--corr_threshold: {} is out of range; it is a correlation, above -1 and below 1",
               corr_threshold);
  if (!(checkpoint_seconds >= 0))
    fail_usage("--checkpoint_seconds: {} is out of range; it must not be negative", checkpoint_seconds);
  at_least("n_steps", n_steps, 1);
  at_least("batch_size", batch_size, 1);
  at_least("shuffle_window", shuffle_window, 0);
  if (shuffle_window > 0 && shuffle_window < stages::options::kLeastShuffleWindow)
    fail_usage("--shuffle_window: {} is out of range; it must be 0, or at least {}", shuffle_window,
               stages::options::kLeastShuffleWindow);
  at_least("eval_every", eval_every, 1);
  at_least("patience", patience, 0);
  at_least("seeds", seeds, 1);
  at_least("n_hidden", n_hidden, 0);
  at_least("hidden_size", hidden_size, 1);
  at_least("verbosity_dim", verbosity_dim.value_or(0), -1);
  at_least("device", device, -1);
  stages::options::check_kernels_on(device, kernels);
  at_least("threads", threads, 0);
  at_least("seed", seed, 0);
  at_least("report_texts", report_texts, 0);
  if (report_texts == 0 && (!report_texts_dataset.empty() || !report_texts_columns.empty()))
    fail_usage("--{}: is not read without --report_texts; leave it out",
               report_texts_dataset.empty() ? "report_texts_columns" : "report_texts_dataset");
  if (training_gates && compat == Compat::upstream)
    fail_usage(
        "--training_gates: with --compat upstream a prompt has no weights of its own; leave one of them out");
  if (scratch == ScratchFiles::off && !scratch_dir.empty())
    fail_usage("--scratch_dir: {} is not used with --scratch off; leave one of them out", scratch_dir);
  if (!export_dir.empty() && compat == Compat::upstream)
    fail_usage(
        "--export: a gate trained with --compat upstream gives no score to a single conversation; leave one "
        "of them out");
  if (compat == Compat::upstream && verbosity_dim == -1)
    fail_usage(
        "--verbosity_dim: -1 is Python's index of the last attribute, with which the scripts end in a "
        "KeyError, "
        "but none here; give its index, or --verbosity_attribute NAME or none");
  for (const std::string& set : eval)
    if (set.empty() || set.front() == ':')
      fail_usage("--eval: '{}' names no data set; use DATASET or DATASET:SPLIT", set);
  for (std::size_t i = 0; i < penalty_grid.size(); ++i)
    if (!std::isfinite(penalty_grid[i]) || penalty_grid[i] < 0 ||
        (i > 0 && penalty_grid[i] <= penalty_grid[i - 1]))
      fail_usage("--penalty_grid: {} is out of order; penalties must not be negative and must ascend",
                 penalty_grid[i]);
}

}  // namespace armorm
