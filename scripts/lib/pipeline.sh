# Model and data sets of the published run, and the flags shared by the scripts that run all stages. `root` is the checkout.
# A flag overrides a --config, and a config overrides the defaults here (config.sh).
# shellcheck shell=bash disable=SC2034,SC2154
source "$root/scripts/lib/config.sh"
model_path=sfairXC/FsfairX-LLaMA3-RM-v0.1
model_family=auto
multi_objective_dataset=RLHFlow/ArmoRM-Multi-Objective-Data-v0.1
multi_objective_split=train  # no flags for the splits, but a config may set them
preference_dataset=RLHFlow/pair_data_v2_80K_wsafety
preference_split=train
reference_dataset=RLHFlow/UltraFeedback-preference-standard
reference_split=train
reward_bench_dataset=allenai/reward-bench
reward_bench_split=filtered
reward_bench_2_dataset=
reward_bench_2_split="test"
export=
data_root=${ARMORM_DATA:-$HOME/data/ArmoRM}
config=
devices=
n_shards=
restart=
pipeline_flags=(model_path model_family multi_objective_dataset preference_dataset reference_dataset reward_bench_dataset
  reward_bench_2_dataset export data_root config devices n_shards restart)

pipeline_usage() {
  cat >&2 <<TEXT
usage: $0 [--model_path M] [--model_family auto|llama3|gemma2] [--multi_objective_dataset D] [--preference_dataset D]
       [--reference_dataset D] [--reward_bench_dataset D, empty = none] [--reward_bench_2_dataset D, default none:
       allenai/reward-bench-2 is the published one] [--export DIR (train)] [--data_root DIR] [--config FILE]
       [--devices 0,1,... or -1 for the CPU] [--n_shards N] [--restart, also replaces what was made from other inputs]
A --config serves all programs; a flag wins over it. Devices default to the GPUs of CUDA_VISIBLE_DEVICES or, without it, to
all of the machine; n_shards to the number of devices.
ARMORM_BIN names the folder of the executables (default: those installed with this script, or build/release/bin).
TEXT
}

# default_bin ROOT: ROOT contains this scripts folder; in an installation that is share/armorm.
default_bin() {
  if [[ ! -d $1/build/release/bin && -x $1/../../bin/stage1-prepare ]]; then
    (cd "$1/../../bin" && pwd)
  else
    echo "$1/build/release/bin"
  fi
}

# assign_flags "NAME..." USAGE FLAG...: `--NAME VALUE` sets the variable NAME, `--restart` sets restart; anything else prints
# USAGE and exits.
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
    if [[ $1 == --restart ]]; then
      restart=yes
      shift
      continue
    fi
    (($# > 1)) || { "$usage"; echo "error: $1 needs a value" >&2; exit 2; }
    printf -v "${1#--}" '%s' "$2"
    given[${1#--}]=yes
    shift 2
  done
}

find_programs() {
  bin=${ARMORM_BIN:-$(default_bin "$root")}
  [[ -x $bin/stage1-prepare ]] || { echo "error: $bin/stage1-prepare is not there; build first, or set ARMORM_BIN" >&2; exit 3; }
}

# check_one_line NAME...: no variable may hold a tab or a line end, which separate the fields and lines of the lists of work.
check_one_line() {
  local name
  for name in "$@"; do
    if [[ ${!name} == *[$'\t\n\r']* ]]; then
      echo "error: --$name is ${!name@Q}, with a tab or a line end in it; give a link without" >&2
      exit 2
    fi
  done
}

# After take_config(): the flags that every program gets.
set_common() {
  check_one_line model_path data_root config export {multi_objective,preference,reference,reward_bench,reward_bench_2}_{dataset,split}
  common=(--model_path "$model_path" --data_root "$data_root" ${config:+--config "$config"} ${restart:+--restart})
}

# check_count NAME...: each variable (and flag) must be an integer from 1.
check_count() {
  local name
  for name in "$@"; do
    if [[ ! ${!name} =~ ^[1-9][0-9]{0,5}$ ]]; then
      echo "error: --$name is '${!name}'; expected a whole number from 1 to 999999" >&2
      exit 2
    fi
  done
}

# The devices that the programs can use, separated by commas; nothing without a GPU. Entries of CUDA_VISIBLE_DEVICES
# (numbers, or UUIDs of GPUs and their MIG instances) are numbered 0, 1, ...; the first invalid entry ends the list.
visible_devices() {
  local entries entry n=0
  if [[ -z ${CUDA_VISIBLE_DEVICES+set} ]]; then
    nvidia-smi --query-gpu=index --format=csv,noheader 2>/dev/null | paste -sd, || true
    return
  fi
  IFS=', ' read -ra entries <<<"$CUDA_VISIBLE_DEVICES"
  for entry in "${entries[@]}"; do
    [[ $entry =~ ^([0-9]+|GPU-.+|MIG-.+)$ ]] || break
    n=$((n + 1))
  done
  if ((n)); then seq -s, 0 $((n - 1)); fi
}

parse_pipeline_flags() {
  assign_flags "${pipeline_flags[*]}" pipeline_usage "$@"
  find_programs
  take_config
  from_config devices stage1-prepare.device stage2-prepare.device
  if [[ -z ${given[devices]:-} ]]; then train_device=${config_values[stage2-train.device]:-}; fi
  devices=${devices:-$(visible_devices)}
  devices=${devices:--1}
  if [[ ! $devices =~ ^(-1|[0-9]+)(,(-1|[0-9]+))*$ ]]; then
    echo "error: --devices is '$devices'; expected numbers of GPUs with commas between them, or -1 for the CPU" >&2
    exit 2
  fi
  IFS=, read -ra device_list <<<"$devices"
  train_device=${train_device:-${device_list[0]}}
  n_shards=${n_shards:-${#device_list[@]}}
  check_count n_shards
  set_common
}

# All prepare work, one line per shard: PROGRAM DATASET SPLIT SHARD, separated by tabs.
list_shards() {
  local k set
  for ((k = 1; k <= n_shards; ++k)); do
    printf 'stage1-prepare\t%s\t%s\t%d\n' "$multi_objective_dataset" "$multi_objective_split" "$k"
  done
  preference_sets | while IFS= read -r set; do
    for ((k = 1; k <= n_shards; ++k)); do printf 'stage2-prepare\t%s\t%d\n' "$set" "$k"; done
  done
}

# The preference sets, one per line: DATASET, tab, SPLIT.
preference_sets() {
  printf '%s\t%s\n' "$preference_dataset" "$preference_split"
  if [[ -n $reference_dataset && "$reference_dataset $reference_split" != "$preference_dataset $preference_split" ]]; then
    printf '%s\t%s\n' "$reference_dataset" "$reference_split"
  fi
  if [[ -n $reward_bench_dataset ]]; then printf '%s\t%s\n' "$reward_bench_dataset" "$reward_bench_split"; fi
  if [[ -n $reward_bench_2_dataset ]]; then printf '%s\t%s\n' "$reward_bench_2_dataset" "$reward_bench_2_split"; fi
}

# shard_command PROGRAM DATASET SPLIT [SHARD]: sets `command`, which lacks only the device, and the shard if none is given.
shard_command() {
  command=("$bin/$1" "${common[@]}" --dataset_path "$2" --dataset_split "$3" --n_shards "$n_shards" ${4:+--shard_idx "$4"})
  if [[ $1 == stage2-prepare ]]; then command+=(--model_family "$model_family"); fi
}

# Flags of stage2-train after `common`. Empty values are passed too, because a config may set other ones.
gate_flags() {
  gate=(--model_family "$model_family" --multi_objective_dataset "$multi_objective_dataset"
    --preference_dataset "$preference_dataset" --reference_dataset "$reference_dataset" --export "$export")
  if [[ -n $reward_bench_dataset ]]; then
    gate+=(--eval_reward_bench --reward_bench_dataset "$reward_bench_dataset")
  else
    gate+=(--eval_reward_bench=false)
  fi
  if [[ -n $reward_bench_2_dataset ]]; then
    gate+=(--eval_reward_bench_2 --reward_bench_2_dataset "$reward_bench_2_dataset")
  else
    gate+=(--eval_reward_bench_2=false)
  fi
}
