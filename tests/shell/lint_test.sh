#!/usr/bin/env bash
# scripts/lint.sh reports bad formatting and doubtful code, and names the tools that are not installed.
set -uo pipefail
source "$(dirname "$0")/support.sh"
trap remove_work EXIT

lint() {
  status=0
  PATH=${search:-$PATH} "$root/scripts/lint.sh" --no_tidy "$work/sources" >"$work/said" 2>"$work/findings" || status=$?
}
says() { grep -qF -- "$1" "$work/said"; }

mkdir -p "$work/sources" "$work/bin"
cp "$root/.clang-format" "$work/sources"
echo "int main() { return 0; }" >"$work/sources/main.cpp"
# shellcheck disable=SC2016
printf '#!/usr/bin/env bash\necho "$1"\n' >"$work/sources/run.sh"
if command -v clang-format >/dev/null && command -v shellcheck >/dev/null; then
  lint
  check "status $status: $(cat "$work/findings")" test "$status" = 0
  check "formatting" says "passed: lint: formatting"
  check "shell scripts" says "passed: lint: shell scripts"
  result "lint: clean files pass"

  echo "int  main(){return 0;}" >"$work/sources/main.cpp"
  # shellcheck disable=SC2016
  printf '#!/usr/bin/env bash\nrm $1\n' >"$work/sources/run.sh"
  lint
  check "status $status" test "$status" = 1
  check "formatting" says "failed: lint: formatting"
  check "its place" grep -q 'main.cpp:1:' "$work/findings"
  check "shell scripts" says "failed: lint: shell scripts"
  check "its rule" grep -q 'SC2086' "$work/findings"
  result "lint: findings are reported and fail"
else
  echo "skipped: lint: clang-format or shellcheck is not installed"
fi

for tool in bash dirname mkdir find sort env; do ln -s "$(command -v "$tool")" "$work/bin/$tool"; done
search=$work/bin lint
check "status $status: $(cat "$work/findings")" test "$status" = 0
check "clang-format: $(cat "$work/said")" says "skipped: lint: clang-format is not installed"
check "shellcheck: $(cat "$work/said")" says "skipped: lint: shellcheck is not installed"
result "lint: tools that are not installed are named and skipped"
