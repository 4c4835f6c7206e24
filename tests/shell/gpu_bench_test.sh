#!/usr/bin/env bash
# bench/gpu.sh keeps the order and the limits of its steps, stops at nothing, and reports what there is after each, with stubs for the
# programs; bench/gpu/resources.py reads what nvcc says.
set -uo pipefail
source "$(dirname "$0")/support.sh"
trap remove_work EXIT
if ! command -v python3 >/dev/null; then
  echo "skipped: gpu bench: python3 is not installed"
  exit
fi

# What `bench/gpu.sh build` collects. Each stub logs its name and arguments, does what $stub_rule says, and prints what the real one would.
export stub_log=$work/stub.log stub_rule=$work/stub.rule
folder=$work/folder
mkdir -p "$folder/bench" "$folder/bin" "$work/path"
cp -r "$root/bench/gpu.sh" "$root/bench/gpu" "$folder/bench/"
printf '%s\n' "commit abc1234" "libtorch 2.11.0" "kernels gate_rows norm_rows" >"$folder/built"
cat >"$folder/bin/extraction_bench" <<'STUB'
#!/usr/bin/env bash
name=${0##*/}
if [[ $name == python ]]; then
  name=${1##*/}
  if [[ $name == report.py ]]; then exec python3 "$@"; fi
  if [[ $name == -c ]]; then exit; fi
fi
echo "$name $*" >>"$stub_log"
source "$stub_rule"
case $name in
  facts.py) printf '| GPU | NVIDIA Stub |\n| programs | commit abc1234, built with LibTorch 2.11.0 |\n' ;;
  kernel_check) printf '12 checks, 0 failed\n\n| kernel | ms | GB/s | of the copy |\n|---|---:|---:|---:|\n| rope | 1 | 2 | 3 %% |\n' ;;
  compute-sanitizer) echo "========= ERROR SUMMARY: 0 errors" ;;
  test_*) printf '===============\nAll tests passed (50 assertions in 22 test cases)\n' ;;
  ceilings.py)
    while [[ $1 != --figures ]]; do shift; done
    echo '{"layers": 31, "products_alone": {"bf16": {"4096": 3000.0, "32768": 4000.0}, "fp8": {"4096": 8000.0}}}' >"$2"
    ;;
  make_model.py) echo "250 sequences, 400000 tokens, mean 1600" ;;
  extraction_bench) echo '{"tokens": 1000, "seconds": 0.5, "busy": 0.91, "load_seconds": 2.0}' ;;
  transformers_loop.py) printf '{"tokens": 1000, "seconds": 2.0, "versions": "transformers 5.17.0"}\na warning at its end\n' ;;
  roofline_bench) printf '| operation | of the product |\n|---|---:|\n| one layer | 31.5 |\n' ;;
esac
STUB
chmod +x "$folder/bin/extraction_bench"
for name in test_model test_gating roofline_bench kernel_check python compute-sanitizer; do cp "$folder/bin/extraction_bench" "$folder/bin/$name"; done
mv "$folder/bin/compute-sanitizer" "$folder/bin/python" "$work/path/"

settings=(-u STEPS -u LIMIT -u TOTAL -u DEVICE -u SHAPE -u N_SEQUENCES -u LENGTHS OUT="$work/out" WORK="$work/scratch" THREADS=4
  PYTHON="$work/path/python" PATH="$work/path:$PATH")
# gpu RULE COMMANDS [VARIABLE=VALUE...]: sets `status`; what it prints is in $work/said.
gpu() {
  printf '%s\n' "$1" >"$stub_rule"
  local commands
  read -ra commands <<<"$2"
  shift 2
  : >"$stub_log"
  status=0
  env "${settings[@]}" "$@" "$folder/bench/gpu.sh" "${commands[@]}" >"$work/said" 2>&1 || status=$?
}
report=$work/out/report.md
reports() { grep -qE -e "$1" "$report"; }
says() { grep -q -e "$1" "$work/said"; }
was_run() { grep -qE -e "$1" "$stub_log"; }
names() { cut -d ' ' -f 1 "$1" | paste -sd ' '; }
steps_of() { python3 -c 'import json, sys; print(*(s["step"] for s in map(json.loads, open(sys.argv[1]))))' "$work/out/steps.jsonl"; }

gpu '' steps
check "status $status" test "$status" = 0
check "something was run" test ! -s "$stub_log"
listed=$(sed 1d "$work/said" | awk '{print $1}' | paste -sd ' ')
check "listed: $listed" test "$listed" = "machine kernels memcheck racecheck test_model test_gating ceilings make_model bf16 fp8 bf16_flash fp8_exact bf16_32768 invariant roofline transformers first64"
check "expected in all: more than 400 s" test "$(awk 'NR > 1 {s += $2} END {print (s < 400)}' "$work/said")" = 1
for name in $listed; do check "docs/gpu.md lacks $name" grep -qE "^\| ([a-z0-9_]+, )*$name(,| \|)" "$root/docs/gpu.md"; done
check "a limit is below what is expected" test "$(awk 'NR > 1 && $3 < $2 {print $1}' "$work/said")" = ""
gpu '' all
check "status $status: $(tail -n 3 "$work/said")" test "$status" = 0
check "steps: $(steps_of)" test "$(steps_of)" = "$listed"
check "order: $(names "$stub_log")" test "$(names "$stub_log")" = "facts.py kernel_check compute-sanitizer compute-sanitizer test_model test_gating ceilings.py make_model.py extraction_bench extraction_bench extraction_bench extraction_bench extraction_bench extraction_bench roofline_bench transformers_loop.py extraction_bench"
for text in '^# NVIDIA Stub, 20.*, commit abc1234$' '^- test_model \[gpu\]: All tests passed .50 assertions in 22' '^12 checks, 0 failed' \
  '^- compute-sanitizer racecheck, our kernels: ERROR SUMMARY: 0' '^250 sequences, 400000 tokens' '^\| here, bf16 \| 1000 \| 0.50 \| 2000 \| 50 % \|' \
  '^\| here, fp8 .* \| 25 % \|' '^\| here, bf16, the first 64 .* \| 4.00 \| 91.0 % \| 2.0 \|' 'Compared with: transformers 5.17.0' \
  '^\| one layer \| 31.5'; do
  check "the report lacks $text" reports "$text"
done
check "nothing failed" eval '! reports "What failed"'
check "logs" test "$(tar -tzf "$work/out/logs.tar.gz" | grep -c '\.log$')" -ge 15
result "gpu bench: the steps run in the order that they are listed in, and the report compares them"

check "only our kernels" was_run '^compute-sanitizer --tool memcheck --error-exitcode 9 --kernel-name kns=gate_rows --kernel-name kns=norm_rows .*kernel_check few$'
check "a kernel whose name gpu.sh does not find" test "$(grep -h '__global__' "$root"/src/model/cuda/*.cu* | grep -cvE '__global__ void [a-z0-9_]+\(|__global__ void __launch_bounds__\([^)]*\) [a-z0-9_]+\(')" = 0
result "gpu bench: compute-sanitizer checks our kernels alone"

# shellcheck disable=SC2016
gpu 'if [[ $name == test_model ]]; then echo "ops_test.cpp:152: FAILED"; exit 3; fi; if [[ $* == *fp8* ]]; then sleep 60; fi' all LIMIT=1
check "status $status" test "$status" = 1
check "steps: $(steps_of)" test "$(steps_of)" = "$listed"
for text in '^\| test_model \| \*\*failed\*\*, status 3 ' '^ops_test.cpp:152: FAILED$' '^\| fp8 \| \*\*stopped at its limit of 1 s' '^\| first64 \| ok ' \
  '^- test_gating' '^\| here, bf16 '; do
  check "the report lacks $text" reports "$text"
done
check "fp8 has no figures" eval '! reports "^. here, fp8 "'
result "gpu bench: a step that fails or does not end stops nothing"

# shellcheck disable=SC2016
gpu 'if [[ $name == test_gating ]]; then echo "skipped: on CUDA: no CUDA device"; fi' checks
check "status $status" test "$status" = 1
check "it is named" reports '^\| test_gating \| \*\*tests were skipped\*\*'
check "they are counted" reports '22 test cases\); \*\*1 skipped\*\*$'
check "not measured" eval '! was_run extraction_bench'
result "gpu bench: tests that were skipped are no success"

gpu '' measure STEPS="make_model first64" TOTAL=35
check "status $status" test "$status" = 1
check "steps: $(steps_of)" test "$(steps_of)" = "machine make_model first64"
check "it is named" reports '^\| make_model \| left out: [0-9]+ s of 35 s were left, and it takes about 40 s'
check "it ran" eval '! was_run make_model'
check "a shorter one is run" reports '^\| first64 \| ok '
result "gpu bench: steps that the total leaves no time for are left out by name"

# shellcheck disable=SC2016
printf 'if [[ $name == test_model ]]; then touch "%s"; exec sleep 60; fi\n' "$work/begun" >"$stub_rule"
env "${settings[@]}" "$folder/bench/gpu.sh" checks >"$work/said" 2>&1 &
process=$!
check "it has not begun" wait_until 30 test -e "$work/begun"
kill "$process"
status=0
wait "$process" || status=$?
check "status $status" test "$status" = 143
check "what was done before is reported" reports '^\| racecheck \| ok '
check "and kept" test "$(tar -tzf "$work/out/logs.tar.gz" | grep -c 'racecheck.log')" = 1
result "gpu bench: a run that is stopped keeps what it has"

mkdir "$work/broken"
echo '{"step": "bf16", "status": 137, "seconds": 90, "limit": 90, "reason": ""}' >"$work/broken/steps.jsonl"
printf '{"tokens": 1000, "sec' >"$work/broken/bf16.log"
echo '{"layers": 31, "prod' >"$work/broken/ceilings.json"
check "a report" python3 "$root/bench/gpu/report.py" "$work/broken/steps.jsonl" "$work/broken" >"$work/said"
check "what broke off" says '^| bf16 | \*\*killed at its limit of 90 s\*\* | 90 | 90 |$'
check "its output" says '^{"tokens": 1000, "sec$'
check "no logs at all" python3 "$root/bench/gpu/report.py" "$work/broken/none" "$work/none" >"$work/said"
check "its title" says '^# no GPU, '
result "gpu bench: a report is made of what is there"

gpu '' all STEPS="bf16 speed"
check "status $status" test "$status" = 2
check "$(tail -n 1 "$work/said")" says "STEPS: 'speed' is none of machine kernels"
gpu '' "all" TOTAL=soon
check "status $status" test "$status" = 2
gpu '' everything
check "status $status" test "$status" = 2
check "$(tail -n 1 "$work/said")" says 'usage: bench/gpu.sh build'
gpu '' build
check "status $status" test "$status" = 2
check "$(tail -n 1 "$work/said")" says 'this needs the checkout'
check "something was run" test ! -s "$stub_log"
result "gpu bench: unknown steps and commands are refused"

cat >"$work/path/nvcc" <<'STUB'
#!/usr/bin/env bash
cat >&2 <<TEXT
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z9norm_rowsIfLi4EEvPT_' for 'sm_90'
ptxas info    : Function properties for _Z9norm_rowsIfLi4EEvPT_
    8 bytes stack frame, $stored bytes spill stores, 0 bytes spill loads
ptxas info    : Used 40 registers, used 1 barriers, 8 bytes cumulative stack size, 128 bytes smem
TEXT
STUB
chmod +x "$work/path/nvcc"
resources() {
  status=0
  stored=$1 python3 "$root/bench/gpu/resources.py" --nvcc "$work/path/nvcc" >"$work/said" || status=$?
}
resources 0
check "status $status" test "$status" = 0
# shellcheck disable=SC2016
check "$(tail -n 1 "$work/said")" says '^| rope.cu | `.*norm_rows.*` | 40 | 128 | 8 | 0 and 0 |$'
resources 4
check "status with spills: $status" test "$status" = 1
check "spills: $(tail -n 1 "$work/said")" says '| 4 and 0 |$'
result "gpu bench: registers and spills are read from nvcc"

# Modules of Python that only say which version they are.
mkdir -p "$work/modules/safetensors"
echo 'def set_num_threads(n): pass' >"$work/modules/torch.py"
printf 'import os\n__version__ = os.environ["version"]\n' >"$work/modules/transformers.py"
touch "$work/modules/safetensors/__init__.py"
printf 'import sys\nsave_file = None\ndef load_file(path): sys.exit("it begins")\n' >"$work/modules/safetensors/torch.py"
loop() { version=$1 PYTHONPATH=$work/modules python3 "$root/bench/extraction/transformers_loop.py" "$work" >"$work/said" 2>&1 || true; }
for version in 5.0.0 5.17.0 5.23.0; do
  loop "$version"
  check "$version: $(tail -n 1 "$work/said")" says '^it begins$'
done
loop 4.57.1
check "4.57.1: $(tail -n 1 "$work/said")" says 'transformers 4.57.1 is installed, and version 5 is needed'
result "gpu bench: the transformers loop takes any version 5"
