# Settings of the Kubernetes Jobs, with their defaults, in this one place. `scripts/kubernetes/submit.sh --NAME VALUE` sets
# one, and so does ARMORM_<NAME> in the environment; both override the --config, and that overrides the defaults here. Paths
# are those of the containers, except config and manifest. `root` is the checkout.
# shellcheck shell=bash disable=SC2034,SC2154
source "$root/scripts/lib/pipeline.sh"  # model_path, data sets, config
source "$root/scripts/lib/settings.sh"

image=                 # has the programs on its PATH; needed
claim=                 # PersistentVolumeClaim for the data root, the Hub cache, and models and sets that are files; needed
mount=/data            # where it is mounted; relative paths count from here
data_root=             # empty = <mount>
prefix=armorm          # of the names of all Jobs; runs at the same time need different ones
namespace=             # empty = that of kubectl's context
kubectl_flags=         # further flags of kubectl, separated by blanks
manifest=              # a changed copy of job.yaml; empty = job.yaml itself

n_shards=8             # per data set; pods of its Job
reward_bench_shards=1  # for the RewardBench sets, which are small
max_parallel=          # pods of one Job that run at once; empty = no limit

gpus=1                 # GPUs of each prepare pod and of stage2-train: 1, or 0 for the CPU
gpu_resource=nvidia.com/gpu
device=                # --device of the programs; empty = 0, the pod's own GPU, or -1 without a GPU
cpus=8                 # CPUs of a prepare pod, and the program's threads unless the config says how many
mem=64Gi               # memory of a prepare pod
train_cpus=16          # CPUs of a train pod
train_mem=64Gi
node_selector=         # KEY=VALUE,...; a shard resumes only on the kind of device that began it: name one where nodes differ
labels=                # KEY=VALUE,... of the Jobs, such as a queue's
secret=                # its keys become environment variables of the programs: HF_TOKEN, https_proxy
user=1000              # user and group that run the programs and own new files; empty = those of image and cluster

grace_seconds=120      # between the request to stop and the kill
max_restarts=20        # per pod, after kills and lost locks; disruptions and 75 do not count
poll_seconds=15        # between two queries of the Jobs' states, and before kubectl is tried again
prepare_flags=         # further flags of both prepare stages, separated by blanks; as the next two
stage1_train_flags=
stage2_train_flags=

setting_names=(image claim mount data_root prefix namespace kubectl_flags manifest model_path model_family multi_objective_dataset
  preference_dataset reference_dataset reward_bench_dataset reward_bench_2_dataset export config n_shards reward_bench_shards
  max_parallel gpus gpu_resource device cpus mem train_cpus train_mem node_selector labels secret user grace_seconds max_restarts
  poll_seconds prepare_flags stage1_train_flags stage2_train_flags)

refuse_setting() {  # NAME EXPECTED
  echo "error: --$1 is '${!1}'; expected $2" >&2
  exit 2
}

# check_form PATTERN EXPECTED NAME...
check_form() {
  local pattern=$1 expected=$2 setting
  shift 2
  for setting in "$@"; do
    [[ ${!setting} =~ ^($pattern)$ ]] || refuse_setting "$setting" "$expected"
  done
}

# check_on_volume NAME: what lies elsewhere in a container is lost with it.
check_on_volume() {
  [[ ${!1} == "$mount" || ${!1} == "${mount%/}"/?* && /${!1}/ != */../* ]] ||
    refuse_setting "$1" "$mount (--mount, where the volume is) or a path below it, which outlives a pod"
}

check_settings() {
  local label='([a-z0-9.-]+/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?' value='([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?'
  check_form '[^[:space:]]+' "the name of an image" image
  check_form '[a-z0-9]([-a-z0-9.]*[a-z0-9])?' "the name of a PersistentVolumeClaim" claim
  # A pod's name has at most 63 characters; -stage2-prepare-reward-bench-2 and an index follow.
  check_form '[a-z]([-a-z0-9]{0,23}[a-z0-9])?' "at most 25 of a-z, 0-9 and -, a letter first, no - at the end" prefix
  check_form '/[^:]*[^:/]' "an absolute path, without a colon and a slash at its end" mount
  check_form '[1-9][0-9]*([MGT]i?)?' "a quantity of memory, such as 64Gi" mem train_mem
  check_form "($label=$value(,$label=$value)*)?" "KEY=VALUE, and more after commas" labels node_selector
  check_form '([a-z0-9.-]+/)?[A-Za-z0-9][-A-Za-z0-9_.]*' "the name of a resource" gpu_resource
  check_form '([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?' "the name of a Secret" secret
  check_form '([1-9][0-9]{0,9})?' "the number of an unprivileged user" user
  check_count n_shards reward_bench_shards cpus train_cpus grace_seconds max_restarts poll_seconds
  if [[ -n $max_parallel ]]; then check_count max_parallel; fi
  check_gpus
  check_on_volume data_root
  if [[ -n $export ]]; then check_on_volume export; fi
}

# Settings that depend on the config and on other settings. Only a config needs the programs on this machine, to read it.
complete_settings() {
  bin=  # in the image they are on the PATH
  if [[ -n $config ]]; then
    find_programs
    take_all_config
  fi
  config_file=$config
  config=${config:+/etc/armorm/config.json}
  data_root=${data_root:-$mount}
  set_common
  manifest=${manifest:-$root/scripts/kubernetes/job.yaml}
  check_settings
  choose_device
  read -ra prepare_flag_list <<<"$prepare_flags"
  read -ra stage1_train_flag_list <<<"$stage1_train_flags"
  read -ra stage2_train_flag_list <<<"$stage2_train_flags"
  read -ra kubectl_flag_list <<<"$kubectl_flags"
}

take_settings_from_environment "${setting_names[@]}"
