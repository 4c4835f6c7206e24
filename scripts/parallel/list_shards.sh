#!/usr/bin/env bash
# Prints the command of every shard of both prepare stages, one per line, quoted for a shell, without --device. Flags as
# for prepare_embeddings.sh.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
source "$root/scripts/lib/pipeline.sh"
parse_pipeline_flags "$@"
list_shards | while IFS=$'\t' read -r program dataset split shard; do
  shard_command "$program" "$dataset" "$split" "$shard"
  printf '%q ' "${command[@]}"
  echo
done
