# Settings of the Slurm jobs, with their defaults: here and nowhere else. `scripts/slurm/submit.sh --NAME VALUE` sets one, and so
# does ARMORM_<NAME> in the environment, by which submit.sh hands them to the jobs. `root` is the checkout.
# shellcheck shell=bash disable=SC2034,SC2154
source "$root/scripts/lib/pipeline.sh"  # model_path, data sets, data_root, config

n_shards=8             # of each data set; tasks of its array job
reward_bench_shards=1  # of the RewardBench sets, which are small
max_parallel=          # tasks of one array at work at once; empty = no limit
ridge_tasks=1          # array tasks that share stage1-train's pass over the rows; 1 = no array

gpus=1                 # GPUs of each prepare task and of stage2-train: 1, or 0 for the CPU
gres=                  # generic resource of such a task; empty = gpu:1, or none without a GPU
device=                # --device of the programs; empty = 0, the task's own GPU, or -1 without a GPU
cpus=8                 # CPUs of a prepare task, which run the program's threads
mem=64G                # memory of a prepare task
time=24:00:00          # limit of a prepare task; what is not done by then goes on in its next run
train_cpus=16          # CPUs of a train job
train_mem=64G
train_time=4:00:00
partition=             # empty = the cluster's default, as for the next three
account=
qos=
constraint=            # a shard goes on only on the kind of device that began it: name one where nodes differ
sbatch_flags=          # further flags of sbatch, separated by blanks

warn_seconds=120       # before the time limit a task that can go on later is asked to stop
max_restarts=20        # of one task, whatever the reason
log_dir=               # empty = <data_root>/slurm
prepare_flags=         # further flags of both prepare stages, separated by blanks; as the next two
stage1_train_flags=
stage2_train_flags=

setting_names=(model_path model_family multi_objective_dataset preference_dataset reference_dataset reward_bench_dataset
  reward_bench_2_dataset export data_root config n_shards reward_bench_shards max_parallel ridge_tasks gpus gres device cpus mem time train_cpus train_mem train_time
  partition account qos constraint sbatch_flags warn_seconds max_restarts log_dir prepare_flags stage1_train_flags
  stage2_train_flags)

take_settings_from_environment() {
  local name variable
  for name in "${setting_names[@]}"; do
    variable=ARMORM_${name^^}
    if [[ -n ${!variable+set} ]]; then printf -v "$name" '%s' "${!variable}"; fi
  done
}

export_settings() {
  local name
  for name in "${setting_names[@]}"; do export "ARMORM_${name^^}=${!name}"; done
}

# What depends on other settings.
complete_settings() {
  if [[ $gpus != 0 && $gpus != 1 ]]; then
    echo "error: --gpus is '$gpus'; a program uses one GPU: give 1, or 0 for the CPU, and more shards (--n_shards) for more GPUs" >&2
    exit 2
  fi
  if ((gpus)); then gres=${gres:-gpu:1} device=${device:-0}; else device=${device:--1}; fi
  log_dir=${log_dir:-$data_root/slurm}
  read -ra prepare_flag_list <<<"$prepare_flags"
  read -ra stage1_train_flag_list <<<"$stage1_train_flags"
  read -ra stage2_train_flag_list <<<"$stage2_train_flags"
  read -ra sbatch_flag_list <<<"$sbatch_flags"
}

take_settings_from_environment
