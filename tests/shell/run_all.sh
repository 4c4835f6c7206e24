#!/usr/bin/env bash
# Runs the tests of the scripts, all at once, because they mostly wait. Prints a line for each: 'passed: NAME', 'failed:
# NAME: WHY' or 'skipped: NAME: WHY'.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT
declare -A process_of
for test in "$here"/*_test.sh; do
  name=$(basename "$test" .sh)
  "$test" >"$output/$name" 2>"$output/$name.err" &
  process_of[$name]=$!
done
for name in "${!process_of[@]}"; do
  status=0
  wait "${process_of[$name]}" || status=$?
  if ((status != 0)); then
    echo "failed: $name: ended with status $status: $(tail -n 1 "$output/$name.err")" >>"$output/$name"
  fi
  cat "$output/$name"
  if grep -q '^failed: ' "$output/$name"; then tail -n 40 "$output/$name.err" >&2; fi
done
