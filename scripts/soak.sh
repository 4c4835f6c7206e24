#!/usr/bin/env bash
# The long versions of what scripts/test.sh runs in short, and what it leaves out. Prints a line for each part: 'passed: soak:
# NAME', 'failed: soak: NAME' or 'skipped: soak: NAME: WHY', and closes with 'N passed, N failed, N skipped'.
#   scripts/soak.sh [--kills N] [--fuzz_seconds N] [PART...]   default: kills fuzz clients
#
#   kills       stage1-prepare killed at --kills (200) random points, each run compared with an uninterrupted one: some minutes
#   fuzz        each fuzz target for --fuzz_seconds (600): three hours
#   clients     huggingface_hub and this project read each other's caches; needs scripts/setup.sh --dev
#   sanitizers  all unit and golden tests under address and undefined-behaviour sanitizers, then under the thread sanitizer
#   packages    makes the tarball and the .deb of build/cpu and uses both; ARMORM_CLEAN_ROOT names a clean Debian root for the
#               .deb (tests/install/packages.sh)
# Functions are called by name:
# shellcheck disable=SC2317
set -uo pipefail
cd "$(dirname "$0")/.." || exit
source scripts/lib/common.sh

kills=200 fuzz_seconds=600 parts=()
while (($#)); do
  case $1 in
    --kills) kills=${2:?} && shift ;;
    --fuzz_seconds) fuzz_seconds=${2:?} && shift ;;
    kills | fuzz | clients | sanitizers | packages) parts+=("$1") ;;
    *) die "unknown part or flag '$1'; the head of $0 lists them" ;;
  esac
  shift
done
((${#parts[@]})) || parts=(kills fuzz clients)

# A part returns 0, or 2 with its reason in $reason when it cannot run here.
reason=
cannot() { reason=$1 && return 2; }

soak_kills() {
  build release test_e2e && ARMORM_KILLS=$kills build/release/bin/test_e2e "a run killed at random points*"
}

soak_fuzz() {
  command -v clang++ >/dev/null || { cannot "clang is not installed" || return; }
  scripts/fuzz.sh --seconds "$fuzz_seconds"
}

soak_clients() {
  local python=$ARMORM_DEPS/dev/bin/python
  [[ -x $python ]] || { cannot "scripts/setup.sh --dev was not run" || return; }
  build release test_hub && "$python" scripts/goldens/check_hub_cache.py build/release/bin/test_hub
}

# OMP_THREAD_LIMIT: thread sanitizers do not know OpenMP's barriers.
soak_sanitizers() {
  local preset test status=0
  for preset in asan tsan; do
    build "$preset" || return
    for test in build/"$preset"/bin/test_*; do
      [[ $test != *test_e2e ]] || continue
      say "$test"
      TSAN_OPTIONS="suppressions=tests/support/tsan.supp:allocator_may_return_null=1" \
        ASAN_OPTIONS=allocator_may_return_null=1 OMP_THREAD_LIMIT=$([[ $preset == tsan ]] && echo 1 || nproc) \
        "$test" --reporter compact || status=1
    done
  done
  return "$status"
}

soak_packages() {
  build cpu && tests/install/packages.sh build/cpu ${ARMORM_CLEAN_ROOT:+"$ARMORM_CLEAN_ROOT"}
}

passed=0 failed=0 skipped=0
for part in "${parts[@]}"; do
  say "soak: $part"
  status=0
  "soak_$part" >&2 || status=$?
  case $status in
    0) echo "passed: soak: $part" && passed=$((passed + 1)) ;;
    2) echo "skipped: soak: $part: $reason" && skipped=$((skipped + 1)) ;;
    *) echo "failed: soak: $part" && failed=$((failed + 1)) ;;
  esac
done
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
