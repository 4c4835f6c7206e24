#!/usr/bin/env bash
# bench/cpu.sh refuses a busy machine, reports step by step and notes what failed, with stubs for the comparisons and a /proc of the
# test's own; docs/performance.md and README.md say what bench/results says.
set -uo pipefail
source "$(dirname "$0")/support.sh"
trap 'kill $load_maker 2>/dev/null; remove_work' EXIT
load_maker=
if ! command -v python3 >/dev/null; then
  echo "skipped: bench: python3 is not installed"
  exit
fi

# A /proc whose cores do much work as long as $work/busy is there.
export PROC=$work/proc busy=$work/busy
mkdir -p "$PROC"
printf 'MemTotal: 8388608 kB\n' >"$PROC/meminfo"
cpu_info() { printf 'vendor_id\t: %s\ncpu family\t: %s\nmodel\t\t: %s\nmodel name\t: %s\nflags\t\t: %s\n\nmodel name\t: another\n' "$@" >"$PROC/cpuinfo"; }
write_stat() { printf 'cpu  %s 0 0 1000 0 0 0 0 0 0\n' "$1" >"$PROC/stat.new" && mv "$PROC/stat.new" "$PROC/stat"; }
write_stat 0
make_load() {
  local ticks=0
  while sleep 0.02; do
    [[ ! -e $busy ]] || write_stat $((ticks += 100))
  done
}
make_load &
load_maker=$!

# The comparisons: each logs its script and the number of sections that the report then has, does what $stub_rule says, and
# writes figures.
export stub_log=$work/stub.log stub_rule=$work/stub.rule report
stubs=$work/stubs
mkdir -p "$stubs" "$work/checkout/armo-rm"
touch "$work/checkout/armo-rm/stage-2_train.py"
cat >"$stubs/python" <<'STUB'
#!/usr/bin/env bash
script=${1##*/}
if [[ $script == -c ]]; then exit; fi
echo "$script $(grep -c '^## ' "$report")" >>"$stub_log"
source "$stub_rule"
if [[ $script == ceiling.py ]]; then figures='{"threads": 2, "float32": 200.0, "copy": 10.0}'; else figures='{"rows": [{"name": "ours", "type": "float32", "gflops": 100}]}'; fi
while (($#)); do
  if [[ $1 == --figures ]]; then echo "$figures" >"$2"; fi
  shift
done
echo "what $script found"
STUB
chmod +x "$stubs/python"

# bench RULE [VARIABLE=VALUE...]: sets `status`; what it prints is in $work/said.
bench() {
  printf '%s\n' "$1" >"$stub_rule"
  shift
  rm -rf "$work/results" "$stub_log"
  touch "$stub_log"
  status=0
  env -u STEPS -u QUICK -u ANY_LOAD -u LIMIT SETUP=0 BIN="$stubs" PYTHON="$stubs/python" MODEL="$work" SCORE_MODEL="$work" THREADS=2 \
    WORK="$work/scratch" OUT="$work/results" RLHFLOW="$work/checkout" IDLE_WAIT=0 IDLE_SECONDS=0.2 "$@" \
    "$root/bench/cpu.sh" >"$work/said" 2>&1 || status=$?
}
reports() { grep -q -e "$1" "$report"; }
ran() { grep -q "^$1 " "$stub_log"; }

cpu_info AuthenticAMD 26 2 'AMD EPYC 9B45 128-Core Processor' 'fma avx2 avx512f avx512_bf16 avx512_vnni'
check "EPYC: $(python3 "$root/bench/cpu_report.py" processor)" \
  test "$(python3 "$root/bench/cpu_report.py" processor)" = epyc-9b45-zen5-avx512_bf16
cpu_info GenuineIntel 6 106 'Intel(R) Xeon(R) Platinum 8352V CPU @ 2.10GHz' 'fma avx2 avx512f avx512_vnni'
check "Ice Lake: $(python3 "$root/bench/cpu_report.py" processor)" \
  test "$(python3 "$root/bench/cpu_report.py" processor)" = xeon-platinum-8352v-6-106-avx512_vnni
cpu_info GenuineIntel 6 207 'Intel(R) Xeon(R) Processor' 'hypervisor fma avx2 avx512f avx512_bf16 avx512_vnni amx_bf16 amx_int8 amx_tile'
check "Emerald Rapids: $(python3 "$root/bench/cpu_report.py" processor)" \
  test "$(python3 "$root/bench/cpu_report.py" processor)" = xeon-6-207-amx
result "bench: a processor's name says what its products can use"
report=$work/results/$(date +%F)-xeon-6-207-amx.md

touch "$busy"
bench ''
check "status $status" test "$status" = 1
check "told: $(tail -n 1 "$work/said")" says 'other work keeps .* cores busy, and 0.5 are accepted; .*ANY_LOAD=1'
check "something was run" test ! -s "$stub_log"
check "a report" test ! -e "$report"
bench '' ANY_LOAD=1 STEPS=tokenizer
check "with ANY_LOAD: status $status" test "$status" = 0
check "marked" reports '^\*\*Measured under load.\*\* Load [1-9]'
check "marked in the figures" grep -q '"step": "tokenizer".*"loaded": true' "${report%.md}.jsonl"
result "bench: a busy machine is refused, or its figures are marked"

rm "$busy"
# shellcheck disable=SC2016
bench 'if [[ $script == compare_sklearn.py ]]; then echo "no such matrix" >&2; exit 3; fi; if [[ $script == run.py ]]; then sleep 60; fi' LIMIT=2
check "status $status" test "$status" = 1
for text in 'amx_tile, amx_bf16, amx_int8, avx512_bf16, avx512_vnni, .*not exposed: amx_fp16, avx512_fp16' '8.0 GiB' 'commit | [0-9a-f]' \
  'family 6, model 207 (Emerald Rapids)' 'stage-2_train.py of RLHFlow' '^what operations.py found' '^what compare_script.py found' \
  '^\*\*Failed:\*\* ended with status 3' '^no such matrix$' '^\*\*Failed:\*\* stopped at its limit of 2 s' \
  'Ceiling, 2 threads: float32 200 GFLOP/s, copy 10.0 GB/s' '^| ours | 100 | float32 | 50 % |$' 'Load 0.00 before, 0.00 during'; do
  check "the report lacks $text" reports "$text"
done
check "sections: $(grep -c '^## ' "$report")" test "$(grep -c '^## ' "$report")" = 8
check "marked without load" test "$(grep -c 'Measured under load' "$report")" = 0
check "step by step: $(grep -v ceiling "$stub_log" | tr '\n' ' ')" test "$(grep -v ceiling "$stub_log" | cut -d ' ' -f 2 | tr '\n' ' ')" = "0 1 2 3 4 5 6 7 "
check "figures" test "$(grep -c '"step"' "${report%.md}.jsonl")" = 8
check "told: $(tail -n 3 "$work/said")" says 'ridge-own ended with status 3'
result "bench: a report grows step by step, and a step that fails or does not end stops nothing"

bench "touch '$busy'; sleep 0.3" STEPS="debiasing tokenizer"
check "status $status" test "$status" = 1
check "the first one" ran compare_scipy.py
check "it is marked: it was busy meanwhile" reports '^\*\*Measured under load'
check "the second one was run" test "$(grep -c '^run.py' "$stub_log")" = 0
check "it is not noted" reports '^\*\*Not run:\*\* other work keeps'
rm "$busy"
result "bench: load that comes between steps is noted"

bench '' STEPS="gate speed"
check "status $status" test "$status" = 2
check "$(tail -n 1 "$work/said")" says "STEPS: 'speed' is none of"
bench '' RLHFLOW="$work"
check "status $status" test "$status" = 2
check "$(tail -n 1 "$work/said")" says "RLHFLOW: .* is no checkout"
check "something was run" test ! -s "$stub_log"
result "bench: unknown steps and a missing script are refused"

check "run bench/performance_table.py" python3 "$root/bench/performance_table.py" --check
result "bench: the documents say what bench/results says"
mkdir -p "$work/copy/bench/results" "$work/copy/docs"
cp "$root/bench/performance_table.py" "$work/copy/bench"
cp "$root/README.md" "$work/copy"
cp "$root/docs/performance.md" "$work/copy/docs"
table() { python3 "$work/copy/bench/performance_table.py"; }
is_current() { python3 "$work/copy/bench/performance_table.py" --check 2>"$work/said"; }
# run DAY LOADED RATIO QUICK: results of one processor.
run() {
  printf '{"machine": {"processor": "p", "label": "The P", "date": "%s", "quick": %s}}\n{"step": "debiasing", "loaded": %s, "figures": {"ratio": %s, "processor_time": {"ratio": %s}}}\n' \
    "$1" "$4" "$2" "$3" "$(($3 + 2))" >"$work/copy/bench/results/$1-p.jsonl"
}
shows() { grep -qF -- "| verbosity penalties, one thread; SciPy | $1 |" "$work/copy/$2"; }
run 2026-01-01 false 20 false
check "a stale document" eval '! is_current'
check "it is named: $(cat "$work/said")" says 'performance.md, README.md: not what'
table
check "up to date" is_current
check "the figure" shows 20 docs/performance.md
check "the range of one" shows "20 (one processor)" docs/performance.md
check "the sentence about it" grep -qF -- "the search for debiasing penalties is 20 (one processor) times as fast as SciPy's" "$work/copy/README.md"
run 2026-01-02 true 25 false
run 2026-01-03 false 90 true
table
check "an idle one counts more than a newer one under load, and a trial not at all" shows 20 docs/performance.md
run 2026-01-01 true 20 false
table
check "without an idle one the newest, marked, of processor time" shows '27\*' docs/performance.md
result "bench: the newest figures from an idle machine are shown"
