#!/usr/bin/env bash
# The jobs of scripts/slurm on a real Slurm: two nodes with two GPUs each (other devices stand in for them), started on
# this machine only for the test. Tasks are killed, warned, cancelled and lose their node; the files must equal those of
# an uninterrupted run, byte for byte, and the train stages must follow. KEEP_WORK=1 keeps logs and files.
set -euo pipefail
source "$(dirname "$0")/support.sh"
source "$(dirname "$0")/local_slurm.sh"

if ! reason=$(slurm_is_missing); then
  echo "skipped: slurm: $reason"
  exit 0
fi
trap 'stop_slurm; remove_work' EXIT
make_demo
if ! start_slurm; then
  echo "skipped: slurm: its daemons do not start here: $(grep -h error "$work"/slurm/log/* 2>/dev/null | tail -n 3 | tr '\n' ' ')"
  exit 0
fi
make_reference multi-objective preference reward-bench &
reference_run=$!

# submit DATA_ROOT FLAG...: sets `jobs` to the job ids, in order. The programs run on the CPU, whatever Slurm gives
# them.
submit() {
  local data_root=$1
  shift
  mapfile -t jobs < <("$root/scripts/slurm/submit.sh" "${pipeline[@]}" --data_root "$data_root" --n_shards "$n_shards" \
    --reward_bench_dataset "$reward_bench" --reward_bench_shards "$n_shards" --cpus 1 --mem 100M --train_cpus 1 --train_mem 100M --device -1 "$@" | cut -f1)
}

log_of() { echo "$1/slurm/armorm-$2-$3.out"; }
log_says() { grep -q "$2" "$1"; }
# go_on PROCESS: continues a program that hold_midway() stopped.
go_on() { kill -CONT "$1"; }

# --- The complete pipeline: the node of task 1 is switched off; that of 2 is cut off from Slurm for a while, with its
# program alive; 3 is killed; 4 is warned: the one whose SLURM_JOB_ID is the array's.
run=$work/run
submit "$run" --ridge_tasks 2
prepare1=${jobs[0]}
pipeline_jobs=("${jobs[@]}")
check "six jobs" test "${#jobs[@]}" = 6
scontrol hold "${pipeline_jobs[5]}"  # stage2-train, until the test watches it
declare -A held
for k in 1 2 3 4; do
  held[$k]=$(hold_midway "$(target "$run" multi-objective "$k")") || problem="shard $k was over too soon"
done
result "slurm: a task for each shard"

if [[ -c $work/slurm/gpu0 ]]; then
  for k in 1 2 3 4; do
    check "one GPU for task $k" grep -qzE '^CUDA_VISIBLE_DEVICES=[01]$' "/proc/${held[$k]}/environ"
  done
  result "slurm: each task sees one GPU"
else
  echo "skipped: slurm: each task sees one GPU: no device can be made here"
fi

status=$("$root/scripts/status.sh" --data_root "$run" --json)
check "the owners of four running shards" \
  test "$(grep -cE "\"process\": (${held[1]}|${held[2]}|${held[3]}|${held[4]}),$" <<<"$status")" = 4
result "slurm: status.sh shows the running shards"

scancel --signal=USR1 --batch "${prepare1}_4"
go_on "${held[4]}"
check "the warned task is queued again" \
  wait_until 20 log_says "$(log_of "$run" stage1-prepare "${prepare1}_4")" "ended with 75 .* restart 1 of"
check "it waits" wait_until 20 state_is "${prepare1}_4" PENDING
check "it leaves the others alone" \
  test "$(squeue --noheader --array --states=R --jobs="$prepare1" --format=%K | sort | tr '\n' ' ')" = "1 2 3 "
result "slurm: a warned task alone goes back to the queue"

kill -KILL "${held[3]}"
lost=$(squeue --noheader --jobs="${prepare1}_1" --format=%N)
check "tasks 1 and 2 share a node" test "$(squeue --noheader --jobs="${prepare1}_2" --format=%N)" = "$lost"
kill -KILL "$(daemon_of "$lost")"
# shellcheck disable=SC2046
kill -KILL $(task_processes "${held[1]}")
scontrol update nodename="$lost" state=down reason=lost

# --- Meanwhile, on the other node: jobs that must not run forever.
submit "$work/cancelled" --stages prepare1,train1 --array 1 --gpus 0
cancelled=("${jobs[@]}")
process=$(hold_midway "$(target "$work/cancelled" multi-objective 1)")
scancel "${cancelled[0]}"
go_on "$process"
submit "$work/wrong" --stages prepare1,train1 --array 1 --gpus 0 --prepare_flags "--seq_len -1"
wrong=("${jobs[@]}")
check "a cancelled task stays cancelled" wait_until 20 state_is "${cancelled[0]}" CANCELLED
check "its work is safe" log_says "$(log_of "$work/cancelled" stage1-prepare "${cancelled[0]}_1")" "the same command resumes"
check "what waited for it is cancelled" wait_until 20 state_is "${cancelled[1]}" CANCELLED
check "status.sh calls it interrupted" \
  grep -q '"interrupted": 1' <("$root/scripts/status.sh" --data_root "$work/cancelled" --json)
check "a task with wrong flags fails" wait_until 20 state_is "${wrong[0]}" FAILED
check "it says why" log_says "$(log_of "$work/wrong" stage1-prepare "${wrong[0]}_1")" "ended with 2 "
check "what waited for it is cancelled, too" wait_until 20 state_is "${wrong[1]}" CANCELLED
submit "$work/refused" --gpus 0 --train_time never 2>"$work/refused.err"
check "the refusal is told" grep -q "error: Slurm refused 'stage1-train'; nothing was submitted" "$work/refused.err"
check "the jobs before it" test "${#jobs[@]}" = 3
check "they are cancelled" wait_until 20 all_are CANCELLED "${jobs[@]}"
result "slurm: cancelled and failed tasks are not queued again, and nothing follows them"

# --- A time limit that is too short, and a program that is killed once too often.
submit "$work/limit" --stages prepare1 --array 1 --gpus 0 --time 3 --warn_seconds 175
limited=${jobs[0]}
warned_process=$(hold_midway "$(target "$work/limit" multi-objective 1)")
limit_log=$(log_of "$work/limit" stage1-prepare "${limited}_1")
# At once: Slurm kills a held program, too, when its time is over.
check "the warning comes" wait_until 10 log_says "$limit_log" "asked to stop (SIGUSR1)"
go_on "$warned_process"
check "the warned task is queued again" wait_until 20 log_says "$limit_log" "ended with 75 .* restart 1 of"
submit "$work/killed" --stages prepare1 --array 1 --gpus 0 --max_restarts 1
killed=${jobs[0]}
shard=$(target "$work/killed" multi-objective 1)
process=$(hold_midway "$shard")
kill -KILL "$process"
log=$(log_of "$work/killed" stage1-prepare "${killed}_1")
check "the killed task is queued again" wait_until 20 log_says "$log" "ended with 137 .* restart 1 of at most 1"
check "it goes on" wait_until 30 log_says "$log" "resuming an interrupted run"
process=$(hold_midway "$shard" "$process") || problem="the killed shard was over too soon"
kill -KILL "$process"
check "the second time it fails" wait_until 20 state_is "$killed" FAILED
check "it says that it may not start again" log_says "$log" "which is the limit"
submit "$work/killed" --stages prepare1 --array 1 --gpus 0
check "submitted again, it is finished" wait_until 30 all_are COMPLETED "${jobs[@]}"

check "it is finished" wait_until 90 all_are COMPLETED "$limited"
result "slurm: a time limit is survived, and restarts have a limit"

# --- The pipeline again.
check "the task whose program lives on the lost node is turned away" \
  wait_until 40 log_says "$(log_of "$run" stage1-prepare "${prepare1}_2")" "ended with 5 (another process is at work on it"
kill -KILL "${held[2]}"
check "what the lost node did ends" \
  wait_until 20 log_says "$(log_of "$run" stage1-prepare "${prepare1}_2")" "run 1 on $lost: ended with 137"
check "and does not queue the task that runs elsewhere" \
  test "$(grep -c "run 1 on $lost: .* back to the queue" "$(log_of "$run" stage1-prepare "${prepare1}_2")")" = 0
start_node "$lost"
check "the node is back" wait_until 20 node_is_up "$lost"
gate=$run/gating_network_model
scontrol release "${pipeline_jobs[5]}"
process=$(hold "$gate.lock" "$gate.pt" "" test -e "$gate.checkpoint") || problem="stage2-train was over too soon"
scancel --signal=USR1 --batch "${pipeline_jobs[5]}"
go_on "$process"
check "stage2-train is warned and queued again" \
  wait_until 20 log_says "$run/slurm/armorm-stage2-train-${pipeline_jobs[5]}.out" "ended with 75 .* restart 1 of"
check "the pipeline ends: $(squeue --states=all)" wait_until 90 all_are COMPLETED "${pipeline_jobs[@]}"
check "the killed task's restart" log_says "$(log_of "$run" stage1-prepare "${prepare1}_3")" "ended with 137 .* restart 1 of"
for k in 1 3 4; do
  check "task $k goes on where it ended" log_says "$(log_of "$run" stage1-prepare "${prepare1}_$k")" "resuming an interrupted run"
done
check "stage2-train goes on where it ended" \
  log_says "$run/slurm/armorm-stage2-train-${pipeline_jobs[5]}.out" "resuming an interrupted"
result "slurm: tasks that are killed or lose their node go on"

wait "$reference_run"
check "files of the pipeline" same_embeddings "$run"
check "the file of the time limit" same_embeddings "$work/limit" "multi-objective-00001-*"
check "the file of the killed task" same_embeddings "$work/killed" "multi-objective-00001-*"
result "slurm: the files are those of an uninterrupted run"

train_reference --eval_reward_bench --reward_bench_dataset "$reward_bench"
check "regression weights" same_files regression_weights/model_multi-objective.pt "$run"
check "gate" same_files gating_network_model.pt "$run"
check "no sums are left" rmdir "$run/ridge_sums"
check "status.sh shows both" test "$("$root/scripts/status.sh" --data_root "$run" | grep -c '^trained: ')" = 2
result "slurm: the train stages follow"
