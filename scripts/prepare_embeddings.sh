#!/usr/bin/env bash
# Runs both prepare stages over all data sets: every shard, one process per device at a time. A shard that is interrupted
# or killed is tried again; one that fails does not keep the others from being made. SIGTERM, SIGUSR1 and SIGINT end all in
# order. Exit code: 0, or 75 when it was asked to stop, or that of the first shard in the list that failed.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
source "$root/scripts/lib/pipeline.sh"
source "$root/scripts/lib/signals.sh"
parse_pipeline_flags "$@"
failures=$(mktemp -d)
trap 'rm -rf "$failures"' EXIT

# work_on DEVICE: takes the next line that no other device has, until there is none.
work_on() {
  local number status program dataset split shard command
  watch_signals
  number=0
  while IFS=$'\t' read -r program dataset split shard && [[ -z $stop_signal ]]; do
    number=$((number + 1))
    mkdir "$failures/taken-$number" 2>/dev/null || continue
    shard_command "$program" "$dataset" "$split" "$shard"
    status=0
    finish_shard "${command[@]}" --device "$1" || status=$?
    if ((status == 0)); then continue; fi
    printf '%d\t%s of %s (split %s), shard %s of %s: %s\n' "$status" "$program" "$dataset" "$split" "$shard" "$n_shards" \
      "$(advice "$status")" >"$failures/$(printf 'failed-%06d' "$number")"
  done < <(list_shards)
}

watch_signals
workers=()
for device in "${device_list[@]}"; do
  work_on "$device" &
  workers+=($!)
done
children=("${workers[@]}")
for worker in "${workers[@]}"; do wait_for "$worker" || true; done

shopt -s nullglob
failed=("$failures"/failed-*)
if ((${#failed[@]})); then
  echo "$0: ${#failed[@]} shards were not made; the same command goes on with them:" >&2
  cut -f2- "${failed[@]}" | sed 's/^/  /' >&2
fi
if [[ -n $stop_signal ]]; then exit "$exit_interrupted"; fi
if ((${#failed[@]})); then exit "$(cut -f1 "${failed[0]}")"; fi
