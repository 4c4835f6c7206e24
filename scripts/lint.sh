#!/usr/bin/env bash
# Checks the sources without running them: formatting (clang-format), shell scripts (shellcheck), and clang-tidy with the
# checks of .clang-tidy. Prints a line for each: 'passed: lint: NAME', 'failed: lint: NAME: WHY' or 'skipped: lint: WHY';
# findings go to standard error. Exit code 1 if anything failed.
#   scripts/lint.sh [--fast | --no_tidy] [--seconds=N] [FILE or FOLDER...]   default: everything
#   --fast     clang-tidy only for sources that include nothing of ATen, which take seconds instead of half a minute each
#   --no_tidy  no clang-tidy
#   --seconds  clang-tidy begins no further source after so many seconds; the next run takes up the rest
# Functions are called by name:
# shellcheck disable=SC2317
set -uo pipefail
cd "$(dirname "$0")/.." || exit
source scripts/lib/common.sh

tidy=(python3 scripts/lib/tidy.py) run_tidy=1 paths=() failed=0
for argument in "$@"; do
  case $argument in
    --fast | --seconds=*) tidy+=("$argument") ;;
    --no_tidy) run_tidy=0 ;;
    -*) die "usage: scripts/lint.sh [--fast | --no_tidy] [--seconds=N] [FILE or FOLDER...]" ;;
    *) paths+=("${argument%/}") ;;
  esac
done

((${#paths[@]})) || for path in apps bench examples include scripts src tests tools; do
  if [[ -d $path ]]; then paths+=("$path"); fi
done

# files SUFFIX...: files below the given paths whose names end so.
files() {
  local names=()
  for suffix in "$@"; do names+=(-o -name "*.$suffix"); done
  find "${paths[@]}" -type f '(' "${names[@]:1}" ')' | sort
}

# lint NAME TOOL COMMAND...: findings to standard error.
lint() {
  local name=$1 tool=$2 status=0
  shift 2
  if ! command -v "$tool" >/dev/null; then
    echo "skipped: lint: $tool is not installed"
    return
  fi
  "$@" >&2 || status=$?
  case $status in
    0) echo "passed: lint: $name" ;;
    3) echo "skipped: lint: $name: no finding, but the time was over before all sources were read" ;;
    *) echo "failed: lint: $name: see the findings above" && failed=1 ;;
  esac
}

check_format() {
  local sources
  mapfile -t sources < <(files h cpp cu cuh)
  ((${#sources[@]} == 0)) || clang-format --dry-run -Werror "${sources[@]}"
}
check_shell() {
  local scripts
  mapfile -t scripts < <(files sh sbatch)
  ((${#scripts[@]} == 0)) || shellcheck -x -P SCRIPTDIR "${scripts[@]}"
}
# Precompiled headers are GCC's, which clang-tidy cannot read; a configuration without them lists the commands.
check_tidy() {
  cmake --preset lint >build/lint.log 2>&1 || { cat build/lint.log && return 1; }
  "${tidy[@]}" "${paths[@]}"
}

mkdir -p build
lint formatting clang-format check_format
lint "shell scripts" shellcheck check_shell
if ((run_tidy)); then lint clang-tidy clang-tidy check_tidy; fi
exit "$failed"
