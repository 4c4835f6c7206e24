# The flags that prepare_embeddings.sh and train.sh share.
# shellcheck shell=bash disable=SC2034
model_path=sfairXC/FsfairX-LLaMA3-RM-v0.1
model_family=llama3
multi_objective_dataset=RLHFlow/ArmoRM-Multi-Objective-Data-v0.1
preference_dataset=RLHFlow/pair_data_v2_80K_wsafety
reference_dataset=RLHFlow/UltraFeedback-preference-standard
reward_bench_dataset=allenai/reward-bench
data_root=${ARMORM_DATA:-$HOME/data/ArmoRM}
config=
devices=
n_shards=

pipeline_usage() {
  cat >&2 <<TEXT
usage: $0 [--model_path M] [--model_family llama3|gemma2] [--multi_objective_dataset D] [--preference_dataset D]
       [--reference_dataset D] [--reward_bench_dataset D, empty = none] [--data_root DIR] [--config FILE]
       [--devices 0,1,... or -1 for the CPU] [--n_shards N]
ARMORM_BIN names the folder of the executables (default: those installed with this script, or build/release/bin).
TEXT
}

# default_bin ROOT: ROOT holds this scripts folder; an installation has it in share/armorm.
default_bin() {
  if [[ ! -d $1/build/release/bin && -x $1/../../bin/stage1-prepare ]]; then
    (cd "$1/../../bin" && pwd)
  else
    echo "$1/build/release/bin"
  fi
}

parse_pipeline_flags() {
  while (($#)); do
    case $1 in
      --model_path | --model_family | --multi_objective_dataset | --preference_dataset | --reference_dataset | \
        --reward_bench_dataset | --data_root | --config | --devices | --n_shards)
        (($# > 1)) || { pipeline_usage; exit 2; }
        printf -v "${1#--}" '%s' "$2"
        shift 2
        ;;
      *)
        pipeline_usage
        [[ $1 == --help ]] && exit 0
        echo "error: unknown flag '$1'" >&2
        exit 2
        ;;
    esac
  done
  bin=${ARMORM_BIN:-build/release/bin}
  [[ -x $bin/stage1-prepare ]] || { echo "error: $bin/stage1-prepare is not there; build first, or set ARMORM_BIN" >&2; exit 3; }
  if [[ -z $devices ]]; then
    devices=$(nvidia-smi --query-gpu=index --format=csv,noheader 2>/dev/null | paste -sd, || true)
    devices=${devices:--1}
  fi
  IFS=, read -ra device_list <<<"$devices"
  n_shards=${n_shards:-${#device_list[@]}}
  common=(--model_path "$model_path" --data_root "$data_root" ${config:+--config "$config"})
}
