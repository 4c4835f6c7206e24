#!/usr/bin/env bash
# Runs all four stages as Jobs on Kubernetes 1.31 or later: an Indexed Job per data set for its shards, then the train
# stages, each as soon as the Jobs are complete whose files it reads. Prints a line for each Job and waits for all. It may
# be ended at any time, and the Jobs continue: the same command takes up what runs, repeats what failed, and leaves what is
# complete. --help lists the settings; --dry_run prints the manifests instead; --stages selects among
# prepare1,prepare2,train1,train2. Exit code: 0 when all Jobs are complete, 1 when one failed, 75 after a signal.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
source "$root/scripts/kubernetes/settings.sh"
source "$root/scripts/kubernetes/manifest.sh"
source "$root/scripts/lib/signals.sh"

submit_usage() {
  settings_usage "usage: $0 --image IMAGE --claim CLAIM [--dry_run] [--stages $all_stages] [--NAME VALUE]...
settings (scripts/kubernetes/settings.sh explains them), as they are now:"
}

stages=$all_stages
dry_run=
flags=()
for flag in "$@"; do
  if [[ $flag == --dry_run || $flag == --dry-run ]]; then dry_run=yes; else flags+=("$flag"); fi
done
assign_flags "stages ${setting_names[*]}" submit_usage "${flags[@]}"
check_stages
complete_settings
kubectl=(kubectl ${namespace:+--namespace="$namespace"} "${kubectl_flag_list[@]}")
if [[ -z $dry_run ]] && ! command -v kubectl >/dev/null; then
  echo "error: kubectl is not there; install it, or give --dry_run for the manifests alone" >&2
  exit 3
fi

readonly state_query='{.metadata.uid}|{.metadata.annotations.armorm/made-with}|{.status.conditions[?(@.status=="True")].type}'
readonly failure_query='{.status.conditions[?(@.type=="Failed")].reason}: {.status.conditions[?(@.type=="Failed")].message}|{.status.failedIndexes}'
readonly max_attempts=20
declare -A uid_of=()  # Job -> its uid, if it exists
watched=()            # Jobs that are not known to be complete
after=                # JOB=UID of those whose files the next Job reads

# get JOB QUERY: prints nothing if there is no such Job.
get() { "${kubectl[@]}" get job "$1" --ignore-not-found --output="jsonpath=$2"; }

# read_state JOB: sets uid_of[JOB], made_with and conditions; all are empty if there is no such Job.
read_state() {
  local text uid
  text=$(get "$1" "$state_query") || return
  IFS='|' read -r uid made_with conditions <<<"$text"
  uid_of[$1]=$uid
}

has() { [[ " $conditions " == *" $1 "* ]]; }

# submit JOB WHAT: makes the Job of the fields, unless it is running or complete with the same ones.
submit() {
  local job=$1 text digest
  field[job]=$(json_string "$job")
  field[annotations]=$(json_map armorm/what "$2" armorm/after "$after")
  text=$(render "$manifest") || exit
  digest=$(sha256sum <<<"$text" | cut -c1-64)
  field[annotations]=$(json_map armorm/what "$2" armorm/after "$after" armorm/made-with "$digest")
  text=$(render "$manifest")
  if [[ -n $dry_run ]]; then
    printf -- '---\n%s\n' "$text"
    return
  fi
  read_state "$job" || exit 3
  if [[ -n ${uid_of[$job]} ]] && keep "$job" "$digest"; then
    say "$job" "$2" "$kept"
    return
  fi
  create "$job" "$text"
  say "$job" "$2" submitted
}

say() { printf '%s\t%s\t%s\n' "$@"; }

# keep JOB DIGEST: true, with `kept` set, if it is running or complete and was made with the same settings. Otherwise it is
# removed if it has ended, and an error if it has not.
keep() {
  if has Complete && [[ $made_with == "$2" ]]; then
    kept="is complete; to run it again: ${kubectl[*]} delete job $1"
    return
  fi
  if has Complete || has Failed; then
    "${kubectl[@]}" delete job "$1" >&2 || exit 3
    return 1
  fi
  if [[ $made_with != "$2" ]]; then
    echo "error: Job $1 is running with other settings or on other files; give its own, or end it: ${kubectl[*]} delete job $1" >&2
    exit "$exit_locked"
  fi
  kept="is running"
  watched+=("$1")
}

create() {  # JOB MANIFEST
  uid_of[$1]=$("${kubectl[@]}" create --filename=- --output='jsonpath={.metadata.uid}' <<<"$2") || {
    echo "error: Kubernetes refused Job $1; it keeps the previous ones, and the same command takes them up" >&2
    exit 3
  }
  watched+=("$1")
}

# wait_for JOB...: returns when all are complete; ends this script when any Job has failed.
wait_for() {
  until [[ -n $dry_run ]] || all_complete "$@"; do
    "${kubectl[@]}" wait --for=condition=complete --timeout="${poll_seconds}s" "${@/#/job/}" >/dev/null 2>&1 || sleep 1
  done
}

# all_complete JOB...: asks for all that are watched, because `kubectl wait` does not end when a Job fails.
all_complete() {
  local job still=()
  for job in "${watched[@]}"; do
    read_state_patiently "$job"
    if [[ -z ${uid_of[$job]} ]]; then
      echo "error: Job $job was deleted; the same command makes it again" >&2
      exit 1
    fi
    if has Failed; then report_failure "$job"; fi
    if ! has Complete; then still+=("$job"); fi
  done
  watched=("${still[@]}")
  for job in "$@"; do
    if [[ " ${still[*]} " == *" $job "* ]]; then return 1; fi
  done
}

read_state_patiently() {
  local attempt
  for ((attempt = 1; attempt < max_attempts; ++attempt)); do
    if read_state "$1"; then return; fi
    sleep "$poll_seconds"
  done
  read_state "$1" || exit 3
}

report_failure() {  # JOB
  local text reason indexes
  text=$(get "$1" "$failure_query") || exit 3
  IFS='|' read -r reason indexes <<<"$text"
  echo "error: Job $1 failed: $reason${indexes:+; indexes $indexes, each a shard less 1}"
  if [[ $reason =~ exit\ code\ ([0-9]+) ]]; then echo "  exit code ${BASH_REMATCH[1]}: $(advice "${BASH_REMATCH[1]}")"; fi
  echo "  its log: ${kubectl[*]} logs --prefix --tail=20 --selector=batch.kubernetes.io/job-name=$1"
  echo "  Other Jobs continue. Once the cause is removed, the same command repeats this one and takes up the others."
  exit 1
} >&2

# prepare JOB PROGRAM DATASET SPLIT N_SHARDS
prepare() {
  local command threads n_shards=$5
  shard_command "$2" "$3" "$4"
  thread_flags "$2" "$cpus"
  # shellcheck disable=SC2016
  pod_fields "$gpus" "$cpus" "$mem" sh -c 'exec "$@" --shard_idx "$((JOB_COMPLETION_INDEX + 1))"' sh \
    "$2" "${command[@]:1}" --device "$device" "${threads[@]}" "${prepare_flag_list[@]}"
  field[tasks]=$n_shards
  field[parallelism]=${max_parallel:-$n_shards}
  submit "$1" "$2 $3"
}

# train JOB N_GPUS PROGRAM FLAG...
train() {
  local threads n_gpus=$2
  thread_flags "$3" "$train_cpus"
  pod_fields "$n_gpus" "$train_cpus" "$train_mem" "$3" "${common[@]}" "${@:4}" "${threads[@]}"
  field[tasks]=1
  field[parallelism]=1
  submit "$1" "$3"
}

# A train Job that was made after other runs of these than the present ones is not kept.
made_after() {  # JOB...
  local job
  after=
  for job in "$@"; do
    if [[ -z $dry_run && -z ${uid_of[$job]+set} ]]; then read_state "$job" || exit 3; fi
    after+="${after:+ }$job=${uid_of[$job]:-}"
  done
}

# job_of DATASET SPLIT: sets `job` to the name of its stage2-prepare; by its role, because names of sets may be anything.
job_of() {
  local role set split
  for role in preference reference reward_bench reward_bench_2; do
    set=${role}_dataset split=${role}_split
    if [[ ${!set} == "$1" && ${!split} == "$2" ]]; then break; fi
  done
  job=$prefix-stage2-prepare-${role//_/-}
}

apply_config() {
  local text
  text=$(render "$root/scripts/kubernetes/config.yaml")
  if [[ -n $dry_run ]]; then
    printf -- '---\n%s\n' "$text"
  else
    "${kubectl[@]}" apply --filename=- <<<"$text" >&2 || exit 3
  fi
}

trap 'echo "$0: ended; the Jobs continue, and the same command takes them up" >&2; exit "$exit_interrupted"' INT TERM
if [[ -n $config ]]; then config_fields; fi
common_fields
if [[ -n $config ]]; then apply_config; fi
labelled=$prefix-stage1-prepare
weights=$prefix-stage1-train
gate_job=$prefix-stage2-train
pairs=()
if wanted prepare1; then prepare "$labelled" stage1-prepare "$multi_objective_dataset" "$multi_objective_split" "$n_shards"; fi
while IFS=$'\t' read -r -u 3 dataset split; do
  n=$n_shards
  if [[ $dataset == "$reward_bench_dataset" || $dataset == "$reward_bench_2_dataset" ]]; then n=$reward_bench_shards; fi
  job_of "$dataset" "$split"
  pairs+=("$job")
  if wanted prepare2; then prepare "$job" stage2-prepare "$dataset" "$split" "$n"; fi
done 3< <(preference_sets)
if wanted train1; then
  if wanted prepare1; then wait_for "$labelled"; fi
  made_after "$labelled"
  train "$weights" 0 stage1-train --dataset_path "$multi_objective_dataset" "${stage1_train_flag_list[@]}"
fi
if wanted train2; then
  if wanted prepare2; then wait_for "${pairs[@]}"; fi
  if wanted train1; then wait_for "$weights"; fi
  made_after "${pairs[@]}" "$weights"
  gate_flags
  train "$gate_job" "$gpus" stage2-train --device "$device" "${gate[@]}" "${stage2_train_flag_list[@]}"
fi
wait_for "${watched[@]}"
