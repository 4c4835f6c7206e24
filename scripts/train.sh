#!/usr/bin/env bash
# Runs both train stages on the embeddings of prepare_embeddings.sh.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
source "$root/scripts/lib/pipeline.sh"
parse_pipeline_flags "$@"

status=0
"$bin/stage1-train" "${common[@]}" --dataset_path "$multi_objective_dataset" || status=$?
if ((status != 0)); then
  echo "$0: stage1-train ended with $status; stage2-train, which needs its weights, was not begun" >&2
  exit "$status"
fi
gate_flags
exec "$bin/stage2-train" "${common[@]}" --device "$train_device" "${gate[@]}"
