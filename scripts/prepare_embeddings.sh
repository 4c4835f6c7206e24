#!/usr/bin/env bash
# Runs both prepare stages over all data sets: every shard, one process per device at a time. A shard that is
# interrupted or killed is retried; a shard that fails does not stop the others. A device that fails on its first shard
# gets no more work if another device can make that shard. SIGTERM, SIGUSR1 and SIGINT stop all work in order. Exit
# code: 0, or 75 after such a signal, or that of the first shard in the list that failed.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
source "$root/scripts/lib/pipeline.sh"
source "$root/scripts/lib/signals.sh"
source "$root/scripts/lib/work_queue.sh"
parse_pipeline_flags "$@"
mapfile -t shards < <(list_shards)
n_items=${#shards[@]}

# work_on ITEM DEVICE: makes the shard at this position in the list.
work_on() {
  local program dataset split shard command
  IFS=$'\t' read -r program dataset split shard <<<"${shards[$1]}"
  shard_command "$program" "$dataset" "$split" "$shard"
  finish_shard "${command[@]}" --device "$2"
}

tell_failed() {  # ITEM STATUS
  local program dataset split shard
  IFS=$'\t' read -r program dataset split shard <<<"${shards[$1]}"
  printf '  %s of %s (split %s), shard %s of %s: %s\n' "$program" "$dataset" "$split" "$shard" "$n_shards" "$(advice "$2")"
}

work_all
if ((${#failed[@]})); then
  echo "$0: ${#failed[@]} shards were not made; the same command computes them:" >&2
  for item in "${!failed[@]}"; do tell_failed "$item" "${failed[item]}"; done >&2
fi
if [[ -n $stop_signal ]]; then exit "$exit_interrupted"; fi
for item in "${!failed[@]}"; do exit "${failed[item]}"; done
if ((n_items == 0 || made != n_items)); then
  echo "$0: $made of $n_items shards were made, for an unknown reason; the same command resumes" >&2
  exit 1
fi
