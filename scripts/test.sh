#!/usr/bin/env bash
# Sets up, builds and runs every test. The last line is 'N passed, N failed, N skipped'. A test that cannot run here (no
# GPU, no shared data) prints a line 'skipped: ...' with its reason and is counted as skipped, not as passed.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/lib/common.sh
scripts/setup.sh --test
say "building"
build release

bin=build/release/bin
reports=build/release/test-reports
rm -rf "$reports"
mkdir -p "$reports"
passed=0 failed=0 skipped=0 counted_at=$SECONDS
count() { # count NAME PASSED FAILED SKIPPED: adds up, and prints them with the seconds since the last call
  passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
  printf '%-18s %4d passed %3d failed %3d skipped %5d s\n' "$@" $((SECONDS - counted_at))
  counted_at=$SECONDS
}
failed_cases() { # failed_cases REPORT: a line for each, the last one also when it has no end
  awk -F'"' '/<TestCase / {name = $2; open = 1} /<OverallResult / {open = 0} /<OverallResult success="false"/ || /<FatalError/ \
    {print "failed: " name} END {if (open) print "failed: " name}' "$1" | uniq
}
for test in "$bin"/test_*; do
  name=$(basename "$test")
  status=0
  "$test" --reporter xml --out "$reports/$name.xml" 2>"$reports/$name.err" || status=$?
  grep -h '^skipped: ' "$reports/$name.err" || true
  s=$(grep -c '^skipped: ' "$reports/$name.err" || true)
  f=$(grep -c '<OverallResult success="false"' "$reports/$name.xml" || true)
  p=$(grep -c '<OverallResult success="true"' "$reports/$name.xml" || true)
  # A crash leaves no result for the test in which it happened.
  if ((status != 0 && f == 0)); then
    f=1
    echo "failed: $name ended with status $status" | tee -a "$reports/programs"
  fi
  if ((p + f == 0)); then
    f=1
    echo "failed: $name ran no test" | tee -a "$reports/programs"
  fi
  if ((f > 0)); then
    failed_cases "$reports/$name.xml" >>"$reports/programs"
    "$test" --reporter compact 2>&1 | tail -n 40 || true
  fi
  count "$name" $((p - s)) "$f" "$s"
done
# The scripts' own tests.
lines() { grep -c "^$2: " "$reports/$1" || true; }
count_lines() { count "$1" "$(lines "$1" passed)" "$(lines "$1" failed)" "$(lines "$1" skipped)"; } # count_lines NAME, of its report
tests/shell/run_all.sh | tee "$reports/scripts"
count_lines scripts
# Results of earlier runs are remembered; a run that does not get through all sources says so. All of them, and those that
# include ATen: scripts/lint.sh
scripts/lint.sh --fast --seconds=240 2> >(tee "$reports/lint.findings" >&2) | tee "$reports/lint" || true
count_lines lint
# Its last line says passed, failed and skipped; without one it broke off.
read -r p f s < <(tests/install/run.sh build/release 2> >(tee "$reports/install" | grep -v '^install  ' >&2)) || read -r p f s <<<"0 1 0"
count install "$p" "$f" "$s"
# A short run from a fixed number of inputs: every file of the corpora, and some new inputs. For more: scripts/fuzz.sh
# --seconds 600
if command -v clang++ >/dev/null; then
  scripts/fuzz.sh --runs 2000 | tee "$reports/fuzz" || true
  read -r p f < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$reports/fuzz") || read -r p f <<<"0 1"
  count fuzzing "$p" "$f" 0
else
  echo "skipped: fuzzing: clang is not installed"
  skipped=$((skipped + 1))
fi
# Once more at the end, where it is looked for.
if grep -q '^failed: ' "$reports/lint"; then tail -n 60 "$reports/lint.findings"; fi
cat "$reports"/{programs,scripts,lint,install,fuzz} 2>/dev/null | grep -E '^(failed: |fuzz_[a-z_]*: )' || true
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0 && passed > 0))
