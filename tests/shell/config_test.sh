#!/usr/bin/env bash
# A --config works in the scripts as in the programs: its values are used, a flag overrides them, and a key that a
# script would override is refused.
set -euo pipefail
source "$(dirname "$0")/support.sh"
trap remove_work EXIT
make_stubs
unset CUDA_VISIBLE_DEVICES "${!ARMORM_@}"
export ARMORM_BIN=$work/stubs

config() { cat >"$work/config.json"; }
with_config() { run_stubs "exit 0" "$root/scripts/$1" --config "$work/config.json" "${@:2}"; }
# passes PROGRAM TEXT: the program is called at least once, and every call has TEXT among its arguments.
passes() { was_run "^$1 " && ! grep "^$1 " "$stub_log" | grep -vF -e "$2" >&2; }
accepted() { check "$1: status $status: $(tail -n 1 "$work/said")" test "$status" = 0; }
refused() { check "refused: status $status" test "$status" = 2 && check "told: $1" says "error: --config $work/config.json: $1"; }

config <<'JSON'
{ // comments are fine
 "common": {"model_path": "/my/model", "data_root": "/my/root", "model_family": "gemma2"},
 "stage1-prepare": {"dataset_path": "/my/set", "dataset_split": "all", "device": 1}, "stage1-train": {"dataset_path": "/my/set"},
 "stage2-prepare": {"n_shards": 2, "device": 1},
 "stage2-train": {"preference_dataset": "/my/pairs", "preference_split": "dev", "multi_objective_dataset": "/my/set",
   "reference_dataset": "", "eval_reward_bench": false, "eval_reward_bench_2": true, "export": "/my/export", "device": 3}}
JSON
with_config prepare_embeddings.sh
accepted prepare_embeddings.sh
for text in "'--model_path' '/my/model'" "'--data_root' '/my/root'" "'--n_shards' '2'" "'--device' '1'"; do
  check "prepare: $text" passes stage1-prepare "$text"
  check "prepare: $text" passes stage2-prepare "$text"
done
check "stage 1's set" passes stage1-prepare "'--dataset_path' '/my/set' '--dataset_split' 'all'"
check "stage 2's pairs" was_run "^stage2-prepare .*'--dataset_path' '/my/pairs' '--dataset_split' 'dev'"
check "RewardBench 2" was_run "^stage2-prepare .*'--dataset_path' 'allenai/reward-bench-2' '--dataset_split' 'test'"
check "these alone" test "$(grep -c '^stage2-prepare ' "$stub_log")" = 4
check "model_family" passes stage2-prepare "'--model_family' 'gemma2'"
with_config train.sh
accepted train.sh
check "stage1-train's set" passes stage1-train "'--dataset_path' '/my/set'"
for text in "'--preference_dataset' '/my/pairs'" "'--reference_dataset' ''" "'--eval_reward_bench=false'" "'--device' '3'" \
  "'--eval_reward_bench_2' '--reward_bench_2_dataset' 'allenai/reward-bench-2'" "'--export' '/my/export'"; do
  check "train.sh: $text" passes stage2-train "$text"
done
with_config status.sh
accepted status.sh
check "status.sh" passes stage1-prepare "'--data_root' '/my/root'"
result "scripts: the values of a config are used"

with_config prepare_embeddings.sh --model_path /other --multi_objective_dataset /other/set --preference_dataset /other/pairs \
  --reward_bench_dataset /rb --n_shards 1 --devices 0 --data_root /other/root
accepted prepare_embeddings.sh
for text in "'--model_path' '/other'" "'--data_root' '/other/root'" "'--n_shards' '1'" "'--device' '0'"; do
  check "$text" passes 'stage.-prepare' "$text"
done
check "the set" passes stage1-prepare "'--dataset_path' '/other/set'"
check "RewardBench" was_run "'--dataset_path' '/rb' '--dataset_split' 'filtered'"
result "scripts: a flag wins over the config"

with_config train.sh --restart --model_path /other
accepted train.sh
for program in stage1-train stage2-train; do check "$program" passes "$program" "'--restart'"; done
check "the value after it" passes stage1-train "'--model_path' '/other'"
with_config prepare_embeddings.sh --restart
for program in stage1-prepare stage2-prepare; do check "$program" passes "$program" "'--restart'"; done
with_config status.sh --restart
check "no flag of status.sh: status $status" test "$status" = 2
result "scripts: --restart reaches every program"

config <<<'{"stage1-prepare": {"model_path": "a"}, "stage2-train": {"model_path": "b"}}'
with_config train.sh
refused "stage1-prepare.model_path is 'a', but stage2-train.model_path is 'b'; .* give --model_path"
with_config train.sh --model_path c
accepted "with the flag"
config <<<'{"stage2-prepare": {"dataset_path": "elsewhere"}}'
with_config prepare_embeddings.sh
refused "stage2-prepare.dataset_path is 'elsewhere', but .*--preference_dataset"
config <<<'{"stage1-prepare": {"shard_idx": 3}}'
with_config parallel/list_shards.sh
refused "stage1-prepare.shard_idx is '3'"
config <<<'{"stage2-prepare": {"dataset_split": "dev"}}'
with_config prepare_embeddings.sh
refused "stage2-prepare.dataset_split is 'dev', but .* in section stage2-train"
config <<<'{"stage1-prepare": {"no_such_key": 1}}'
with_config prepare_embeddings.sh
check "the program's own message: $(tail -n 1 "$work/said")" says "unknown key 'no_such_key'"
check "status $status" test "$status" = 2
check "nothing is run" test ! -s "$stub_log"
result "scripts: what a config and a script cannot both have is refused"

cp "$root/configs/paper.json" "$work/config.json"
with_config train.sh --reward_bench_dataset ""
accepted "paper.json without RewardBench"
check "it is switched off" passes stage2-train "'--eval_reward_bench=false'"
with_config prepare_embeddings.sh --n_shards 1
accepted "paper.json"
check "the published sets" test "$(grep -c . "$stub_log")" = 4
# The programs themselves read the keys that the scripts do not pass.
ARMORM_BIN=$bin "$root/scripts/train.sh" --config "$work/config.json" --reward_bench_dataset "" --reference_dataset "" \
  --model_path "$work" --data_root "$work/none" >"$work/said" 2>&1 || true
check "stage1-train looks for embeddings: $(head -n 1 "$work/said")" says "stage1-train: error: .*no embeddings\|stage1-train ended with 3"
"$bin/stage2-train" --config "$work/config.json" --eval_reward_bench=false --eval_reward_bench_2=false --reference_dataset "" \
  --export "" --print_config >"$work/said" 2>&1 || true
check "stage2-train: $(head -n 1 "$work/said")" says "^n_steps	10000$"
check "what a flag sets is not the config's" test "$(grep -cE '^(eval_reward_bench|reference_dataset)	' "$work/said")" = 0
# A recipe that a config names is found by the config, from any folder; one of the working directory comes first.
mkdir -p "$work/elsewhere" "$work/beside/data"
cp "$root/configs/paper.json" "$work/beside/config.json"
cp "$root/configs/data/preference_paper.json" "$work/beside/data/"
print_preference() { (cd "$1" && "$bin/stage2-train" --config "$2" --print_config | grep '^preference_dataset'); }
check "not beside" test "$(print_preference "$work/elsewhere" ../config.json)" = "preference_dataset	data/preference_paper.json"
check "beside" test "$(print_preference "$work/elsewhere" ../beside/config.json)" \
  = "preference_dataset	../beside/data/preference_paper.json"
check "in the working directory" test "$(print_preference "$work/beside" config.json)" = "preference_dataset	data/preference_paper.json"
check "of stage 2" test "$(cd "$work/elsewhere" && echo '{"stage2-prepare": {"dataset_path": "data/preference_paper.json"}}' \
  >../beside/prepare.json && "$bin/stage2-prepare" --config ../beside/prepare.json --print_config)" \
  = "dataset_path	../beside/data/preference_paper.json"
cp "$work/beside/config.json" "$work/beside/data" -r "$work/"
with_config prepare_embeddings.sh --n_shards 1
accepted "paper.json and its recipe"
check "the recipe" grep -q "data/preference_paper.json" "$stub_log"
result "scripts: a config's recipe is found by the config"

cp "$root/configs/demo.json" "$work/config.json"
with_config prepare_embeddings.sh --n_shards 1
accepted "demo.json"
result "scripts: configs/ serve them"

# --- Slurm: what is submitted, and what a task then runs.
slurm() { run_stubs "exit 0" "$root/scripts/slurm/submit.sh" --dry_run --config "$work/config.json" "$@"; }
config <<'JSON'
{"common": {"model_path": "/my/model", "data_root": "/my/root", "n_shards": 3},
 "stage1-prepare": {"dataset_path": "/my/set", "dataset_split": "all", "threads": 5},
 "stage2-train": {"preference_dataset": "/my/pairs", "reference_dataset": "", "eval_reward_bench": false}}
JSON
slurm
accepted submit.sh
check "tasks, and log folder: $(head -n 1 "$work/said")" says "--array=1-3 --output=/my/root/slurm/.*prepare_stage1.sbatch"
check "the pairs" says "prepare_stage2.sbatch /my/pairs train 3 *$"
check "four jobs" test "$(wc -l <"$work/said")" = 4
slurm --n_shards 5
check "a flag wins" says "--array=1-5 "
task() { ARMORM_HOME=$root ARMORM_CONFIG=$work/config.json SLURM_JOB_ID=1 SLURM_CPUS_PER_TASK=7 "$@"; }
run_stubs "exit 0" task env SLURM_ARRAY_TASK_ID=2 bash "$root/scripts/slurm/prepare_stage1.sbatch"
accepted prepare_stage1.sbatch
check "by hand: $(cat "$stub_log")" was_run "'/my/model' .*'--dataset_path' '/my/set' '--dataset_split' 'all' '--n_shards' '3'"
check "the config's threads" test "$(grep -c threads "$stub_log")" = 0
run_stubs "exit 0" task bash "$root/scripts/slurm/train_stage2.sbatch"
check "Slurm's threads" passes stage2-train "'--threads' '7'"
config <<<'{"stage2-train": {"device": -1}}'
slurm
refused "stage2-train.device is '-1', but .* give --gpus or --device"
slurm --gpus 0
accepted "without GPUs"
result "slurm: the values of a config are used"

# Lists of work are lines with tabs between their fields.
for name in preference_dataset multi_objective_dataset model_path data_root; do
  for value in $'/my\tset' $'/my\nset'; do
    with_config prepare_embeddings.sh "--$name" "$value"
    check "--$name ${value@Q}: status $status" test "$status" = 2
    check "--$name ${value@Q} is not named" says "error: --$name is "
    check "--$name ${value@Q}: something was run" test ! -s "$stub_log"
  done
done
config <<'JSON'
{"stage2-train": {"preference_dataset": "/my\tpairs\nmodel_path\t/elsewhere"}}
JSON
with_config prepare_embeddings.sh
check "a config's line ends: status $status" test "$status" = 2
check "a config's line ends are not named" says 'preference_dataset is '
check "a config's line ends: something was run" test ! -s "$stub_log"
result "scripts: names with tabs and line ends are refused"
