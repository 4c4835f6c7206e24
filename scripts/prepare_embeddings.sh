#!/usr/bin/env bash
# Runs both prepare stages over all data sets: every shard, one process per device at a time.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
source "$root/scripts/lib/pipeline.sh"
export ARMORM_BIN="${ARMORM_BIN:-$(default_bin "$root")}"
parse_pipeline_flags "$@"

# all_shards PROGRAM FLAG...: device d takes the shards d, d + #devices, ... one after another.
all_shards() {
  local program=$1 pids=() status=0 d
  shift
  for d in "${!device_list[@]}"; do
    (
      for ((k = d + 1; k <= n_shards; k += ${#device_list[@]})); do
        "$bin/$program" "${common[@]}" --device "${device_list[d]}" --n_shards "$n_shards" --shard_idx "$k" "$@"
      done
    ) &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || status=$?; done
  return "$status"
}

all_shards stage1-prepare --dataset_path "$multi_objective_dataset"
prepare_pairs() { all_shards stage2-prepare --model_family "$model_family" --dataset_path "$1" --dataset_split "$2"; }
prepare_pairs "$preference_dataset" train
if [[ -n $reference_dataset && $reference_dataset != "$preference_dataset" ]]; then
  prepare_pairs "$reference_dataset" train
fi
if [[ -n $reward_bench_dataset ]]; then prepare_pairs "$reward_bench_dataset" filtered; fi
