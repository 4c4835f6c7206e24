#!/usr/bin/env bash
# Everything that needs an NVIDIA GPU, in one run: build, GPU tests, compute-sanitizer, then the benchmark of an
# 8B-shaped model compared with transformers. Writes bench/results/<date>-<gpu>.md. See bench/README.md.
#
#   DEVICE=0 SHAPE=8b WORK=/tmp/armorm-gpu PYTHON=... SETUP=0 SANITIZER=0 bench/gpu.sh
set -euo pipefail
cd "$(dirname "$0")/.."

device=${DEVICE:-0}
shape=${SHAPE:-8b}
work=${WORK:-/tmp/armorm-gpu}
deps=${ARMORM_DEPS:-$HOME/.cache/armorm/deps}
python=${PYTHON:-$deps/dev/bin/python}
bin=build/release/bin

build() {
  [[ ${SETUP:-1} == 0 ]] || scripts/setup.sh --dev
  cmake --preset release -DARMORM_BUILD_BENCH=ON >"$work/cmake.log"
  ninja -C build/release bin/test_model bin/test_gating bin/stage1-prepare bin/extraction_bench bin/roofline_bench \
    >"$work/build.log" || {
    tail -30 "$work/build.log" >&2
    exit 1
  }
  $bin/stage1-prepare --version >"$work/version.log"
  if ! grep -q 'own kernels' "$work/version.log"; then
    grep '^cuda' "$work/version.log" >&2
    echo "bench/gpu.sh: the build has no CUDA kernels of its own; $work/cmake.log says why" >&2
    exit 1
  fi
}

section() { printf '\n## %s\n\n' "$1"; }

run_tests() {
  section "Tests"
  local test tool
  for test in test_model test_gating; do
    $bin/$test "[gpu]" >"$work/$test.log" 2>&1 || { cat "$work/$test.log" >&2; exit 1; }
    if grep -q '^skipped' "$work/$test.log"; then
      grep '^skipped' "$work/$test.log" >&2
      echo "bench/gpu.sh: GPU tests were skipped; is there a device?" >&2
      exit 1
    fi
    echo "$test [gpu]: $(tail -2 "$work/$test.log" | head -1)"
  done
  if [[ ${SANITIZER:-1} == 0 ]]; then
    echo "compute-sanitizer: left out by SANITIZER=0"
    return
  fi
  for tool in memcheck racecheck; do
    compute-sanitizer --tool "$tool" --error-exitcode 1 $bin/test_model "[gpu]" >"$work/$tool.log" 2>&1 ||
      { tail -40 "$work/$tool.log" >&2; exit 1; }
    echo "compute-sanitizer $tool: $(grep 'SUMMARY' "$work/$tool.log" | tail -1)"
  done
}

# One table row from the JSON that a program prints.
row() {
  "$python" -c '
import json, sys
r = json.loads(sys.argv[2].strip().splitlines()[-1])
busy = "{:.1f} %".format(100 * r["busy"]) if "busy" in r else ""
load = "{:.1f}".format(r["load_seconds"]) if "load_seconds" in r else ""
print("| {} | {} | {:.2f} | {:.0f} | {} | {} |".format(
    sys.argv[1], r["tokens"], r["seconds"], r["tokens"] / r["seconds"], busy, load))' "$1" "$2"
}

benchmark() {
  local model=$work/$shape lengths=${LENGTHS:-50-8192} n=${N_SEQUENCES:-400}
  section "Random tokens, $lengths a sequence"
  "$python" bench/extraction/make_model.py --shape "$shape" --lengths "$lengths" --n_sequences "$n" --device cuda:0 \
    --out "$model"
  printf '\n'
  printf '| run | tokens | s | tokens/s | device busy | load s |\n|---|---:|---:|---:|---:|---:|\n'
  local precision tokens
  for precision in bf16 fp8; do
    row "here, $precision" "$($bin/extraction_bench "$model" --device 0 --precision "$precision")"
  done
  for tokens in 8192 32768 131072; do
    row "here, bf16, packs of $tokens" "$($bin/extraction_bench "$model" --device 0 --batch_tokens "$tokens")"
  done
  row "here, bf16, batch_invariant" "$($bin/extraction_bench "$model" --device 0 --batch_invariant 1)"
  local size
  for size in 1 8 32; do
    row "transformers, bf16, batch $size, first 64" \
      "$("$python" bench/extraction/transformers_loop.py "$model" --device cuda:0 --batch_size "$size" --n_sequences 64 2>>"$work/transformers.log")"
  done
  row "here, bf16, first 64" "$($bin/extraction_bench "$model" --device 0 --n_sequences 64)"
  section "Roofline"
  for precision in bf16 fp8; do
    $bin/roofline_bench "$model" --device 0 --precision "$precision" --tokens 32768 --sequence 2048
    echo
  done
}

mkdir -p "$work" bench/results
export PATH=$PATH:/usr/local/cuda/bin
if ! command -v nvcc >/dev/null; then
  echo "bench/gpu.sh: nvcc is not there, so that the kernels under test would not be built; install CUDA's toolkit" >&2
  exit 3
fi
if [[ ${SANITIZER:-1} != 0 ]] && ! command -v compute-sanitizer >/dev/null; then
  echo "bench/gpu.sh: compute-sanitizer is not there; install it (cuda-sanitizer-13-0) or say SANITIZER=0" >&2
  exit 3
fi
build
gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader -i "$device" | tr ' ' '-')
# Tests and benchmarks run on the first visible device, the one that the report names.
export CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=$device
report=bench/results/$(date +%F)-$gpu.md
{
  echo "# $gpu, $(date +%F), commit $(git rev-parse --short HEAD)"
  run_tests
  benchmark
} | tee "$work/report.md"
mv "$work/report.md" "$report"
echo "bench/gpu.sh: wrote $report"
