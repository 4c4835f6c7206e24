# Settings of the Slurm jobs, with their defaults, in this one place. `scripts/slurm/submit.sh --NAME VALUE` sets one, and so
# does ARMORM_<NAME> in the environment, by which submit.sh passes them to the jobs. Both override the --config, and that
# overrides the defaults here. `root` is the checkout.
# shellcheck shell=bash disable=SC2034,SC2154
source "$root/scripts/lib/pipeline.sh"  # model_path, data sets, data_root, config
source "$root/scripts/lib/settings.sh"

n_shards=8             # per data set; tasks of its array job
reward_bench_shards=1  # for the RewardBench sets, which are small
max_parallel=          # tasks of one array that run at once; empty = no limit
ridge_tasks=1          # array tasks that share stage1-train's pass over the rows; 1 = no array

gpus=1                 # GPUs of each prepare task and of stage2-train: 1, or 0 for the CPU
gres=                  # generic resource of such a task; empty = gpu:1, or none without a GPU
device=                # --device of the programs; empty = 0, the task's own GPU, or -1 without a GPU
cpus=8                 # CPUs of a prepare task, and the program's threads unless the config says how many
mem=64G                # memory of a prepare task
time=24:00:00          # limit of a prepare task; unfinished work resumes in its next run
train_cpus=16          # CPUs of a train job
train_mem=64G
train_time=4:00:00
partition=             # empty = the cluster's default, as for the next three
account=
qos=
constraint=            # a shard resumes only on the kind of device that began it: name one where nodes differ
sbatch_flags=          # further flags of sbatch, separated by blanks

warn_seconds=120       # before the time limit, a task that can resume later is asked to stop
max_restarts=20        # per task, for any reason
log_dir=               # empty = <data_root>/slurm
prepare_flags=         # further flags of both prepare stages, separated by blanks; as the next two
stage1_train_flags=
stage2_train_flags=

setting_names=(model_path model_family multi_objective_dataset preference_dataset reference_dataset reward_bench_dataset
  reward_bench_2_dataset export data_root config n_shards reward_bench_shards max_parallel ridge_tasks gpus gres device cpus mem time train_cpus train_mem train_time
  partition account qos constraint sbatch_flags warn_seconds max_restarts log_dir prepare_flags stage1_train_flags
  stage2_train_flags)

# Settings that only the config decides; the jobs get them in the same way and need not ask the programs again.
config_taken=  # yes, once these are set
config_names=(config_taken threads_in_config multi_objective_split preference_split reference_split reward_bench_split
  reward_bench_2_split)

export_settings() {
  local name
  for name in "${setting_names[@]}" "${config_names[@]}"; do export "ARMORM_${name^^}=${!name}"; done
}

# Settings that depend on the config and on other settings.
complete_settings() {
  find_programs
  if [[ -z $config_taken ]]; then
    take_all_config
    config_taken=yes
  fi
  set_common
  check_count n_shards reward_bench_shards ridge_tasks
  check_gpus
  if ((gpus)); then gres=${gres:-gpu:1}; fi
  choose_device
  log_dir=${log_dir:-$data_root/slurm}
  read -ra prepare_flag_list <<<"$prepare_flags"
  read -ra stage1_train_flag_list <<<"$stage1_train_flags"
  read -ra stage2_train_flag_list <<<"$stage2_train_flags"
  read -ra sbatch_flag_list <<<"$sbatch_flags"
}

take_settings_from_environment "${setting_names[@]}" "${config_names[@]}"
