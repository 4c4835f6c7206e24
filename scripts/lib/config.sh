# Values of a --config, as printed by the programs themselves. The scripts pass model, data sets and the like on the
# command line, which overrides a config, so they must read these values first. `bin` holds the programs.
# shellcheck shell=bash disable=SC2034,SC2154
declare -A given=()          # NAME -> yes, for values that the user gave as a flag or in the environment
declare -A config_values=()  # PROGRAM.KEY -> value
prepare_programs=(stage1-prepare stage2-prepare)
all_programs=(stage1-prepare stage1-train stage2-prepare stage2-train)

refuse_config() {
  echo "error: --config $config: $*" >&2
  exit 2
}

read_config() {
  local program name value text
  [[ -n $config ]] || return 0
  for program in "${all_programs[@]}"; do
    text=$("$bin/$program" --config "$config" --print_config) || exit  # it prints the reason
    while IFS=$'\t' read -r name value; do
      if [[ -n $name ]]; then config_values[$program.$name]=$value; fi
    done <<<"$text"
  done
}

# from_config NAME PROGRAM.KEY...: sets the variable NAME to the config's value at these places, unless the user gave
# --NAME.
from_config() {
  local name=$1 place first=
  shift
  [[ -z ${given[$name]:-} ]] || return 0
  for place in "$@"; do
    if [[ -z ${config_values[$place]+set} ]]; then continue; fi
    if [[ -z $first ]]; then
      first=$place
      printf -v "$name" '%s' "${config_values[$place]}"
    elif [[ ${config_values[$place]} != "${!name}" ]]; then
      refuse_config "$first is '${!name}', but $place is '${config_values[$place]}'; one run of all stages needs one value:" \
        "make them equal, or give --$name"
    fi
  done
}

# from_everywhere NAME: for an option with the same name in every program.
from_everywhere() { from_config "$1" "${all_programs[@]/%/.$1}"; }

# take_evaluation NAME PUBLISHED: sets NAME_dataset, empty if stage2-train is not to evaluate on it.
take_evaluation() {
  [[ -z ${given[$1_dataset]:-} ]] || return 0
  local set=${config_values[stage2-train.$1_dataset]:-$2} name=$1_dataset
  case ${config_values[stage2-train.eval_$1]:-} in
    true) ;;
    false) set= ;;
    *) if [[ -z ${!name} ]]; then set=; fi ;;
  esac
  printf -v "$name" '%s' "$set"
}

# only PROGRAM.KEY REMEDY VALUE...: fails unless the config has one of these values there, or none; the scripts set it
# themselves.
only() {
  local place=$1 remedy=$2 value
  shift 2
  if [[ -z ${config_values[$place]+set} ]]; then return; fi
  for value in "$@"; do
    if [[ ${config_values[$place]} == "$value" ]]; then return; fi
  done
  refuse_config "$place is '${config_values[$place]}', but this script runs with ${*@Q}; $remedy"
}

take_config() {
  read_config
  ((${#config_values[@]})) || return 0
  local name
  for name in model_path data_root; do from_everywhere "$name"; done
  from_config model_family stage2-prepare.model_family stage2-train.model_family
  from_config multi_objective_dataset stage1-prepare.dataset_path stage1-train.dataset_path stage2-train.multi_objective_dataset
  from_config multi_objective_split stage1-prepare.dataset_split
  from_config n_shards "${prepare_programs[@]/%/.n_shards}"
  for name in preference_dataset reference_dataset {preference,reference,reward_bench,reward_bench_2}_split export; do
    from_config "$name" "stage2-train.$name"
  done
  take_evaluation reward_bench allenai/reward-bench
  take_evaluation reward_bench_2 allenai/reward-bench-2
  refuse_overridden
}

# Fails on config keys that the command line would override and that have no flag here.
refuse_overridden() {
  local program
  for program in "${prepare_programs[@]}"; do
    if [[ -n ${config_values[$program.shard_idx]+set} ]]; then
      refuse_config "$program.shard_idx is '${config_values[$program.shard_idx]}', but this script makes every shard; take it out"
    fi
  done
  if [[ -z ${given[preference_dataset]:-} ]]; then
    only stage2-prepare.dataset_path "name the set in section stage2-train, or with --preference_dataset or its like" \
      "$preference_dataset" ${reference_dataset:+"$reference_dataset"} ${reward_bench_dataset:+"$reward_bench_dataset"} \
      ${reward_bench_2_dataset:+"$reward_bench_2_dataset"} "$multi_objective_dataset"
  fi
  only stage2-prepare.dataset_split "name the split in section stage2-train, as preference_split or its like" \
    "$preference_split" "$reference_split" "$reward_bench_split" "$reward_bench_2_split" "$multi_objective_split"
}
