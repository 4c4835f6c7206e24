#!/usr/bin/env bash
# RewardBench of a finished model, and of any other pairs. Nothing is trained.
#   run.sh MODEL FOLDER [PAIRS...]   MODEL: an export or a Hub id; FOLDER gets NAME.json and NAME.jsonl for each set
# Environment: SETS ("SET:SPLIT ..." instead of RewardBench 1 and 2), DEVICE, ARMORM_BIN (folder of the programs).
set -euo pipefail
model=${1:?an exported model or a Hub id}
folder=${2:?a folder for the reports}
device=${DEVICE:-0}
# shellcheck disable=SC2206  # several sets in one variable
sets=(${SETS-allenai/reward-bench:filtered allenai/reward-bench-2:test} "${@:3}")
[[ -z ${ARMORM_BIN:-} ]] || PATH=$ARMORM_BIN:$PATH
mkdir -p "$folder"
for set in "${sets[@]}"; do
  split=train
  if [[ $set =~ ^(.+):([^:/]+)$ ]]; then set=${BASH_REMATCH[1]} split=${BASH_REMATCH[2]}; fi
  name=$(basename "$set")
  score --model_path "$model" --evaluate "$set" --dataset_split "$split" --device "$device" --fields score \
    --report "$folder/$name.json" --output "$folder/$name.jsonl"
done
