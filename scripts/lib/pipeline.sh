# Model and data sets of the published run, and the flags that the scripts over all stages share. `root` is the checkout.
# shellcheck shell=bash disable=SC2034,SC2154
model_path=sfairXC/FsfairX-LLaMA3-RM-v0.1
model_family=llama3
multi_objective_dataset=RLHFlow/ArmoRM-Multi-Objective-Data-v0.1
preference_dataset=RLHFlow/pair_data_v2_80K_wsafety
reference_dataset=RLHFlow/UltraFeedback-preference-standard
reward_bench_dataset=allenai/reward-bench
reward_bench_2_dataset=
export=
data_root=${ARMORM_DATA:-$HOME/data/ArmoRM}
config=
devices=
n_shards=
pipeline_flags=(model_path model_family multi_objective_dataset preference_dataset reference_dataset reward_bench_dataset
  reward_bench_2_dataset export data_root config devices n_shards)

pipeline_usage() {
  cat >&2 <<TEXT
usage: $0 [--model_path M] [--model_family llama3|gemma2] [--multi_objective_dataset D] [--preference_dataset D]
       [--reference_dataset D] [--reward_bench_dataset D, empty = none] [--reward_bench_2_dataset D, default none:
       allenai/reward-bench-2 is the published one] [--export DIR (train)] [--data_root DIR] [--config FILE]
       [--devices 0,1,... or -1 for the CPU] [--n_shards N]
ARMORM_BIN names the folder of the executables (default: those installed with this script, or build/release/bin).
TEXT
}

# default_bin ROOT: ROOT holds this scripts folder; an installation has it in share/armorm.
default_bin() {
  if [[ ! -d $1/build/release/bin && -x $1/../../bin/stage1-prepare ]]; then
    (cd "$1/../../bin" && pwd)
  else
    echo "$1/build/release/bin"
  fi
}

# assign_flags "NAME..." USAGE FLAG...: `--NAME VALUE` sets the variable NAME; anything else prints USAGE and ends.
assign_flags() {
  local names=" $1 " usage=$2
  shift 2
  while (($#)); do
    if [[ $1 == --help ]]; then
      "$usage"
      exit 0
    fi
    if [[ $1 != --?* || $names != *" ${1#--} "* ]]; then
      "$usage"
      echo "error: unknown flag '$1'" >&2
      exit 2
    fi
    (($# > 1)) || { "$usage"; echo "error: $1 needs a value" >&2; exit 2; }
    printf -v "${1#--}" '%s' "$2"
    shift 2
  done
}

find_programs() {
  bin=${ARMORM_BIN:-$(default_bin "$root")}
  [[ -x $bin/stage1-prepare ]] || { echo "error: $bin/stage1-prepare is not there; build first, or set ARMORM_BIN" >&2; exit 3; }
  common=(--model_path "$model_path" --data_root "$data_root" ${config:+--config "$config"})
}

parse_pipeline_flags() {
  assign_flags "${pipeline_flags[*]}" pipeline_usage "$@"
  find_programs
  if [[ -z $devices ]]; then
    devices=$(nvidia-smi --query-gpu=index --format=csv,noheader 2>/dev/null | paste -sd, || true)
    devices=${devices:--1}
  fi
  IFS=, read -ra device_list <<<"$devices"
  n_shards=${n_shards:-${#device_list[@]}}
}

# All prepare work, a line for each shard: PROGRAM DATASET SPLIT SHARD, with tabs between them.
list_shards() {
  local k set
  for ((k = 1; k <= n_shards; ++k)); do printf 'stage1-prepare\t%s\ttrain\t%d\n' "$multi_objective_dataset" "$k"; done
  preference_sets | while IFS= read -r set; do
    for ((k = 1; k <= n_shards; ++k)); do printf 'stage2-prepare\t%s\t%d\n' "$set" "$k"; done
  done
}

# The preference sets, a line each: DATASET, tab, SPLIT.
preference_sets() {
  printf '%s\ttrain\n' "$preference_dataset"
  if [[ -n $reference_dataset && $reference_dataset != "$preference_dataset" ]]; then printf '%s\ttrain\n' "$reference_dataset"; fi
  if [[ -n $reward_bench_dataset ]]; then printf '%s\tfiltered\n' "$reward_bench_dataset"; fi
  if [[ -n $reward_bench_2_dataset ]]; then printf '%s\ttest\n' "$reward_bench_2_dataset"; fi
}

# shard_command PROGRAM DATASET SPLIT SHARD: sets `command`, which lacks only the device.
shard_command() {
  command=("$bin/$1" "${common[@]}" --dataset_path "$2" --dataset_split "$3" --n_shards "$n_shards" --shard_idx "$4")
  if [[ $1 == stage2-prepare ]]; then command+=(--model_family "$model_family"); fi
}

# Flags of stage2-train after `common`.
gate_flags() {
  gate=(--model_family "$model_family" --multi_objective_dataset "$multi_objective_dataset"
    --preference_dataset "$preference_dataset" ${reference_dataset:+--reference_dataset "$reference_dataset"}
    ${export:+--export "$export"})
  if [[ -n $reward_bench_dataset ]]; then gate+=(--eval_reward_bench --reward_bench_dataset "$reward_bench_dataset"); fi
  if [[ -n $reward_bench_2_dataset ]]; then
    gate+=(--eval_reward_bench_2 --reward_bench_2_dataset "$reward_bench_2_dataset")
  fi
}
