#!/usr/bin/env bash
# Builds and runs the fuzz targets of tests/fuzz (README.md there). Each target first shows that it would notice a
# broken memory bound, then reads its complete corpus, then generates inputs from there. New inputs that reach new code
# are kept in build/fuzz/corpus; an input that breaks a promise is kept in build/fuzz/findings and ends its target. The
# last line is 'N passed, N failed'.
#
#   scripts/fuzz.sh [--runs N | --seconds N] [--no_build] [--minimise] [target...]     default: 10000 runs of every target
#   --minimise   afterwards replaces the generated part of tests/fuzz/corpus by the fewest inputs that reach as much
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/lib/common.sh

usage() { die "usage: scripts/fuzz.sh [--runs N | --seconds N] [--no_build] [--minimise] [target...]"; }
limit=(-runs=10000) builds=1 minimise=0 targets=()
while (($#)); do
  case $1 in
    --runs) limit=("-runs=${2:?}") && shift ;;
    --seconds) limit=("-max_total_time=${2:?}") && shift ;;
    --no_build) builds=0 ;;
    --minimise) minimise=1 ;;
    -*) usage ;;
    *) targets+=("$1") ;;
  esac
  shift
done
if ((${#targets[@]} == 0)); then
  for source in tests/fuzz/*_fuzz.cpp; do targets+=("$(basename "${source%_fuzz.cpp}")"); done
fi
if ((builds)); then
  say "building the fuzz targets"
  build fuzz "${targets[@]/#/fuzz_}"
fi

out=build/fuzz
findings=$out/findings
mkdir -p "$findings" "$out/logs"
TMPDIR=$(mktemp -d "$([[ -w /dev/shm ]] && echo /dev/shm || echo /tmp)/armorm-fuzz-run-XXXXXX")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
export ASAN_OPTIONS="detect_leaks=1:allocator_may_return_null=0:quarantine_size_mb=16:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}"
export ARMORM_FUZZ_STATS=1

guard_works() { # TARGET SEED: a byte more than the bound must be noticed
  local log=$out/logs/$1.guard
  if ARMORM_FUZZ_BREAK_BOUND=1 "$out/bin/fuzz_$1" -artifact_prefix="$TMPDIR/" "$2" >"$log" 2>&1; then return 1; fi
  grep -q '^memory bound exceeded' "$log"
}

run_target() {
  local name=$1 kept=tests/fuzz/corpus/$1 own=$out/corpus/$1 log=$out/logs/$1.log options=()
  mkdir -p "$own"
  [[ ! -f tests/fuzz/dict/$name.dict ]] || options+=("-dict=tests/fuzz/dict/$name.dict")
  local seeds=("$kept"/*)
  guard_works "$name" "${seeds[0]}" || { echo "fuzz_$name: a broken memory bound is not noticed, see $out/logs/$name.guard" && return 1; }
  "$out/bin/fuzz_$name" -timeout=60 -artifact_prefix="$findings/$name-" "${seeds[@]}" >"$log" 2>&1 || {
    echo "fuzz_$name: a file of its corpus fails" && tail -n 40 "$log" && return 1
  }
  "$out/bin/fuzz_$name" "${limit[@]}" -max_len=4096 -timeout=60 -rss_limit_mb=3072 -print_final_stats=1 "${options[@]}" \
    -artifact_prefix="$findings/$name-" "$own" "$kept" >"$log" 2>&1 || {
    echo "fuzz_$name: found something, kept in $findings" && tail -n 60 "$log" && return 1
  }
  if ((minimise)); then keep_fewest "$name"; fi
  printf 'fuzz_%-18s %8s runs, %s, %s\n' "$name" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
    "$(grep -oE 'cov: [0-9]+ ft: [0-9]+' "$log" | tail -n 1)" "$(sed -n 's/^memory: //p' "$log" | tail -n 1)"
}

keep_fewest() {
  local kept=tests/fuzz/corpus/$1 merged=$TMPDIR/merged
  rm -rf "$merged" && mkdir -p "$merged"
  # Seeds and regressions stay. They come first, so that only inputs that add to them are taken.
  find "$kept" -type f ! -name 'seed-*' ! -name 'regression-*' -delete
  cp "$kept"/* "$merged"/
  "$out/bin/fuzz_$1" -merge=1 -max_len=4096 "$merged" "$out/corpus/$1" >"$out/logs/$1.merge" 2>&1
  find "$merged" -type f -size -3k ! -name 'seed-*' ! -name 'regression-*' -printf '%s %p\n' | sort -n | head -n 60 | cut -d' ' -f2- |
    xargs -r cp -t "$kept"
}

passed=0 failed=0
for target in "${targets[@]}"; do
  [[ -x $out/bin/fuzz_$target && -d tests/fuzz/corpus/$target ]] || die "no fuzz target '$target'"
  if run_target "$target"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
echo "$passed passed, $failed failed"
((failed == 0))
