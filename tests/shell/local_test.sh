#!/usr/bin/env bash
# scripts/prepare_embeddings.sh and the scripts in scripts/parallel on this machine: shards are killed or fail, the
# others continue, and the files equal those of an uninterrupted run.
set -euo pipefail
source "$(dirname "$0")/support.sh"
n_shards=2
trap remove_work EXIT
make_demo
make_reference multi-objective preference

# begin SCRIPT DATA_ROOT: runs it over two devices in the background, as `script`; its output goes to DATA_ROOT.log.
begin() {
  mkdir -p "$2"
  "$root/scripts/$1" "${pipeline[@]}" --reward_bench_dataset "" --data_root "$2" --n_shards "$n_shards" --devices -1,-1 >>"$2.log" 2>&1 &
  script=$!
}

# end: waits for the script and sets `status`.
end() { status=0; wait "$script" || status=$?; }

kill_midway() {
  local process
  process=$(hold_midway "$(target "$1" multi-objective 1)") && kill -KILL "$process"
}

log_says() { grep -q "$2" "$1.log"; }

check_form() {  # SCRIPT FAILURE-STATUS
  local data=$work/${1##*/} blocked
  blocked=$(target "$data" preference-train 2)
  mkdir -p "$blocked"  # a folder with the file's name prevents publishing
  begin "$1" "$data"
  check "a shard was over too soon" kill_midway "$data"
  end
  check "status $status" test "$status" = "$2"
  check "the killed shard is tried again" log_says "$data" "ended with 137; again"
  check "the failed shard is named" log_says "$data" "preference"
  check "what to do is told" log_says "$data" "mend that and give the same command again"
  rmdir "$blocked"
  begin "$1" "$data"
  end
  check "status $status of the second run" test "$status" = 0
  rm -f "$data/embeddings/model"/*.joblog
  check "files" same_embeddings "$data"
  result "scripts/$1: killed shards are tried again, failed ones named, and the others made"
}

check_form prepare_embeddings.sh 3
if command -v parallel >/dev/null; then
  check_form parallel/gnu_parallel.sh 1
else
  echo "skipped: scripts/parallel/gnu_parallel.sh: GNU parallel is not installed (Debian: parallel)"
fi
check_form parallel/xargs.sh 123

# After a stop request: everything ends in order, with 75, and no child continues alone.
data=$work/stopped
begin prepare_embeddings.sh "$data"
process=$(hold_midway "$(target "$data" multi-objective 2)") || problem="the shard was over too soon"
kill -TERM "$script"
kill -CONT "$process"
end
check "status $status" test "$status" = 75
check "no program lives" test -z "$(pgrep -f -- "--data_root $data" || true)"
check "says how to resume" log_says "$data" "the same command resumes"
check "interrupted" test -e "$(target "$data" multi-objective 2).partial"
begin prepare_embeddings.sh "$data"
end
check "status $status of the second run" test "$status" = 0
check "files" same_embeddings "$data"
result "scripts/prepare_embeddings.sh: stopped in order, and gone on with"

train() { "$root/scripts/train.sh" "${pipeline[@]}" --reward_bench_dataset "" --data_root "$data" --devices -1 >"$work/train.log" 2>&1; }
check "train.sh: $(tail -n 1 "$work/train.log" 2>/dev/null)" train
# shellcheck disable=SC2119
train_reference
check "regression weights" same_files regression_weights/model_multi-objective.pt "$data"
check "gate" same_files gating_network_model.pt "$data"
rm "$(target "$data" multi-objective 1)"
status=0
train || status=$?
check "status $status without a shard" test "$status" = 3
check "what is missing" grep -q "1 of 2 shards are missing: 1" "$work/train.log"
check "that stage2-train was not begun" grep -q "stage2-train, which needs its weights, was not begun" "$work/train.log"
result "scripts/train.sh: trains what the programs train, and stops where a shard is missing"
