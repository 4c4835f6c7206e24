# Settings of jobs that a script submits: ARMORM_<NAME> in the environment sets one, a flag overrides it, and both override
# a --config. The caller defines the array `setting_names` and these variables with their defaults, `gpus` and `device`
# among them.
# shellcheck shell=bash disable=SC2034,SC2154

threads_in_config=  # programs for which the config sets threads, separated by blanks

# take_settings_from_environment NAME...
take_settings_from_environment() {
  local name variable
  for name in "$@"; do
    variable=ARMORM_${name^^}
    if [[ -n ${!variable+set} ]]; then
      printf -v "$name" '%s' "${!variable}"
      given["$name"]=yes
    fi
  done
}

take_all_config() {
  local program
  take_config
  for program in "${all_programs[@]}"; do
    if [[ -n ${config_values[$program.threads]+set} ]]; then threads_in_config+=" $program"; fi
  done
}

check_gpus() {
  if [[ $gpus != 0 && $gpus != 1 ]]; then
    echo "error: --gpus is '$gpus'; a program uses one GPU: give 1, or 0 for the CPU, and more shards (--n_shards) for more GPUs" >&2
    exit 2
  fi
}

# The device that the programs of a job use: its only GPU, or the CPU.
choose_device() {
  local program
  if ((gpus)); then device=${device:-0}; else device=${device:--1}; fi
  if [[ -n ${given[device]:-} ]]; then return; fi
  for program in stage1-prepare stage2-prepare stage2-train; do
    only "$program.device" "take it out, or give --gpus or --device" "$device"
  done
}

# thread_flags PROGRAM THREADS: sets `threads`; empty if the config says how many.
thread_flags() {
  threads=()
  if [[ " $threads_in_config " != *" $1 "* ]]; then threads=(--threads "$2"); fi
}

# settings_usage TEXT: prints the settings with their values, after TEXT.
settings_usage() {
  local name
  echo "$1"
  for name in "${setting_names[@]}"; do printf '  --%-24s %s\n' "$name" "${!name}"; done
} >&2

all_stages=prepare1,prepare2,train1,train2

# check_stages: `stages` may name only these, separated by commas.
check_stages() {
  local stage
  for stage in ${stages//,/ }; do
    [[ ,$all_stages, == *,"$stage",* ]] || { echo "error: --stages: '$stage' is none of ${all_stages//,/, }" >&2; exit 2; }
  done
}

wanted() { [[ ,$stages, == *,$1,* ]]; }
