#!/usr/bin/env bash
# Installs a build into a clean prefix, moves it, and uses it from there with an empty environment: the demo's four
# stages, --version, man pages and completions, and the example that embeds the library, built against that prefix.
# Nothing of the source tree, the build or ARMORM_DEPS may be opened. Then the Python wheel (wheel.sh).
#   tests/install/run.sh [BUILD]   (default build/release; must be built)
# Reports what passed on standard error; the last line of standard output is 'PASSED FAILED SKIPPED'.
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/lib/common.sh
build=$(cd "${1:-build/release}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix="$work/moved prefix"
log="$work/log"
programs=$(sed -n 's/^set(ARMORM_PROGRAMS \([^$].*\))$/\1/p' apps/CMakeLists.txt)
passed=0 failed=0 skipped=0

check() { # check NAME COMMAND...: passes when the command succeeds
  local name=$1 started=$SECONDS
  shift
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1))
    ((SECONDS - started < 5)) || printf '  %s: %d s\n' "$name" $((SECONDS - started)) >&2
  else
    failed=$((failed + 1))
    printf 'failed: install: %s\n' "$name" >&2
    tail -n 20 "$log" >&2
  fi
}
skip() {
  skipped=$((skipped + 1))
  printf 'skipped: install: %s\n' "$1" >&2
}
has() { command -v "$1" >/dev/null; }

# The environment of a user who has never seen the source: no variables, another folder, a home of its own. CUDA must
# not be looked for where it is not wanted, and some trees are only readable for their owner.
clean() { (cd "$work/home" && env -i PATH="$prefix/bin:/usr/bin:/bin" HOME="$work/home" LANG=C.UTF-8 "$@"); }

install_and_move() {
  cmake --install "$build" --prefix "$work/first prefix" && mv "$work/first prefix" "$prefix"
}

no_path_leads_back() {
  ! grep -rlIF -e "$PWD" -e "$build" -e "$ARMORM_DEPS" "$prefix/share" "$prefix/include" "$prefix/lib/cmake" || return 1
  local file
  for file in "$prefix"/bin/* "$prefix"/libexec/armorm/* "$prefix"/lib/*.so "$prefix"/lib/armorm/*; do
    # shellcheck disable=SC2016
    if readelf -d "$file" | grep -E 'R(UN)?PATH' | grep -v '\[\$ORIGIN[^:]*\]'; then
      echo "$file"
      return 1
    fi
  done
}

# Every file that a command opens, loads or runs, by strace; the build must not be among them. awk reads to the end: a
# `head` that exits early would end the others with a signal, and they would count as having found nothing.
traced() {
  local trace="$work/trace" leaks
  clean strace -f -qq --seccomp-bpf -e trace=open,openat,execve,readlink -o "$trace" "$@" || return 1
  leaks=$(P="\"$PWD/" B="\"$build/" D="\"$ARMORM_DEPS/" awk '/= -1 E/ {next}
    index($0, ENVIRON["P"]) || index($0, ENVIRON["B"]) || index($0, ENVIRON["D"]) {if (++n <= 5) print}' "$trace") || return 1
  if [[ -n $leaks ]]; then
    echo "$leaks"
    return 1
  fi
}
opens_nothing_else() { if has strace; then traced "$@"; else clean "$@"; fi; }
# More output than a pipe buffers. The output must show that the leak was noticed, not that the command failed.
notices_leaks() {
  # shellcheck disable=SC2016
  ! traced bash -c 'for ((i = 0; i < 3000; ++i)); do : <"$1"; done' bash "$build/CMakeCache.txt" >"$work/leaks" 2>&1 &&
    (($(grep -cF "$build/" "$work/leaks") == 5))
}

make_demo() {
  clean "$prefix/libexec/armorm/armorm-make-demo" --output "$work/a demo" --rows 400 --pairs 200 --reference 100 --reward_bench 120
}
demo_flags() {
  printf '%s\n' --model_path "$work/a demo/model" --multi_objective_dataset "$work/a demo/multi-objective" \
    --preference_dataset "$work/a demo/preference" --reference_dataset "$work/a demo/reference" \
    --reward_bench_dataset "$work/a demo/reward-bench" --devices -1 --config "$prefix/share/armorm/configs/demo.json" \
    --data_root "$work/data"
}
prepare() {
  local flags
  mapfile -t flags < <(demo_flags)
  opens_nothing_else "$prefix/share/armorm/scripts/prepare_embeddings.sh" "${flags[@]}"
}
train() {
  local flags
  mapfile -t flags < <(demo_flags)
  opens_nothing_else "$prefix/share/armorm/scripts/train.sh" "${flags[@]}" --export "$work/a model" &&
    [[ -s $work/data/gating_network_model.safetensors ]]
}

headers_need_no_package() {
  [[ -s $prefix/include/armorm/reward_scorer.h ]] &&
    ! grep -rE '^ *# *include' "$prefix/include" | grep -vE ':#include (<[a-z_]+>|"armorm/[a-z0-9_]+\.h")$'
}
# The last part of each exported name of ours is a word of some public header.
exports_the_headers_alone() {
  local names name
  names=$(nm -DC --defined-only "$prefix/lib/libarmorm.so" | sed -nE 's/^[0-9a-f]+ [A-Za-z] (armorm::.*)/\1/p' | sed -E 's/(\[abi:[a-z0-9]*\])?\(.*//') || return 1
  grep -qxF armorm::RewardScorer::load <<<"$names" || return 1
  while read -r name; do
    grep -rqwF -- "${name##*::}" "$prefix/include" || { echo "$name" && return 1; }
  done <<<"$names"
}
builds_example() {
  cp -r "$prefix/share/armorm/examples/embed" "$work/embed" &&
    opens_nothing_else cmake -S "$work/embed" -B "$work/embed/build" -DCMAKE_PREFIX_PATH="$prefix" &&
    opens_nothing_else cmake --build "$work/embed/build"
}
# The numbers of a line of score as the example prints them: of a float32, nine digits.
as_printed() {
  perl -ne 's/"line":\d+,//; print "$1 ", sprintf("%.9g", unpack("f", pack("f", $2))), "\n" while /"([^"]+)":(-?[0-9.e+-]+)/g'
}
example_scores_like_score() {
  local prompt='Could you suggest a holiday?' response expected found
  for response in 'Here is a useful holiday and a handy recipe.' 'No.' 'Moreover, there are various other aspects to consider.'; do
    expected=$(clean score --model_path "$work/a model" --device -1 --fields score,contributions \
      <<<"{\"prompt\": \"$prompt\", \"response\": \"$response\"}" | as_printed) || return 1
    found=$(opens_nothing_else "$work/embed/build/embed" "$work/a model" "$prompt" "$response") || return 1
    diff <(echo "$expected") <(echo "$found") || return 1
    (($(wc -l <<<"$found") == 20)) || return 1 # the score and 19 attributes
  done
}
example_ends_with_the_library_code() {
  local status=0
  clean "$work/embed/build/embed" "$work/no such model" q a || status=$?
  ((status == 3))
}

shows_status() { opens_nothing_else "$prefix/share/armorm/scripts/status.sh" --data_root "$work/data"; }
# This needs no Slurm. The programs and batch scripts must be those of the prefix.
prints_sbatch_commands() {
  local jobs
  jobs=$(opens_nothing_else "$prefix/share/armorm/scripts/slurm/submit.sh" --dry_run --data_root "$work/data") || return 1
  echo "$jobs"
  (($(grep -cF "$prefix/share/armorm/scripts/slurm/" <<<"$jobs") == 6))
}

# This needs neither a cluster nor, without a config, the programs.
prints_manifests() {
  local jobs
  jobs=$(opens_nothing_else "$prefix/share/armorm/scripts/kubernetes/submit.sh" --dry_run --image armorm --claim data) || return 1
  echo "$jobs"
  (($(grep -c '^kind: Job$' <<<"$jobs") == 6))
}

tells_version() { # the version is CMake's, the commit git's
  local version page
  version=$(sed -n 's/^project(armorm VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
  page=$(clean "$1" --version)
  echo "$page"
  [[ $(head -n 1 <<<"$page") == "$1 $version" ]] || return 1
  for fact in commit compiler sanitizers processor libtorch cuda arrow openblas; do grep -qE "^$fact +[^ ]" <<<"$page" || return 1; done
  if [[ -e .git ]]; then grep -qE "^commit +$(git rev-parse --short=10 HEAD)" <<<"$page"; fi
}
finds_blas() { clean stage1-train --version | grep -E '^openblas +OpenBLAS'; }

flags_in_help() { clean "$1" --help | grep -oE '^  (-h,)?--[a-z_0-9]+' | grep -oE -- '--[a-z_0-9]+' | grep -vE -- '--(man_page|completion|write_docs)$' | sort; }
man_page_is_clean() { [[ -z $(groff -man -Tutf8 -ww -z -K utf8 "$prefix/share/man/man1/$1.1" 2>&1 | tee /dev/stderr) ]]; }
man_page_is_complete() {
  local flag page
  page=$(MANWIDTH=200 groff -man -Tascii -P-c -rLL=200n "$prefix/share/man/man1/$1.1" | sed 's/.\x08//g')
  for flag in $(flags_in_help "$1"); do grep -qE -- "^ +([^ ]+, )?$flag\b" <<<"$page" || { echo "$flag"; return 1; }; done
  for section in NAME SYNOPSIS OPTIONS FILES ENVIRONMENT 'EXIT STATUS' 'SEE ALSO'; do grep -q "^$section" <<<"$page" || return 1; done
}

# complete_with LINE...: bash's completions for the last word; run in a folder with a file and a folder.
complete_with() {
  # shellcheck disable=SC2016
  clean bash -c 'cd "$1" && source "$2/share/bash-completion/completions/$3" && shift 2 && COMP_WORDS=("$@") &&
    COMP_CWORD=$(($# - 1)) && "_armorm_${1//-/_}" 2>/dev/null && printf "%s\n" "${COMPREPLY[@]}" | sort' \
    bash "$work/completion" "$prefix" "$@"
}
offers() { # offers EXPECTED WORD...
  local expected=$1 got
  shift
  got=$(complete_with "$@" | paste -sd,)
  echo "offered: $got"
  [[ $got == "$expected" ]]
}
offers_every_flag() { diff <(flags_in_help "$1") <(complete_with "$1" --); }
completes() {
  offers best,last stage2-train --select '' && offers best stage2-train --select b && offers best,last stage2-train --select = &&
    offers last stage2-train --select = l && offers 'a file.json,a folder' stage2-train --config 'a f' &&
    offers 'a folder' stage2-train --data_root 'a f' && offers '' stage2-train --n_steps '' &&
    offers --seed,--seeds stage2-train --seed
}
wrong_flag_is_told() {
  local status=0
  clean stage1-train --no_such_flag || status=$?
  ((status == 2))
}

source tests/install/wheel.sh
mkdir -p "$work/home" "$work/completion/a folder"
touch "$work/completion/a file.json"
# A CUDA LibTorch's libraries take 3.4 GB.
if (($(df --output=avail -B1M "$work" | tail -n 1) < 5000)); then
  skip "everything: less than 5 GB are free in $work"
  echo "0 0 1"
  exit
fi
check "cmake --install, and the prefix moved" install_and_move
check "no path leads back to the build" no_path_leads_back
check "the demo's data" make_demo
if has strace; then check "many files of the build would be noticed" notices_leaks; fi
has strace || skip "files opened: strace is not installed, so the stages run without being watched"
check "prepare_embeddings from the prefix" prepare
check "train from the prefix" train
check "public headers include the standard library alone" headers_need_no_package
check "libarmorm.so exports the public headers alone" exports_the_headers_alone
check "the embedding example builds" builds_example
check "the embedding example scores like score" example_scores_like_score
check "the embedding example ends with the library's code" example_ends_with_the_library_code
check "status.sh from the prefix" shows_status
check "submit.sh --dry_run from the prefix" prints_sbatch_commands
check "Kubernetes manifests from the prefix" prints_manifests
check "OpenBLAS is found" finds_blas
check "a wrong flag ends with 2" wrong_flag_is_told
for program in $programs; do
  check "$program --version" tells_version "$program"
  check "$program: bash completion parses" bash -n "$prefix/share/bash-completion/completions/$program"
  check "$program: bash offers the flags of --help" offers_every_flag "$program"
  if has groff; then
    check "$program: man page has no warnings" man_page_is_clean "$program"
    check "$program: man page has all flags" man_page_is_complete "$program"
  else
    skip "$program: man page: groff is not installed"
  fi
  if has zsh; then check "$program: zsh completion parses" zsh -n "$prefix/share/zsh/site-functions/_$program"; fi
  if has fish; then check "$program: fish completion parses" fish -n "$prefix/share/fish/vendor_completions.d/$program.fish"; fi
done
check "bash completes choices, files and folders" completes
if [[ -x $wheel_tools ]]; then check_wheel; else skip "the wheel: scikit-build-core is not installed; scripts/setup.sh --test installs it"; fi
printf '%-18s %4d passed %3d failed %3d skipped\n' install "$passed" "$failed" "$skipped" >&2
echo "$passed $failed $skipped"
