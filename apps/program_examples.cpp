#include "program_examples.h"

#include <map>

namespace armorm::cli {
namespace {

const std::map<std::string, std::vector<Example>>& all_examples() {
  static const std::map<std::string, std::vector<Example>> examples{
      {"stage1-prepare",
       {{"Shard 3 of 8 of the published data, on the third GPU.",
         "stage1-prepare --model_path sfairXC/FsfairX-LLaMA3-RM-v0.1 \\\n"
         "  --dataset_path RLHFlow/ArmoRM-Multi-Objective-Data-v0.1 --n_shards 8 --shard_idx 3 --device 2"},
        {"What that would do, without weights or a GPU.",
         "stage1-prepare --n_shards 8 --shard_idx 3 --dry_run"},
        {"A model and rows of your own on the CPU, with two label columns.",
         "stage1-prepare --model_path ./my-model --dataset_path ./rows.jsonl \\\n"
         "  --attributes helpfulness,safety --device -1"},
        {"A mixture of sets, as a recipe describes it: what would be taken of each.",
         "stage1-prepare --dataset_path mix.json --attributes helpsteer-helpfulness,own-quality --dry_run"}}},
      {"stage1-train",
       {{"The published regression weights, from all shards.",
         "stage1-train --model_path sfairXC/FsfairX-LLaMA3-RM-v0.1 \\\n"
         "  --dataset_path RLHFlow/ArmoRM-Multi-Objective-Data-v0.1"},
        {"Strength by five folds that keep the answers to a prompt together, and intervals.",
         "stage1-train --cv kfold --n_folds 5 --split_by prompt --bootstrap 1000"},
        {"The pass over the rows divided among tasks, then the fit.",
         "stage1-train --partial sums --shards 1,2\nstage1-train --partial sums --shards 3,4\nstage1-train "
         "--merge sums"}}},
      {"stage2-prepare",
       {{"Preference pairs of a Llama 3 reward model.",
         "stage2-prepare --model_path sfairXC/FsfairX-LLaMA3-RM-v0.1 --model_family llama3 \\\n"
         "  --dataset_path RLHFlow/pair_data_v2_80K_wsafety --dataset_split train"},
        {"RewardBench, for the evaluation at the end of stage2-train.",
         "stage2-prepare --dataset_path allenai/reward-bench --dataset_split filtered"}}},
      {"stage2-train",
       {{"The published setting, evaluated on RewardBench, and the reward model as a folder.",
         "stage2-train --config configs/paper.json --export my-armorm"},
        {"Five trainings on the CPU, each keeping its best gate.",
         "stage2-train --device -1 --seeds 5 --select best --patience 5"},
        {"The complete reward model as a folder, for Python and for score.",
         "stage2-train --export my-armorm"}}},
      {"score",
       {{"A file of conversations on the first GPU.",
         "score --model_path my-armorm --input conversations.jsonl --output scores.jsonl --device 0"},
        {"The better answers of a stream.",
         "generate-answers | score --model_path my-armorm --fields score | choose-the-best"},
        {"RewardBench of the model, and a line for each pair.",
         "score --model_path my-armorm --evaluate allenai/reward-bench --dataset_split filtered \\\n"
         "  --report reward-bench.json --output rows.jsonl"},
        {"Why one answer of each pair scores higher, as a page and as lines.",
         "score --model_path my-armorm --explain pairs.jsonl --html why.html --output why.jsonl"}}},
      {"serve",
       {{"A reward server for this machine, on the CPU.", "serve --model_path my-armorm --device -1"},
        {"For other machines, with keys and 8 GiB for the keys and values of prompts.",
         "serve --model_path my-armorm --listen 0.0.0.0:8000 --api_key_file keys.txt --prompt_cache 8GiB"}}}};
  return examples;
}

}  // namespace

std::vector<Example> program_examples(const std::string& program) {
  const auto found = all_examples().find(program);
  return found == all_examples().end() ? std::vector<Example>{} : found->second;
}

}  // namespace armorm::cli
