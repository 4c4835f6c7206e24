# Shared by the batch scripts. Slurm runs a copy of them, so they find the checkout by ARMORM_HOME (`root`).
# shellcheck shell=bash disable=SC2154
source "$root/scripts/slurm/settings.sh"
complete_settings

task_cpus=${SLURM_CPUS_PER_TASK:-0}  # 0 = not known; the programs then use all

say() { printf '%s task %s, run %d on %s: %s\n' "$(date -u +%FT%TZ)" "$(task_id)" "$((${SLURM_RESTART_COUNT:-0} + 1))" "${SLURMD_NODENAME:-$HOSTNAME}" "$*" >&2; }

# For a task of an array, SLURM_JOB_ID is the id of the complete array.
task_id() {
  if [[ -n ${SLURM_ARRAY_JOB_ID:-} ]]; then echo "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"; else echo "$SLURM_JOB_ID"; fi
}

# False once Slurm is ending the task (after scancel, at the time limit, because the node is lost), and when it runs
# again elsewhere because this node was cut off. During a preemption's grace time, and after a warning, it stays true.
is_wanted() {
  local state restarts
  read -r state restarts < <(squeue --noheader --jobs="$(task_id)" --Format=State:20,RestartCnt:10)
  [[ $state == RUNNING && $restarts == "${SLURM_RESTART_COUNT:-0}" ]]
}

# requeue EXIT-CODE: puts this task back into the queue; Slurm then ends this script.
requeue() {
  local restarts=${SLURM_RESTART_COUNT:-0}
  if ((restarts >= max_restarts)); then
    say "ended with $1 after $restarts restarts, which is the limit (max_restarts); submit again to resume"
    exit "$1"
  fi
  say "ended with $1 ($(advice "$1")): back to the queue, restart $((restarts + 1)) of at most $max_restarts"
  scontrol requeue "$(task_id)" || say "cannot be put back into the queue; submit again to resume"
  exit "$1"
}

# run_resumable COMMAND...: runs a program that can resume, after watch_signals(). Signals are forwarded to it; it saves
# its work and exits with 75. The task is requeued after that, when the program was killed, and while another process, such as one still
# running on a lost node, holds its output.
run_resumable() {
  local status=0
  say "$*"
  run_child "$@" || status=$?
  if ((status == 0)); then exit 0; fi
  if { may_go_on "$status" || ((status == exit_locked)); } && is_wanted; then requeue "$status"; fi
  say "ended with $status ($(advice "$status"))"
  exit "$status"
}

# run_shard PROGRAM DATASET SPLIT N_SHARDS: makes the shard with the number of the task.
run_shard() {
  local command
  n_shards=$4
  shard_command "$1" "$2" "$3" "${SLURM_ARRAY_TASK_ID:?submit this as an array: --array=1-$n_shards}"
  thread_flags "$1" "$task_cpus"
  run_resumable "${command[@]}" --device "$device" "${threads[@]}" "${prepare_flag_list[@]}"
}
