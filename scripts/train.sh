#!/usr/bin/env bash
# Runs both train stages on the embeddings of prepare_embeddings.sh.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
source "$root/scripts/lib/pipeline.sh"
export ARMORM_BIN="${ARMORM_BIN:-$(default_bin "$root")}"
parse_pipeline_flags "$@"

"$bin/stage1-train" "${common[@]}" --dataset_path "$multi_objective_dataset"
evaluation=()
if [[ -n $reward_bench_dataset ]]; then evaluation=(--eval_reward_bench --reward_bench_dataset "$reward_bench_dataset"); fi
"$bin/stage2-train" "${common[@]}" --model_family "$model_family" --device "${device_list[0]}" \
  --multi_objective_dataset "$multi_objective_dataset" --preference_dataset "$preference_dataset" \
  ${reference_dataset:+--reference_dataset "$reference_dataset"} "${evaluation[@]}"
