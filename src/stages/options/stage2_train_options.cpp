#include "stages/options/stage2_train_options.h"

#include <cmath>

#include "core/error.h"

namespace armorm {

OptionList Stage2TrainOptions::declare() {
  OptionList list;
  list.add("model_path", model_path, "Reward model whose embeddings these are: names the files")
      .add("model_family", model_family, "Family of the backbone; recorded with the gate",
           {"llama3", "gemma2"})
      .add("multi_objective_dataset", multi_objective_dataset,
           "Data set of the regression weights: names the files")
      .add("preference_dataset", preference_dataset, "Preference pairs that train the gate")
      .add("preference_source", preference_source, "The --source that stage2-prepare was given for them")
      .add("preference_split", preference_split, "Split of the preference set")
      .add("reference_dataset", reference_dataset,
           "Pairs that verbosity is measured on; empty = the preference set")
      .add("reference_source", reference_source, "The --source that stage2-prepare was given for them")
      .add("reference_split", reference_split, "Split of the reference set")
      .add("device", device, "CUDA device index; -1 = CPU")
      .add("learning_rate", learning_rate, "Peak of AdamW's learning rate, cosine decay to 0")
      .add("weight_decay", weight_decay, "Of AdamW")
      .add("n_steps", n_steps, "Optimiser steps")
      .add("batch_size", batch_size, "Pairs per step, drawn with replacement")
      .add("select", select, "Which gate of the training to keep, judged on the validation pairs",
           {"last", "best"})
      .add("eval_every", eval_every, "Steps between looks at the validation pairs")
      .add("patience", patience, "Looks without a better gate after which training stops; 0 = never")
      .add("seeds", seeds, "Trainings, with seed, seed + 1, ...; the best on the validation pairs is kept")
      .add("verbosity_dim", verbosity_dim, "Index of the verbosity attribute")
      .add("corr_threshold", corr_threshold,
           "Spearman correlation with the verbosity target that debiasing must reach")
      .add("on_unmet", on_unmet,
           "Attribute that no penalty brings to the threshold: an error, penalty 0, or the largest",
           {"error", "keep", "max"})
      .add("penalty_grid", penalty_grid,
           "Penalties to try, ascending, comma-separated; empty = the published grid")
      .add("penalty_search", penalty_search,
           "grid: the first penalty that meets the threshold; bisection: the crossing before it, to 1e-6",
           {"grid", "bisection"})
      .add("verbosity_target", verbosity_target,
           "What debiased rewards must not rise with: the verbosity attribute's reward, or the response's "
           "length in tokens",
           {"attribute", "length"})
      .add("eval_reward_bench", eval_reward_bench, "Evaluate on RewardBench")
      .add("reward_bench_dataset", reward_bench_dataset, "RewardBench: names the files")
      .add("reward_bench_split", reward_bench_split, "Split of RewardBench")
      .add("eval_reward_bench_2", eval_reward_bench_2, "Evaluate on RewardBench 2")
      .add("reward_bench_2_dataset", reward_bench_2_dataset, "RewardBench 2: names the files")
      .add("reward_bench_2_split", reward_bench_2_split, "Split of RewardBench 2")
      .add("eval", eval,
           "Further preference sets to evaluate on, comma-separated, each DATASET or DATASET:SPLIT (train)")
      .add("logit_scale", logit_scale, "Initial value of the trained scale of the gate")
      .add("temperature", temperature, "Of the softmax over attributes")
      .add("n_hidden", n_hidden, "Hidden layers of the gate")
      .add("hidden_size", hidden_size, "Width of the hidden layers")
      .add("dropout", dropout, "Of the hidden layers")
      .add("precision", precision,
           "Operands of the gate's products in training; weights, sums and optimiser are float32",
           {"fp32", "bf16"})
      .add("compat", compat, "upstream: the softmax runs over the pair and the debiasing is not applied",
           {"none", "upstream"})
      .add("seed", seed, "Of initial weights, batches and dropout")
      .add("threads", threads, "CPU threads; 0 = all that this process may use")
      .add("restart", restart, "Delete what an interrupted training with other inputs left")
      .add("checkpoint_seconds", checkpoint_seconds,
           "Seconds between two saves of the training; 0 = after every step")
      .add("export", export_dir,
           "Folder for the whole reward model, for Python and for score; an earlier export is replaced")
      .add("export_weights", export_weights,
           "The backbone's files in it: hard links (auto: copies where there can be none), or copies",
           {"auto", "link", "copy"})
      .add("output_dir", output_dir, "Folder of the gate and its report; empty = data_root")
      .add("data_root", data_root, "Folder of all artefacts ($ARMORM_DATA sets the default)");
  return list;
}

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
  at_least("eval_every", eval_every, 1);
  at_least("patience", patience, 0);
  at_least("seeds", seeds, 1);
  at_least("n_hidden", n_hidden, 0);
  at_least("hidden_size", hidden_size, 1);
  at_least("verbosity_dim", verbosity_dim, 0);
  at_least("device", device, -1);
  at_least("threads", threads, 0);
  at_least("seed", seed, 0);
  if (!export_dir.empty() && compat == "upstream")
    fail_usage(
        "--export: a gate trained with --compat upstream gives no score to a single conversation; leave one "
        "of them out");
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
