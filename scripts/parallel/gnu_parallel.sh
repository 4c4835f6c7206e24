#!/usr/bin/env bash
# Both prepare stages over all data sets with GNU parallel, one process per device; flags as for prepare_embeddings.sh.
# Restarted with the same flags, it resumes with the shards that are not finished in its job log. Exit code: 0, or the
# number of shards that failed (GNU parallel's own; above 100: see its manual).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=${here%/scripts/parallel}
source "$root/scripts/lib/pipeline.sh"
parse_pipeline_flags "$@"
command -v parallel >/dev/null || { echo "error: GNU parallel is not there; install it, or use $here/xargs.sh" >&2; exit 3; }
shards=$("$here/list_shards.sh" "$@")
mkdir -p "$data_root"
# The log identifies jobs by number, so each list of shards has its own log.
joblog=$data_root/parallel-$(sha256sum <<<"$shards" | cut -c1-12).joblog
echo "job log: $joblog" >&2
exec parallel --jobs "${#device_list[@]}" --joblog "$joblog" --resume-failed --retries 2 --termseq TERM,60000,KILL,1000 \
  --line-buffer "$(printf %q "$here/run_shard.sh")" '{%}' "$devices" '{}' <<<"$shards"
