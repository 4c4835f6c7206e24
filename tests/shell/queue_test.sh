#!/usr/bin/env bash
# How prepare_embeddings.sh divides shards among devices that may be unusable, and what it reports at the end; with
# programs that only fail where a rule says so.
set -euo pipefail
source "$(dirname "$0")/support.sh"
trap remove_work EXIT
make_stubs
unset CUDA_VISIBLE_DEVICES
mkdir -p "$work/path"
export PATH=$work/path:$PATH
printf '#!/bin/sh\nseq 0 3\n' >"$work/path/nvidia-smi"
chmod +x "$work/path/nvidia-smi"

# prepare RULE FLAG...: prepares two sets.
prepare() {
  local rule=$1
  shift
  run_stubs "$rule" "$root/scripts/prepare_embeddings.sh" --data_root "$work/data" --multi_objective_dataset multi \
    --preference_dataset pairs --reference_dataset "" --reward_bench_dataset "" "$@"
}
# shellcheck disable=SC2016
makes='echo "$program $shard" >>"$stub_log.made"'
devices_used() { grep -oE -e "--device' '[-0-9]+|--device [-0-9]+" "$stub_log" | grep -oE -- '-?[0-9]+$' | sort -un | paste -sd, -; }
begin() { rm -f "$stub_log.made"; }
all_made() { [[ $(sort -V "$stub_log.made") == "$(printf '%s\n' "stage1-prepare "{1..6} "stage2-prepare "{1..6})" ]]; }

for wrong in 0 foo 4x -1; do
  for script in prepare_embeddings.sh parallel/xargs.sh parallel/list_shards.sh train.sh; do
    run_stubs "exit 0" "$root/scripts/$script" --n_shards "$wrong"
    check "$script --n_shards $wrong: status $status" test "$status" = 2
    check "$script --n_shards $wrong is told" says "error: --n_shards is '$wrong'; expected a whole number"
    check "$script --n_shards $wrong runs nothing" test ! -s "$stub_log"
  done
done
prepare "exit 0" --devices 0,,1
check "--devices 0,,1: status $status" test "$status" = 2
result "scripts: counts and devices that cannot be are refused"

begin
TMPDIR=/nonexistent prepare "$makes" --devices 0,1 --n_shards 6
check "status $status" test "$status" = 0
check "all shards" all_made
result "scripts/prepare_embeddings.sh: needs no temporary folder"

begin
prepare "[[ \$program\$shard != stage1-prepare2 ]] || kill -KILL \$PPID; $makes" --devices 0 --n_shards 6
check "status $status" test "$status" = 137
check "the shard is named" says "stage1-prepare of multi .*, shard 2 of 6: killed by signal 9"
result "scripts/prepare_embeddings.sh: a worker that dies is told"

begin
prepare "[[ \$device != 2 ]] || { sleep 0.1; exit 1; }; sleep 0.2; $makes" --devices 0,1,2 --n_shards 6
check "status $status" test "$status" = 0
check "all shards, once each" all_made
check "the device is named" says "device 2 gets no more work: it failed on what device [01] then finished"
check "it got one shard" test "$(grep -cE -e "--device' '2'|--device 2" "$stub_log")" = 1
result "scripts/prepare_embeddings.sh: an unusable device gets one shard, which another makes"

begin
prepare "((device < 3)) && exit 1; sleep 0.1; $makes" --devices 0,1,2,3 --n_shards 6
check "status $status" test "$status" = 0
check "all shards, once each" all_made
result "scripts/prepare_embeddings.sh: one usable device of four makes everything"

begin
prepare "exit 3" --devices 0,1,2 --n_shards 2
check "status $status" test "$status" = 3
check "all are named" says "4 shards were not made"
result "scripts/prepare_embeddings.sh: without a usable device everything has failed"

begin
prepare "[[ \$program == stage1-prepare ]] && ((shard < 5)) && exit 4; $makes" --devices 0,1 --n_shards 6
check "status $status" test "$status" = 4
check "those alone" says "4 shards were not made"
check "the others are made" test "$(sort -V "$stub_log.made" | paste -sd,)" = \
  "stage1-prepare 5,stage1-prepare 6,stage2-prepare 1,stage2-prepare 2,stage2-prepare 3,stage2-prepare 4,stage2-prepare 5,stage2-prepare 6"
check "no device is blamed" test "$(grep -c 'gets no more work' "$work/said")" = 0
result "scripts/prepare_embeddings.sh: bad shards do not cost devices"

# The stubs catch no signal, like a program that is still being loaded.
# shellcheck disable=SC2016
run_stubs 'kill -TERM $PPID; exec sleep 30' "$root/scripts/parallel/run_shard.sh" 1 0 "$work/stubs/stage1-prepare"
check "status $status" test "$status" = 75
check "told as an interruption" says "not made: .*was asked to stop; the same command resumes"
result "scripts: a stop that comes before the program is ready is no failure"

# with_devices VALUE EXPECTED: uses CUDA's numbering from 0.
with_devices() {
  CUDA_VISIBLE_DEVICES=$1 prepare "exit 0"
  check "CUDA_VISIBLE_DEVICES='$1': $(devices_used)" test "$(devices_used)" = "$2"
}
prepare "exit 0"
check "without CUDA_VISIBLE_DEVICES: $(devices_used)" test "$(devices_used)" = 0,1,2,3
with_devices 2,3 0,1
with_devices 5 0
with_devices "" -1
with_devices -1 -1
with_devices NoDevFiles -1
with_devices 1,-1,2 0
with_devices GPU-8932f937-d72c-4106-c12f-20bd9faed9f6,GPU-1 0,1
with_devices "MIG-GPU-8932f937-d72c-4106-c12f-20bd9faed9f6/1/2, MIG-x" 0,1
result "scripts: devices are numbered as CUDA_VISIBLE_DEVICES has them"
