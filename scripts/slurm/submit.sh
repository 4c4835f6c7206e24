#!/usr/bin/env bash
# Submits all four stages to Slurm: an array job per data set for its shards, followed by the train stages. Prints a job
# id and its name per line. submit.sh --help lists the settings; --dry_run prints the sbatch commands instead; --stages
# selects among prepare1,prepare2,train1,train2; --array 3,7 makes only those shards, of the sets that have n_shards.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
source "$root/scripts/slurm/settings.sh"

submit_usage() {
  settings_usage "usage: $0 [--dry_run] [--stages $all_stages] [--array SHARDS] [--NAME VALUE]...
settings (scripts/slurm/settings.sh explains them), as they are now:"
}

stages=$all_stages
array=
dry_run=
flags=()
for flag in "$@"; do
  if [[ $flag == --dry_run || $flag == --dry-run ]]; then dry_run=yes; else flags+=("$flag"); fi
done
assign_flags "stages array ${setting_names[*]}" submit_usage "${flags[@]}"
check_stages
export ARMORM_HOME=$root
export ARMORM_BIN=${ARMORM_BIN:-$(default_bin "$root")}
complete_settings
if ((ridge_tasks > n_shards)); then
  echo "note: --ridge_tasks $ridge_tasks: the multi-objective set has $n_shards shards (--n_shards), so that many tasks are enough" >&2
  ridge_tasks=$n_shards
fi

submitted=()
# submit NAME DEPENDENCIES SBATCH-ARGUMENT...: sets job_id. DEPENDENCIES: job ids separated by ':', or nothing. When
# Slurm refuses a job, the previous ones are cancelled.
submit() {
  local name=$1 dependencies=$2 line
  shift 2
  line=(sbatch --parsable --export=ALL ${partition:+--partition="$partition"} ${account:+--account="$account"}
    ${qos:+--qos="$qos"} ${constraint:+--constraint="$constraint"} "${sbatch_flag_list[@]}"
    ${dependencies:+--dependency=afterok:"$dependencies" --kill-on-invalid-dep=yes} "$@")
  if [[ -n $dry_run ]]; then
    submitted+=("")
    job_id="<job ${#submitted[@]}>"
    printf '%s ' "${line[@]@Q}" | sed "s/'\([-A-Za-z0-9_=.,:%@/]*\)'/\1/g"  # quotes only where a shell needs them
    echo
    return
  fi
  if ! job_id=$("${line[@]}"); then
    if ((${#submitted[@]})); then scancel "${submitted[@]}"; fi
    echo "error: Slurm refused '$name'; nothing was submitted" >&2
    exit 1
  fi
  job_id=${job_id%%;*}  # the name of a cluster may follow
  submitted+=("$job_id")
  printf '%s\t%s\n' "$job_id" "$name"
}

# prepare NAME SCRIPT N_SHARDS ARGUMENT... The numbers of --array refer to n_shards. RewardBench has fewer shards and is
# made completely, which takes no time if it is finished.
prepare() {
  local name=$1 script=$2 n=$3 tasks=1-$3
  shift 3
  if ((n == n_shards)); then tasks=${array:-$tasks}; fi
  submit "$name" "" --array="$tasks${max_parallel:+%$max_parallel}" --output="$log_dir/%x-%A_%a.out" ${gres:+--gres="$gres"} \
    --cpus-per-task="$cpus" --mem="$mem" --time="$time" --signal="B:USR1@$warn_seconds" "$root/scripts/slurm/$script" "$@"
}

train_flags=(--cpus-per-task="$train_cpus" --mem="$train_mem" --time="$train_time")

train_stage1() {  # DEPENDENCIES
  local sums=
  if ((ridge_tasks > 1)); then
    submit "stage1-train sums" "$1" --array="1-$ridge_tasks" --output="$log_dir/%x-%A_%a.out" "${train_flags[@]}" "$root/scripts/slurm/train_stage1_sums.sbatch"
    sums=$job_id
  fi
  submit stage1-train "${sums:-$1}" --output="$log_dir/%x-%j.out" "${train_flags[@]}" "$root/scripts/slurm/train_stage1.sbatch" ${sums:+"$sums"}
}

if [[ -z $dry_run ]]; then mkdir -p "$log_dir"; fi
export_settings
labelled=
pairs=
if wanted prepare1; then
  prepare "stage1-prepare $multi_objective_dataset" prepare_stage1.sbatch "$n_shards"
  labelled=$job_id
fi
if wanted prepare2; then
  while IFS=$'\t' read -r dataset split; do
    n=$n_shards
    if [[ $dataset == "$reward_bench_dataset" || $dataset == "$reward_bench_2_dataset" ]]; then n=$reward_bench_shards; fi
    prepare "stage2-prepare $dataset" prepare_stage2.sbatch "$n" "$dataset" "$split" "$n"
    pairs=${pairs:+$pairs:}$job_id
  done < <(preference_sets)
fi
weights=
if wanted train1; then
  train_stage1 "$labelled"
  weights=$job_id
fi
if wanted train2; then
  submit stage2-train "${pairs}${weights:+${pairs:+:}$weights}" --output="$log_dir/%x-%j.out" "${train_flags[@]}" \
    ${gres:+--gres="$gres"} --signal="B:USR1@$warn_seconds" "$root/scripts/slurm/train_stage2.sbatch"
fi
