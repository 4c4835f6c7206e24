#!/usr/bin/env bash
# Sets up, builds and runs every test; closes with 'N passed, N failed, N skipped'. A test that cannot run here (no GPU,
# no shared data) prints a line 'skipped: ...' with its reason and is counted as skipped, not as passed.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/lib/common.sh
scripts/setup.sh
say "building"
build release

bin=build/release/bin
reports=build/release/test-reports
rm -rf "$reports"
mkdir -p "$reports"
passed=0 failed=0 skipped=0
for test in "$bin"/test_*; do
  name=$(basename "$test")
  status=0
  "$test" --reporter xml --out "$reports/$name.xml" 2>"$reports/$name.err" || status=$?
  grep -h '^skipped: ' "$reports/$name.err" || true
  s=$(grep -c '^skipped: ' "$reports/$name.err" || true)
  f=$(grep -c '<OverallResult success="false"' "$reports/$name.xml" || true)
  p=$(grep -c '<OverallResult success="true"' "$reports/$name.xml" || true)
  # A crash leaves no result for the test it happened in.
  if ((status != 0 && f == 0)); then
    f=1
    echo "$name ended with status $status"
  fi
  if ((p + f == 0)); then
    f=1
    echo "$name ran no test"
  fi
  if ((f > 0)); then
    "$test" --reporter compact 2>&1 | tail -n 40 || true
  fi
  passed=$((passed + p - s)) failed=$((failed + f)) skipped=$((skipped + s))
  printf '%-18s %4d passed %3d failed %3d skipped\n' "$name" $((p - s)) "$f" "$s"
done
# Short, from a fixed number of inputs: every file of the corpora, and some new ones. Longer: scripts/fuzz.sh --seconds 600
fuzz=$(scripts/fuzz.sh --runs 2000) || true
echo "$fuzz"
p=$(sed -n 's/^\([0-9]*\) passed, [0-9]* failed$/\1/p' <<<"$fuzz")
f=$(sed -n 's/^[0-9]* passed, \([0-9]*\) failed$/\1/p' <<<"$fuzz")
passed=$((passed + ${p:-0})) failed=$((failed + ${f:-1}))
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0 && passed > 0))
