#!/usr/bin/env bash
# The includes keep to the layers that CONTRIBUTING.md declares, and scripts/check_layers.py notices what does not: each
# violation is planted in a copy of the sources.
set -uo pipefail
source "$(dirname "$0")/support.sh"
trap remove_work EXIT
if ! command -v python3 >/dev/null; then
  echo "skipped: layers: python3 is not installed"
  exit
fi

layers() { python3 "$root/scripts/check_layers.py" "$1" >"$work/said"; }
copy_sources() {
  rm -rf "$work/copy"
  mkdir "$work/copy"
  (cd "$root" && cp -r CONTRIBUTING.md src apps tools "$work/copy" && { [[ ! -d include ]] || cp -r include "$work/copy"; })
}
# finds RULE: what was planted since the copy is the one violation, and the message holds RULE.
finds() {
  if layers "$work/copy"; then echo "not noticed" >"$work/said"; fi
  check "found: $(head -n 3 "$work/said")" grep -qF -- "$1" "$work/said"
  check "lines: $(wc -l <"$work/said")" test "$(wc -l <"$work/said")" = 1
  copy_sources
}
# plant FILE LINE: as the first line of the file.
plant() {
  mkdir -p "$(dirname "$work/copy/$1")"
  { echo "$2" && { cat "$work/copy/$1" 2>/dev/null || true; }; } >"$work/copy/planted"
  mv "$work/copy/planted" "$work/copy/$1"
}

layers "$root" || cat "$work/said" >&2
check "$(head -n 1 "$work/said")" test "$(cat "$work/said")" = "the includes keep to the layers"
result "layers: the includes keep to them"

copy_sources
plant src/io/publish.cpp '#include "hub/cache.h"'
finds "src/io/publish.cpp:1: 'io' may not include 'hub/cache.h'"
plant src/core/hash.h '#include "io/publish.h"'
finds "src/core/hash.h:1: 'core' may not include 'io/publish.h'"
result "layers: an include that runs up is noticed"

plant src/linear/ridge.h '#include "text/chat_template.h"'
finds "src/linear/ridge.h:1: 'linear' may not include 'text/chat_template.h'"
plant src/model/cpu/linear.cpp '#include "model/cuda/cuda_ops.h"'
finds "src/model/cpu/linear.cpp:1: 'model/cpu' may not include 'model/cuda/cuda_ops.h'"
result "layers: an include of a sibling is noticed"

plant src/io/publish.cpp '#include "../core/error.h"'
finds "src/io/publish.cpp:1: relative include '../core/error.h'"
ln -s "$root/tests" "$work/copy/tests"
plant src/io/publish.cpp '#include "support/test_support.h"'
finds "src/io/publish.cpp:1: 'support/test_support.h' is a header of the tests"
plant src/io/publish.cpp '#include "io/nowhere.h"'
finds "src/io/publish.cpp:1: 'io/nowhere.h' does not exist below src/"
result "layers: relative includes, headers of the tests and missing ones are noticed"

plant src/eval/preference.cpp '#include <ATen/ATen.h>'
finds "src/eval/preference.cpp:1: 'eval' may not include <ATen/ATen.h>"
plant src/stages/score.cpp '#include <CLI/CLI.hpp>'
finds "src/stages/score.cpp:1: 'stages' may not include <CLI/CLI.hpp>"
result "layers: LibTorch and CLI11 stay where they belong"

plant include/armorm/planted.h '#include <nlohmann/json.hpp>'
finds "include/armorm/planted.h:1: a public header includes <nlohmann/json.hpp>"
plant include/armorm/planted.h '#include "core/error.h"'
finds "include/armorm/planted.h:1: a public header includes 'core/error.h'"
result "layers: public headers include the standard library and each other alone"

plant src/planted/new.h '#pragma once'
finds "src/planted/new.h:1: 'planted' is no module of the table"
sed -i 's/^armorm$/planted\narmorm/' "$work/copy/CONTRIBUTING.md"
finds "there is no module 'planted'"
result "layers: the table names the folders, and no others"

sed -i -E 's/^(linear +)/\1data /' "$work/copy/CONTRIBUTING.md"
finds "'linear' may include 'data', but no file does"
sed -i -E 's/^(io( |$))/\1 data /' "$work/copy/CONTRIBUTING.md"
layers "$work/copy"
check "$(cat "$work/said")" grep -qF "'io' may include 'data', which stands above it" "$work/said"
result "layers: permissions that nobody uses, or that run up, are noticed"
