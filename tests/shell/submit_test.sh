#!/usr/bin/env bash
# What submit.sh requests from Slurm, by --dry_run, and from an installation.
set -euo pipefail
source "$(dirname "$0")/support.sh"
trap remove_work EXIT
make_stubs
unset "${!ARMORM_@}"
export ARMORM_BIN=$work/stubs

submit() { run_stubs "exit 0" "$root/scripts/slurm/submit.sh" --dry_run --data_root "$work/data" "$@"; }
array_of() { sed -n "s#.* --array=\([^ ]*\) .*$1.*#\1#p" "$work/said"; }

submit --array 3,7 --reward_bench_2_dataset rb2 --max_parallel 2
check "status $status" test "$status" = 0
check "stage 1: $(array_of prepare_stage1)" test "$(array_of prepare_stage1)" = 3,7%2
check "pairs: $(array_of pair_data)" test "$(array_of pair_data)" = 3,7%2
check "RewardBench, of one shard: $(array_of ' filtered 1')" test "$(array_of ' filtered 1')" = 1-1%2
check "RewardBench 2, of one shard: $(array_of 'rb2 test 1')" test "$(array_of 'rb2 test 1')" = 1-1%2
submit --array 3,7 --reward_bench_shards 8
check "RewardBench, of as many: $(array_of ' filtered 8')" test "$(array_of ' filtered 8')" = 3,7
result "slurm: --array chooses shards of the sets that have so many"

submit --n_shards 8 --ridge_tasks 16
check "status $status" test "$status" = 0
check "one task for each shard: $(array_of sums)" test "$(array_of sums)" = 1-8
check "it is told" says "note: --ridge_tasks 16: the multi-objective set has 8 shards"
export ARMORM_HOME=$root ARMORM_N_SHARDS=8 SLURM_JOB_ID=1 SLURM_ARRAY_JOB_ID=1 SLURM_ARRAY_TASK_COUNT=16
SLURM_ARRAY_TASK_ID=9 run_stubs "exit 0" bash "$root/scripts/slurm/train_stage1_sums.sbatch"
check "a task without a shard: status $status" test "$status" = 0
check "it runs nothing" test ! -s "$stub_log"
SLURM_ARRAY_TASK_ID=8 run_stubs "exit 0" bash "$root/scripts/slurm/train_stage1_sums.sbatch"
check "a task with one: $(cat "$stub_log")" was_run "'--shards' '8'"
unset ARMORM_HOME ARMORM_N_SHARDS "${!SLURM_@}"
result "slurm: more ridge tasks than shards do no harm"

for name in n_shards reward_bench_shards ridge_tasks; do
  submit "--$name" 4x
  check "--$name 4x: status $status" test "$status" = 2
  check "it is told" says "error: --$name is '4x'; expected a whole number"
done
result "slurm: counts that cannot be are refused"

# The layout of cmake --install.
installed="$work/a prefix/share/armorm"
mkdir -p "$installed" "$work/a prefix/bin"
cp -r "$root/scripts" "$installed/scripts"
cp "$work"/stubs/* "$work/a prefix/bin"
unset ARMORM_BIN
run_stubs "exit 0" "$installed/scripts/slurm/submit.sh" --dry_run --data_root "$work/data"
check "submit.sh: status $status: $(tail -n 1 "$work/said")" test "$status" = 0
check "its own batch scripts" says "$installed/scripts/slurm/prepare_stage1.sbatch"
run_stubs "exit 0" "$installed/scripts/status.sh" --data_root "$work/data"
check "status.sh: status $status" test "$status" = 0
result "slurm: an installed submit.sh finds the programs beside it"
