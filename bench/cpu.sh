#!/usr/bin/env bash
# Every comparison on the CPU, in one run: setup, build, then each step on an idle machine, with its ceiling measured before it.
# Writes bench/results/<date>-<processor>.md, and the figures in a .jsonl file beside it. See bench/README.md.
#
#   RLHFLOW=CHECKOUT bench/cpu.sh      RLHFLOW: a checkout of RLHFlow/RLHF-Reward-Modeling, whose script the gate is compared with
#
#   STEPS="extraction gate"   only these of: extraction operations gate debiasing ridge score tokenizer; added to the day's report
#   QUICK=1       small sizes, to try everything in some minutes; the report stays in WORK
#   ANY_LOAD=1    measure although other work keeps more than LOAD_LIMIT=0.5 cores busy, and mark it
#   THREADS=2     of all contenders (default: all cores)
#   SETUP=0       no scripts/setup.sh --dev; PYTHON=... a Python with the packages of scripts/goldens/requirements.txt
#   BIN=FOLDER    programs that are already built, instead of a build
#   MODEL=FOLDER  of bench/extraction/make_model.py, instead of one of SHAPE=327m; SCORE_MODEL=FOLDER of bench/score/make_model.py
#   SHARED=../shared, WORK=/tmp/armorm-cpu, OUT=bench/results, LIMIT=seconds for a step, N_SEQUENCES, N_PAIRS (score), REPEAT
#   LLAMA_CPP=SOURCES  also llama.cpp
#
# Exit code 1: a step failed or was not run, which the report says, or the machine was busy from the start. 2: usage.
# Steps are functions called by name:
# shellcheck disable=SC2317
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/lib/common.sh

all_steps="extraction operations gate debiasing ridge score tokenizer"
steps=${STEPS:-$all_steps}
quick=${QUICK:-0}
threads=${THREADS:-$(nproc)}
work=${WORK:-/tmp/armorm-cpu}
shared=${SHARED:-../shared}
python=${PYTHON:-$ARMORM_DEPS/dev/bin/python}
bin=${BIN:-build/release/bin}
shape=${SHAPE:-327m}
if [[ $quick == 1 ]]; then shape=${SHAPE:-tiny}; fi
model=${MODEL:-$work/$shape}
score_model=${SCORE_MODEL:-$work/score-$shape}
script=${RLHFLOW:+$RLHFLOW/armo-rm/stage-2_train.py}

# or QUICK_VALUE VALUE
or() { if [[ $quick == 1 ]]; then echo "$1"; else echo "$2"; fi; }
n_sequences=${N_SEQUENCES:-$(or 8 60)}
n_pairs=${N_PAIRS:-$(or 3 16)}
repeat=${REPEAT:-$(or 1 3)}
out=${OUT:-$(or "$work/results" bench/results)}

usage() {
  printf 'bench/cpu.sh: %s\n' "$*" >&2
  exit 2
}

check_settings() {
  local step
  for step in $steps; do
    [[ " $all_steps " == *" $step "* ]] || usage "STEPS: '$step' is none of $all_steps"
  done
  [[ $threads =~ ^[1-9][0-9]*$ ]] || usage "THREADS: '$threads' is not a number of threads"
  if [[ " $steps " == *' gate '* && ! -f $script ]]; then
    usage "RLHFLOW: '${RLHFLOW:-}' is no checkout of RLHFlow/RLHF-Reward-Modeling (armo-rm/stage-2_train.py); give one, or STEPS without gate"
  fi
}

build_programs() {
  local prefix
  [[ ${SETUP:-1} == 0 ]] || scripts/setup.sh --dev
  [[ -z ${BIN:-} ]] || return 0
  say "building"
  if [[ -x /usr/local/cuda/bin/nvcc ]] && ! command -v nvcc >/dev/null; then PATH=$PATH:/usr/local/cuda/bin; fi
  prefix=$(python_prefix "$python")
  if ! { cmake --preset release -DARMORM_BUILD_BENCH=ON ${prefix:+"-DCMAKE_PREFIX_PATH=$prefix"} &&
    cmake --build --preset release --target extraction_bench roofline_bench bench_ridge bench_debiasing bench_tokenizer score stage2-train; } >"$work/build.log" 2>&1; then
    tail -n 30 "$work/build.log" >&2
    die "the build failed; see $work/build.log"
  fi
}

failed=0
# step NAME TITLE LIMIT FLAGS COMMAND...: FLAGS are further ones of cpu_report.py, as one word.
step() {
  local name=$1 title=$2 limit=$3 flags=$4
  shift 4
  say "$title"
  # shellcheck disable=SC2086
  python3 bench/cpu_report.py step "$report" "$name" "$title" --limit "${LIMIT:-$limit}" --python "$python" --threads "$threads" \
    --ceiling "$(or '--size 512 --seconds 0.05' '')" $flags -- "$@" || failed=1
}

# What several steps read; a failure shows in their own steps as well.
inputs() {
  local pairs=$shared/data/hh_rlhf_harmless_pairs.jsonl.gz tokenizer=$shared/llama3-tokenizer
  if [[ " $steps " =~ ' extraction '|' operations ' && -z ${MODEL:-} ]]; then
    step inputs "Sequences of extraction" 900 --no_ceiling "$python" bench/extraction/make_model.py --shape "$shape" \
      --tokenizer "$tokenizer" --pairs "$pairs" --out "$model"
  fi
  if [[ " $steps " == *' score '* && -z ${SCORE_MODEL:-} ]]; then
    step inputs "Model and conversations of score" 900 --no_ceiling "$python" bench/score/make_model.py --shape "$shape" \
      --tokenizer "$tokenizer" --pairs "$pairs" --n_pairs "$n_pairs" --out "$score_model"
  fi
}

extraction() {
  step extraction "Extraction compared with transformers" 1500 '' "$python" bench/extraction/compare.py "$model" --bin "$bin" \
    --n_sequences "$n_sequences" --threads "$threads" --precisions bf16,fp32,int8 --kernels --dtypes bfloat16,float32 \
    --batch_sizes 1,4,16 --rounds "$(or 1 2)" --work "$work/extraction" --figures "$work/extraction.json" \
    ${LLAMA_CPP:+--llama_cpp "$LLAMA_CPP" --tokenizer "$shared/llama3-tokenizer"}
}

operations() {
  step operations "Operations of a layer" 600 '' "$python" bench/extraction/operations.py "$model" --bin "$bin" --threads "$threads" \
    --tokens "$(or 128 2048)" --kernels --figures "$work/operations.json"
}

gate() {
  local sizes
  read -ra sizes <<<"$(or '--pairs 1500 --width 256 --steps 2 6' '--pairs 8000 --width 4096 --steps 20 60')"
  step gate "Gate training compared with the published script" 900 '' "$python" bench/gating/compare_script.py "$bin/stage2-train" \
    "$script" --threads "$threads" --repeat "$repeat" "${sizes[@]}" --figures "$work/gate.json"
}

debiasing() {
  step debiasing "Search for verbosity penalties compared with SciPy, one thread" 300 '' "$python" bench/gating/compare_scipy.py \
    "$bin/bench_debiasing" --pairs "$(or 2000 80000)" --rounds "$repeat" --figures "$work/debiasing.json"
}

ridge() {
  local masks sizes
  read -ra sizes <<<"$(or '--rows 3000 --features 128' '--rows 50000 --features 1024')"
  for masks in own overlapping; do
    step "ridge-$masks" "Ridge regression compared with scikit-learn, $masks masks" 900 '' "$python" bench/ridge/compare_sklearn.py \
      "$bin/bench_ridge" --masks "$masks" --threads "$threads" --repeat "$repeat" "${sizes[@]}" --figures "$work/ridge-$masks.json"
  done
}

score() {
  step score "Scoring compared with transformers" 900 '' "$python" bench/score/compare.py "$score_model" \
    "$score_model/conversations.jsonl" --score "$bin/score" --threads "$threads" --precision bf16,fp32,int8 --batch_sizes 1,8 \
    --figures "$work/score.json"
}

tokenizer() {
  step tokenizer "Tokenizer compared with tokenizers" 300 '' "$python" bench/tokenizer/run.py "$bin/bench_tokenizer" "$(or 1 5)" \
    --figures "$work/tokenizer.json"
}

# A complete run replaces the day's report, chosen steps are added to it.
begin_report() {
  report=$out/$(date +%F)-$(python3 bench/cpu_report.py processor).md
  if [[ -z ${STEPS:-} || $quick == 1 ]]; then rm -f "$report" "${report%.md}.jsonl"; fi
  python3 bench/cpu_report.py begin "$report" --python "$python" --bin "$bin" --threads "$threads" ${script:+--script "$script"} \
    ${quick:+$(or --quick '')}
}

check_settings
mkdir -p "$work" "$out"
python3 bench/cpu_report.py idle || exit 1
build_programs
begin_report
inputs
for name in $steps; do "$name"; done
say "wrote $report"
exit "$failed"
