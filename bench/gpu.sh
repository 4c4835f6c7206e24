#!/usr/bin/env bash
# All that needs an NVIDIA GPU: checks of the kernels, the GPU tests, and the benchmark of a model of 8 billion parameters compared with
# transformers and with what the device reaches at most. See docs/gpu.md.
#
#   bench/gpu.sh build       builds, and collects programs, small libraries, scripts and golden values in build/gpu (about 12 MB)
#   bench/gpu.sh checks      kernels compared with float64, compute-sanitizer, GPU tests
#   bench/gpu.sh measure     ceilings, extraction in several ways, operations of a layer, transformers
#   bench/gpu.sh all         checks, then measure
#   bench/gpu.sh steps       prints the steps in their order, with expected seconds and limits
#   bench/gpu.sh resources   prints registers, shared memory and spills of each kernel, by nvcc
#
# Several may be given: `bench/gpu.sh build all`. The steps also run on another machine, without network, compiler or checkout: take
# build/gpu there and start its copy, `bash build/gpu/bench/gpu.sh all`. LibTorch and CUDA's libraries are those of that machine's
# python3 (torch; measuring also needs safetensors and transformers).
#
# Each step has a limit of its own, and one that fails or does not end stops no other. After each one, OUT gets a new report.md,
# steps.jsonl and logs.tar.gz.
#
#   OUT=FOLDER        default: WORK/out
#   TOTAL=480         seconds for all steps: one that is expected not to end in time is left out, and the report names it
#   STEPS="bf16 fp8"  only these; LIMIT=SECONDS instead of each step's own
#   DEVICE=1          the GPU; -1: the CPU, to rehearse with SHAPE=tiny LENGTHS=20-100 N_SEQUENCES=8
#   SHAPE=8b, LENGTHS=50-8192, N_SEQUENCES=250, THREADS, PYTHON, WORK=/tmp/armorm-gpu
#   SETUP=0           build: no scripts/setup.sh; without its environment LibTorch and Arrow are those of PYTHON
#
# Exit code 1: a step failed or was left out, or the build failed. 2: usage. 3: nvcc is missing.
# Commands are functions called by name:
# shellcheck disable=SC2317
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$root  # that `build` made
if [[ -e $root/CMakeLists.txt ]]; then folder=$root/build/gpu; fi
bin=$folder/bin

device=${DEVICE:-0}
shape=${SHAPE:-8b}
n_sequences=${N_SEQUENCES:-250}
threads=${THREADS:-$(nproc)}
total=${TOTAL:-480}
work=${WORK:-/tmp/armorm-gpu}
out=${OUT:-$work/out}
logs=$work/logs
deps=${ARMORM_DEPS:-$HOME/.cache/armorm/deps}
python=${PYTHON:-$(if [[ -x $deps/dev/bin/python ]]; then echo "$deps/dev/bin/python"; else echo python3; fi)}
programs=(test_model test_gating extraction_bench roofline_bench kernel_check)

say() { printf '== %s\n' "$*" >&2; }
die() {
  printf 'bench/gpu.sh: %s\n' "$*" >&2
  exit "${code:-1}"
}

# folder_of PACKAGE: of a Python package, without importing it; empty if it is not installed.
folder_of() {
  "$python" -c 'import importlib.util, sys
found = importlib.util.find_spec(sys.argv[1])
print(found.submodule_search_locations[0] if found else "")' "$1" 2>/dev/null || true
}

# --- build

enter_checkout() {
  cd "$root"
  [[ -e CMakeLists.txt ]] || code=2 die "this needs the checkout, and $root is the folder that 'build' made"
}

find_nvcc() {
  PATH=$PATH:/usr/local/cuda/bin
  command -v nvcc >/dev/null || code=3 die "nvcc is not there, without which there are no kernels to check; install CUDA's toolkit"
}

build() {
  enter_checkout
  find_nvcc
  [[ ${SETUP:-1} == 0 ]] || scripts/setup.sh --dev
  mkdir -p "$work"
  say "building"
  if ! build_programs >"$work/build.log" 2>&1; then
    tail -n 30 "$work/build.log" >&2
    die "the build failed; see $work/build.log"
  fi
  collect
}

build_programs() (
  source scripts/lib/common.sh
  prefix=$(python_prefix "$python")
  cmake --preset release -DARMORM_BUILD_BENCH=ON ${prefix:+"-DCMAKE_PREFIX_PATH=$prefix"} &&
    cmake --build --preset release --target "${programs[@]}"
)

libtorch_folder() { sed -n 's/^LibTorch_PREFIX:[A-Z]*=//p' build/release/CMakeCache.txt; }
libtorch_version() {
  find "$(libtorch_folder)/include" -name version.h -exec sed -n -E 's/^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) //p' {} + | paste -sd.
}
# compute-sanitizer looks at no other kernels.
kernel_names() {
  sed -n -E 's/__launch_bounds__\([^)]*\)//; s/^.*__global__ +void +([a-z0-9_]+)\(.*/\1/p' src/model/cuda/*.cu* | sort -u | paste -sd' '
}

# Libraries that a machine with LibTorch need not have: neither LibTorch's and CUDA's nor those of C, C++ and Python.
small_libraries() {
  local program site
  site=$(dirname "$(libtorch_folder)")
  for program in "${programs[@]}"; do ldd "build/release/bin/$program"; done | awk '$3 ~ /^\// {print $3}' | sort -u |
    grep -v -e "^$site/" -e '/libcudart\.so' -e '/lib\(c\|m\|rt\|dl\|util\|pthread\|stdc++\|gcc_s\|gomp\|z\|crypto\|ssl\)\.so' || true
}

collect() {
  local program library
  rm -rf "$folder"
  mkdir -p "$bin" "$folder/lib" "$folder/bench/extraction" "$folder/tests/goldens"
  for program in "${programs[@]}"; do strip -o "$bin/$program" "build/release/bin/$program"; done
  while IFS= read -r library; do cp -L "$library" "$folder/lib/"; done < <(small_libraries)
  cp -r bench/gpu.sh bench/gpu "$folder/bench/"
  cp bench/extraction/{make_model,shapes,transformers_loop}.py "$folder/bench/extraction/"
  cp -r tests/goldens/model "$folder/tests/goldens/"
  rm -rf "$folder/bench/gpu/__pycache__"
  printf '%s\n' "commit $(git describe --always --dirty 2>/dev/null || echo unknown)" "libtorch $(libtorch_version)" \
    "kernels $(kernel_names)" >"$folder/built"
  say "$folder holds $(du -sh "$folder" | cut -f1); kernels: $(sed -n 's/^kernels //p' "$folder/built")"
}

resources() {
  enter_checkout
  find_nvcc
  python3 bench/gpu/resources.py
}

# --- steps

# Every report begins with the machine.
is_chosen() { [[ -z ${STEPS:-} || " machine $STEPS " == *" $1 "* ]]; }

# note NAME STATUS SECONDS LIMIT [REASON]: STATUS null: it was left out for that reason.
note() {
  printf '{"step": "%s", "status": %s, "seconds": %d, "limit": %d, "reason": "%s"}\n' "$1" "$2" "$3" "$4" "${5:-}" >>"$out/steps.jsonl"
  [[ $2 == 0 ]] || failed=1
  publish
}

# Each file is complete at any time.
publish() {
  if timeout 30 "$python" "$root/bench/gpu/report.py" "$out/steps.jsonl" "$logs" >"$out/report.new" 2>"$logs/report.log"; then
    mv "$out/report.new" "$out/report.md"
  fi
  if tar -C "$logs" -czf "$out/logs.new" .; then mv "$out/logs.new" "$out/logs.tar.gz"; fi
}

# A step that was to test and skipped tests has not succeeded.
result_of() { # result_of STATUS LOG
  if [[ $1 == 0 ]] && grep -q '^skipped: ' "$2"; then echo 77; else echo "$1"; fi
}

# step NAME EXPECTED LIMIT COMMAND...: runs COMMAND for at most LIMIT seconds if EXPECTED ones are left.
step() {
  local name=$1 expected=$2 limit=${LIMIT:-$3} left status=0 begin=$SECONDS
  shift 3
  if [[ -n ${listing:-} ]]; then
    printf '%-14s %4d %4d\n' "$name" "$expected" "$limit"
    return
  fi
  is_chosen "$name" || return 0
  left=$((started + total - SECONDS))
  if ((left < expected)); then
    note "$name" null 0 "$limit" "$((left > 0 ? left : 0)) s of $total s were left, and it takes about $expected s"
    say "$name: left out"
    return
  fi
  timeout -k 5 "$((limit < left ? limit : left))" "$@" >"$logs/$name.log" 2>&1 </dev/null &
  running=$!
  wait "$running" || status=$?
  running=
  status=$(result_of "$status" "$logs/$name.log")
  note "$name" "$status" $((SECONDS - begin)) "$limit"
  say "$name: status $status after $((SECONDS - begin)) s, $((SECONDS - started)) s in all"
}

machine() { step machine 10 90 "$python" "$root/bench/gpu/facts.py" "$folder"; }

checks() {
  local name names filters=()
  read -ra names < <(sed -n 's/^kernels //p' "$folder/built" 2>/dev/null) || true
  for name in "${names[@]}"; do filters+=(--kernel-name "kns=$name"); done
  step kernels 10 60 "$bin/kernel_check"
  for name in memcheck racecheck; do
    step "$name" 20 60 compute-sanitizer --tool "$name" --error-exitcode 9 "${filters[@]}" "$bin/kernel_check" few
  done
  step test_model 45 120 "$bin/test_model" "[gpu]" --durations yes
  step test_gating 10 60 "$bin/test_gating" "[gpu]" --durations yes
}

measure() {
  local model=$work/$shape torch_device=cuda:0 half=$(((n_sequences + 1) / 2)) index=0
  if ((device < 0)); then torch_device=cpu index=-1; fi
  local bench=("$bin/extraction_bench" "$model" --device "$index" --threads "$threads" --warm_up 1)
  step ceilings 60 90 "$python" "$root/bench/gpu/ceilings.py" --shape "$shape" --device "$torch_device" --figures "$logs/ceilings.json"
  step make_model 40 120 "$python" "$root/bench/extraction/make_model.py" --shape "$shape" --lengths "${LENGTHS:-50-8192}" \
    --n_sequences "$n_sequences" --device "$torch_device" --out "$model"
  step bf16 30 90 "${bench[@]}"
  step fp8 30 90 "${bench[@]}" --precision fp8
  step bf16_flash 18 60 "${bench[@]}" --n_sequences "$half" --attention flash
  step fp8_exact 18 60 "${bench[@]}" --n_sequences "$half" --precision fp8 --fp8_accumulate exact
  step bf16_32768 16 60 "${bench[@]}" --n_sequences "$half" --batch_tokens 32768
  step invariant 16 60 "${bench[@]}" --n_sequences "$half" --batch_invariant 1
  step roofline 15 60 "$bin/roofline_bench" "$model" --device "$index" --threads "$threads" --tokens 16384 --sequence 2048
  step transformers 30 60 "$python" "$root/bench/extraction/transformers_loop.py" "$model" --device "$torch_device" --batch_size 8 \
    --threads "$threads" --n_sequences 64
  step first64 10 60 "${bench[@]}" --n_sequences 64
}

all_steps() {
  local listing=1
  machine
  checks
  measure
}

# --- runs

check_settings() {
  local name known
  [[ $total =~ ^[1-9][0-9]*$ ]] || code=2 die "TOTAL: '$total' is not a number of seconds"
  [[ $device =~ ^(-1|[0-9]+)$ ]] || code=2 die "DEVICE: '$device' is no number of a GPU, and not -1"
  known=$(all_steps | cut -d' ' -f1 | paste -sd' ')
  for name in ${STEPS:-}; do
    [[ " $known " == *" $name "* ]] || code=2 die "STEPS: '$name' is none of $known"
  done
  [[ -d $bin ]] || die "$bin is not there; first run: bench/gpu.sh build"
}

# Programs find the libraries of LibTorch and of its NVIDIA packages where Python has them. If DEVICE is not given,
# CUDA_VISIBLE_DEVICES holds.
set_environment() {
  local torch package
  torch=$(folder_of torch)
  LD_LIBRARY_PATH=$folder/lib:$torch/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  for package in "$torch"/../nvidia/*/lib; do
    if [[ -d $package ]]; then LD_LIBRARY_PATH=$LD_LIBRARY_PATH:$package; fi
  done
  export LD_LIBRARY_PATH PYTHONUNBUFFERED=1 ARMORM_SOURCE_DIR=$folder
  export USER=${USER:-$(id -u)}  # PyTorch asks for a name, which users of containers need not have
  # shellcheck disable=SC2031  # build_programs changes that of its own shell
  export PATH=$PATH:/usr/local/cuda/bin:/usr/local/cuda/compute-sanitizer
  if [[ -n ${DEVICE:-} ]] && ((device >= 0)); then export CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=$device; fi
  # On a machine that has just started, reading LibTorch's GB takes longer than the first checks, which do not need it.
  cat "$torch"/lib/libtorch_c*.so >/dev/null 2>&1 &
}

stop() {
  [[ -z $running ]] || kill "$running" 2>/dev/null || true
  exit 143
}

begin() {
  check_settings
  started=$SECONDS
  rm -rf "$logs" "$out/steps.jsonl" "$out/report.md"
  mkdir -p "$logs" "$out"
  chmod +x "$bin"/* 2>/dev/null || true # not all ways to bring a folder keep it
  trap stop TERM INT
  set_environment
  machine
}

run() { # run FUNCTION...
  local half
  [[ -n $started ]] || begin
  for half in "$@"; do "$half"; done
}

failed=0 running='' started=''
(($#)) || set -- help
for command in "$@"; do
  case $command in
    build | resources) "$command" ;;
    checks | measure) run "$command" ;;
    all) run checks measure ;;
    steps)
      printf '%-14s %4s %4s\n' step s limit
      all_steps
      ;;
    *) code=2 die "usage: bench/gpu.sh build|checks|measure|all|steps|resources ...; its first lines say more" ;;
  esac
done
if [[ -n $started ]]; then
  cat "$out/report.md"
  say "the report is $out/report.md; bench/results/ keeps it as <date>-<GPU>.md"
fi
exit "$failed"
