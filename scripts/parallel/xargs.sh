#!/usr/bin/env bash
# Both prepare stages over all data sets with xargs (of GNU findutils), one process per device; flags as for
# prepare_embeddings.sh. Finished shards are skipped, so the same command resumes after a failure. Exit code: 0, or 123
# when a shard failed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=${here%/scripts/parallel}
source "$root/scripts/lib/pipeline.sh"
parse_pipeline_flags "$@"
# xargs numbers its slots from 0.
# shellcheck disable=SC2016
"$here/list_shards.sh" "$@" | xargs -r -d '\n' -P "${#device_list[@]}" -n 1 --process-slot-var=slot \
  bash -c 'exec "$0" $((slot + 1)) "$1" "$2"' "$here/run_shard.sh" "$devices"
