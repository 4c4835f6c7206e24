#!/usr/bin/env bash
# run_shard.sh SLOT DEVICES COMMAND-LINE: runs one line of list_shards.sh on the device of a job slot (from 1). Repeats
# it while the program is interrupted (75) or killed, at most ARMORM_MAX_RESTARTS times (10); exits with the last exit
# code. SIGTERM, SIGUSR1 and SIGINT are forwarded to the program, and this script then exits with 75.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
source "$root/scripts/lib/signals.sh"
max_restarts=${ARMORM_MAX_RESTARTS:-10}
IFS=, read -ra device_list <<<"$2"
declare -a command="($3)"  # list_shards.sh quoted it
watch_signals
status=0
finish_shard "${command[@]}" --device "${device_list[($1 - 1) % ${#device_list[@]}]}" || status=$?
if ((status != 0)); then echo "not made: $3: $(advice "$status")" >&2; fi
exit "$status"
