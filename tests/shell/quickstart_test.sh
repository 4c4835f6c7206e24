#!/usr/bin/env bash
# scripts/quickstart.sh: ten lines of results, one line for each stage, logs with -v alone, and the end of the log of a stage that fails.
# The checkout is a copy whose setup and build do nothing.
set -uo pipefail
source "$(dirname "$0")/support.sh"
trap remove_work EXIT
checkout=$work/checkout
mkdir -p "$checkout/build/release" "$work/path" "$work/stubs"
cp -r "$root/scripts" "$root/configs" "$checkout/"
printf '#!/bin/sh\necho "setup was run"\n' >"$checkout/scripts/setup.sh"
printf '#!/bin/sh\necho "cmake $*"\n' >"$work/path/cmake"
chmod +x "$work/path/cmake"
export PATH=$work/path:$PATH TERM=xterm
unset ARMORM_BIN

# quickstart FLAG...: sets `status`; the output is in $work/out and $work/err.
quickstart() {
  status=0
  "$checkout/scripts/quickstart.sh" "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}
says() { grep -qF -e "$2" "$work/$1"; }
lines() { [[ $(wc -l <"$work/$1") == "$2" ]]; }

# What stays on a terminal whose lines are drawn anew.
drawn() { tr -d '\n' <"$1" | sed 's/\x1b\[K//g' | tr '\r' '\n'; }

quickstart --verbose
check "an unknown flag is no usage error" test "$status" = 2
quickstart one two
check "a second folder is no usage error" test "$status" = 2
result "quickstart: flags"

# All programs are stubs, of which one fails.
for program in armorm-make-demo stage1-prepare stage1-train stage2-prepare stage2-train; do
  # shellcheck disable=SC2016
  printf '#!/bin/sh\necho "${0##*/} was run"\n' >"$work/stubs/$program"
done
printf '#!/bin/sh\nseq 100 >&2\nexit 4\n' >"$work/stubs/score"
chmod +x "$work/stubs"/*
ln -s "$work/stubs" "$checkout/build/release/bin"
quickstart run
check "the exit code is $status" test "$status" = 4
check "stdout has results" lines out 0
check "the failed stage is not named" says err "[6/7] scoring three answers ... failed after "
check "the end of its log is not shown" grep -qx '  | 100' "$work/err"
check "much of its log is shown" bash -c "! grep -qx '  | 85' '$work/err'"
check "the log is not named" says err "the complete log is run/logs/score.log"
check "the log is not complete" test "$(wc -l <"$checkout/run/logs/score.log")" = 100
check "logs are shown" bash -c "! grep -q 'was run' '$work/err'"
result "quickstart: a stage fails"

quickstart -v run
check "the exit code is $status" test "$status" = 4
for line in "setup was run" "cmake --build" "stage2-train was run" "[6/7] scoring three answers: failed after "; do
  check "-v does not show '$line'" says err "$line"
done
check "serve is not built" bash -c "grep -q '^cmake --build .* serve' '$work/err'"
check "the log is not kept with -v" test "$(cat "$checkout/run/logs/setup.log")" = "setup was run"
result "quickstart: -v"

if command -v script >/dev/null; then
  script -qec "stty cols 60; '$checkout/scripts/quickstart.sh' run" /dev/null </dev/null >"$work/terminal" 2>&1
  drawn "$work/terminal" >"$work/err"
  for line in "[1/7] setting up: packages, LibTorch, Arrow: " "[5/7] training: ridge"; do
    check "a terminal has no line '$line'" says err "$line"
  done
  check "logs are shown on a terminal" bash -c "! grep -qE '^(setup|stage1-train) was run' '$work/err'"
  result "quickstart: on a terminal"
else
  echo "skipped: quickstart: on a terminal: script is not installed"
fi

# The real programs.
rm "$checkout/build/release/bin"
ln -s "$bin" "$checkout/build/release/bin"
quickstart run
check "the exit code is $status" test "$status" = 0
check "the results are not ten lines" lines out 10
check "the stages are not seven lines" lines err 7
check "a stage has no line" bash -c "! grep -qvE '^\[[1-7]/7\] [a-zA-Z, ;:]+ \.\.\. ([0-9]+ min )?[0-9]+ s$' '$work/err'"
result "quickstart: ten lines"

if command -v python3 >/dev/null; then
  check "the table is not that of the reports" python3 - "$work/out" "$checkout/run" <<'PY'
import json, sys
lines = open(sys.argv[1]).read().splitlines()
load = lambda name: json.load(open(f"{sys.argv[2]}/{name}"))
gate, upstream = load("data/gating_network_model.json"), load("upstream/gating_network_model.json")
ridge = load("data/regression_weights/model_multi-objective.json")
named = lambda figures, name: next(f for f in figures if f["name"] == name)
wanted = [(gate, "gate"), (gate, "uniform gate"), (gate, "gate, rewards not debiased"), (upstream, "gate")]
for line, (report, name) in zip(lines[2:6], wanted):
    accuracy, score = named(report["validation"], name)["accuracy"], named(report["reward_bench"], name)["score"]
    assert line.split()[-3:] == [f"{100 * accuracy:.1f}", "%", f"{score:.1f}"], (line, accuracy, score)
pairs = gate["pairs"]["train"] + gate["pairs"]["validation"]
for number in (len(ridge["attributes"]), ridge["rows"], pairs):
    assert f" {number} " in lines[0], (lines[0], number)
assert max(map(len, lines)) <= 100, lines
PY
  result "quickstart: the numbers that matter"
else
  echo "skipped: quickstart: the numbers that matter: python3 is not installed"
fi

# command_of BEGINNING: the command of the line that begins so.
command_of() { sed -n "s/^$1: *//p" "$work/out"; }
scored=$(cd "$checkout" && bash -c "$(command_of Score)" 2>"$work/err")
check "the command that scores the answers gives '$scored'" grep -qE '^\{"id":"helpful","score":-?[0-9.]+' <<<"$scored"
page=$(command_of Report)
check "there is no page ${page%% *}" test -s "$checkout/${page%% *}"
printf 'prompt,response,helpful\nHi!,A useful letter.,0.5\n' >"$checkout/mine.csv"
mine=$(command_of "My data" | sed 's/ (.*//; s/FILE/mine/; s/A,B/helpful --model_path run\/demo\/model/')
check "the command for one's own data fails" bash -c "cd '$checkout' && PATH='$bin':\$PATH $mine >'$work/dry' 2>&1 && grep -q helpful '$work/dry'"
served=$(command_of Serve)
check "there is no serve" test -x "$checkout/${served%% *}"
result "quickstart: its commands"
