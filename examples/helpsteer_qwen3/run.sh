#!/usr/bin/env bash
# HelpSteer2's five ratings and its preferences, on a Qwen 3 reward model.
#   run.sh FOLDER     writes FOLDER/data and the model FOLDER/reward-model. The same command resumes what was interrupted.
# Environment: MODEL (a Qwen 3 backbone), RATINGS and PAIRS (HelpSteer2's files), DEVICE, ARMORM_BIN (folder of the programs).
set -euo pipefail
folder=${1:?a folder for the results}
model=${MODEL:-Skywork/Skywork-Reward-V2-Qwen3-0.6B}
ratings=${RATINGS:-nvidia/HelpSteer2}
pairs=${PAIRS:?HelpSteer2s file preference/preference.jsonl.gz}
device=${DEVICE:-0}
[[ -z ${ARMORM_BIN:-} ]] || PATH=$ARMORM_BIN:$PATH
common=(--model_path "$model" --data_root "$folder/data")
attributes=helpsteer-helpfulness,helpsteer-correctness,helpsteer-coherence,helpsteer-complexity,helpsteer-verbosity

stage1-prepare "${common[@]}" --dataset_path "$ratings" --attributes "$attributes" --device "$device"
stage1-train "${common[@]}" --dataset_path "$ratings"
stage2-prepare "${common[@]}" --dataset_path "$pairs" --device "$device"
# shellcheck disable=SC2086  # several flags in one variable
stage2-train "${common[@]}" --multi_objective_dataset "$ratings" --preference_dataset "$pairs" \
  --verbosity_attribute helpsteer-verbosity --on_unmet max --split_by prompt --select best --device "$device" \
  ${GATE:-} --export "$folder/reward-model"
