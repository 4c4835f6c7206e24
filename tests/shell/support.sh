# Shared by the tests of the scripts: a demo, an uninterrupted run of it to compare with, and results as lines
# 'passed: NAME', 'failed: NAME: WHY' and 'skipped: NAME: WHY' on stdout.
# shellcheck shell=bash disable=SC2034
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export ARMORM_BIN=${ARMORM_BIN:-$root/build/release/bin}
bin=$ARMORM_BIN
work=$(mktemp -d "${TMPDIR:-/tmp}/armorm-scripts-XXXXXX")
n_shards=4
embeddings=$work/reference/embeddings/model  # those of an uninterrupted run

remove_work() { [[ -n ${KEEP_WORK:-} ]] || rm -rf "$work"; }

problem=
# check WHAT COMMAND...: records WHAT when the command fails.
check() {
  local what=$1
  shift
  "$@" || problem="${problem:+$problem; }$what"
}

# result NAME: prints passed, unless a check since the last result failed.
result() {
  if [[ -z $problem ]]; then echo "passed: $1"; else echo "failed: $1: $problem"; fi
  problem=
}

# A script with `set -e` names each command that fails, with its line and those of its callers: the last one ended it.
if [[ $- == *e* ]]; then
  set -E
  trap 'echo "$(basename "$0"), line $LINENO (callers: ${BASH_LINENO[*]}): failed: $BASH_COMMAND" >&2' ERR
fi

# wait_until SECONDS COMMAND...: false if the command still fails after five times SECONDS, which a busy machine may need.
wait_until() {
  local end=$((SECONDS + 5 * $1))
  shift
  until "$@" 2>/dev/null; do
    ((SECONDS < end)) || return 1
    sleep 0.05
  done
}

# Many short passes, each durable, so that there is time to interrupt; on one thread, because the bits depend on the
# number.
make_demo() {
  local quick='"precision": "fp32", "kernels": "libtorch", "batch_tokens": 400, "checkpoint_seconds": 0, "threads": 1'
  "$bin/armorm-make-demo" --output "$work/demo" --rows 2400 --pairs 400 --reference 1 --reward_bench 46 \
    --reward_bench_2 6 >/dev/null
  cat >"$work/config.json" <<JSON
{"stage1-prepare": {$quick}, "stage2-prepare": {$quick}, "stage1-train": {"threads": 1},
 "stage2-train": {"n_steps": 200, "batch_size": 64, "hidden_size": 32, "on_unmet": "max", "threads": 1,
  "kernels": "libtorch", "checkpoint_seconds": 0}}
JSON
  pipeline=(--model_path "$work/demo/model" --multi_objective_dataset "$work/demo/multi-objective"
    --preference_dataset "$work/demo/preference" --reference_dataset "" --config "$work/config.json")
  reward_bench=$work/demo/reward-bench
}

# make_reference SET...: the published files of an uninterrupted run, made by the programs alone.
make_reference() {
  local k set command
  local common=(--model_path "$work/demo/model" --config "$work/config.json" --data_root "$work/reference" --log_level warn)
  for set in "$@"; do
    for ((k = 1; k <= n_shards; ++k)); do
      case $set in
        multi-objective) command=(stage1-prepare) ;;
        reward-bench) command=(stage2-prepare --dataset_split filtered) ;;
        *) command=(stage2-prepare) ;;
      esac
      "$bin/${command[0]}" "${common[@]}" --dataset_path "$work/demo/$set" --device -1 --n_shards "$n_shards" --shard_idx "$k" \
        "${command[@]:1}"
    done
  done >/dev/null
}

# train_reference [FLAG...]: runs the train stages on it, by the programs alone; the flags are stage2-train's.
train_reference() {
  local common=(--model_path "$work/demo/model" --config "$work/config.json" --data_root "$work/reference" --log_level error)
  "$bin/stage1-train" "${common[@]}" --dataset_path "$work/demo/multi-objective" >/dev/null
  "$bin/stage2-train" "${common[@]}" --device -1 --multi_objective_dataset "$work/demo/multi-objective" \
    --preference_dataset "$work/demo/preference" "$@" >/dev/null
}

# make_export: a reward model of a small run, in $work/demo-rm, for score and serve.
make_export() {
  local common=(--model_path "$work/export/model" --data_root "$work/export/root" --log_level error)
  local quick=(--precision fp32 --device -1 --kernels libtorch)
  "$bin/armorm-make-demo" --output "$work/export" --rows 1200 --pairs 400 --reference 1 --reward_bench 46 --reward_bench_2 6
  "$bin/stage1-prepare" "${common[@]}" "${quick[@]}" --dataset_path "$work/export/multi-objective"
  "$bin/stage1-train" "${common[@]}" --dataset_path "$work/export/multi-objective"
  "$bin/stage2-prepare" "${common[@]}" "${quick[@]}" --dataset_path "$work/export/preference"
  "$bin/stage2-train" "${common[@]}" --device -1 --kernels libtorch --multi_objective_dataset "$work/export/multi-objective" \
    --preference_dataset "$work/export/preference" --reference_dataset "" --n_steps 200 --batch_size 64 --hidden_size 32 --on_unmet max \
    --export "$work/demo-rm"
}

# How score and serve run that model: with the same bits in any batch.
scoring=(--model_path "$work/demo-rm" --device -1 --precision fp32)

# start_server [FLAG...]: serve of that model on a free port; sets `server` (its process) and `url`. Its log is $work/serve.log.
start_server() {
  "$bin/serve" "${scoring[@]}" --listen 127.0.0.1:0 "$@" 2>"$work/serve.log" &
  server=$! url=
  wait_until 120 grep -q 'ready: ' "$work/serve.log" || return 1
  url=http://$(sed -n 's#.*listening on http://\([^;]*\);.*#\1#p' "$work/serve.log" | head -n 1)
}

# stop_server: false unless it ends with 0.
stop_server() { kill -TERM "$server" && wait "$server"; }

# same_files NAME DATA_ROOT
same_files() { cmp "$work/reference/$1" "$2/$1" >&2; }

# same_embeddings DATA_ROOT [PATTERN]: the published files, and no others, are those of the uninterrupted run.
same_embeddings() {
  local made=$1/embeddings/model pattern=${2:-*}
  # shellcheck disable=SC2086
  diff <(cd "$embeddings" && sha256sum $pattern) <(cd "$made" && sha256sum $pattern) >&2
}

# target DATA_ROOT STEM SHARD
target() { printf '%s/embeddings/model/%s-%05d-of-%05d.safetensors' "$1" "$2" "$3" "$n_shards"; }

chunks_of() { if [[ -e $1.journal ]]; then wc -l <"$1.journal"; else echo 0; fi; }
has_chunks() { (($(chunks_of "$1") > $2)); }
owner_of() { sed -n '1s/^process \([0-9]*\) .*/\1/p' "$1"; }

# hold LOCK RESULT OTHER COMMAND...: once COMMAND succeeds, stops the program that holds LOCK, unless it is the process
# OTHER; prints its process. False if RESULT existed before.
hold() {
  local lock=$1 result=$2 other=$3 process end=$((SECONDS + 300))
  shift 3
  while ((SECONDS < end)); do
    process=$(owner_of "$lock" 2>/dev/null) || true
    if [[ -n $process && $process != "$other" ]] && "$@" 2>/dev/null; then
      kill -STOP "$process" && echo "$process"
      return
    fi
    [[ ! -e $result ]] || break
    sleep 0.02
  done
  return 1
}

# hold_midway TARGET [OTHER]: holds the program that makes a shard, when a part of it is durable.
hold_midway() { hold "$1.lock" "$1" "${2:-}" has_chunks "$1" 3; }

# make_stubs: programs that only record their arguments in $stub_log, then do what $stub_rule says, with `program`,
# `shard` and `device` set; ARMORM_BIN becomes theirs. Questions about a config go to the real programs.
make_stubs() {
  local program
  export stub_log=$work/stub.log stub_rule=$work/stub.rule real_bin=$bin ARMORM_BIN=$work/stubs
  mkdir -p "$work/stubs"
  cat >"$work/stubs/stage1-prepare" <<'STUB'
#!/usr/bin/env bash
program=${0##*/}
if [[ " $* " == *' --print_config '* ]]; then exec "$real_bin/$program" "$@"; fi
printf '%s %s\n' "$program" "${*@Q}" >>"$stub_log"
[[ $* =~ --shard_idx\ ([0-9]+) ]] && shard=${BASH_REMATCH[1]}
[[ $* =~ --device\ (-?[0-9]+) ]] && device=${BASH_REMATCH[1]}
source "$stub_rule"
STUB
  chmod +x "$work/stubs/stage1-prepare"
  for program in stage1-train stage2-prepare stage2-train; do cp "$work/stubs/stage1-prepare" "$work/stubs/$program"; done
}

# run_stubs RULE COMMAND...: sets `status`; the command's output is in $work/said, the programs' arguments in $stub_log.
run_stubs() {
  printf '%s\n' "$1" >"$stub_rule"
  : >"$stub_log"
  shift
  status=0
  "$@" >"$work/said" 2>&1 || status=$?
}
says() { grep -q -e "$1" "$work/said"; }
was_run() { grep -q -e "$1" "$stub_log"; }
