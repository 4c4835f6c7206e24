#!/usr/bin/env bash
# Progress of the prepare stages over all data sets and shards below a data root: shards done, running, interrupted and
# missing, rows, rows/s, time left. It only reads, and disturbs no run; works on any machine that sees the folder.
#   scripts/status.sh [--data_root DIR] [--config FILE, for its data_root] [--json] [--watch SECONDS]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
source "$root/scripts/lib/pipeline.sh"
status_usage() { echo "usage: $0 [--data_root DIR] [--config FILE] [--json] [--watch SECONDS]" >&2; }
json=
watch=
flags=()
for flag in "$@"; do
  if [[ $flag == --json ]]; then json=--json; else flags+=("$flag"); fi
done
assign_flags "data_root config watch" status_usage "${flags[@]}"
find_programs
read_config
from_everywhere data_root

show() { "$bin/stage1-prepare" --status --all_sets --data_root "$data_root" $json; }

if [[ -z $watch ]]; then
  show
  exit
fi
while :; do
  text=$(show || true)
  printf '\033[H\033[J%s\n%s\n' "$(date)" "$text"
  sleep "$watch"
done
