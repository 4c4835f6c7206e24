#!/usr/bin/env bash
# cmake/FindLibTorch.cmake finds LibTorch wherever CMAKE_PREFIX_PATH and LibTorch_ROOT may name it, in the environment as well, whose
# folders are separated by colons.
set -uo pipefail
source "$(dirname "$0")/support.sh"
trap remove_work EXIT
if ! command -v cmake >/dev/null; then
  echo "skipped: libtorch: cmake is not installed"
  exit
fi

site=$work/site-packages
mkdir -p "$site/torch/include/torch/csrc/api/include/torch" "$site/torch/lib" "$site/torch/share/cmake" "$work/other/share/cmake" "$work/project"
touch "$site/torch/__init__.py" "$site"/torch/include/torch/csrc/api/include/torch/torch.h "$site"/torch/lib/lib{torch,torch_cpu,c10}.so
cat >"$work/project/CMakeLists.txt" <<CMAKE
cmake_minimum_required(VERSION 3.25)
project(finds NONE)
list(APPEND CMAKE_MODULE_PATH $root/cmake)
find_package(LibTorch REQUIRED)
message(STATUS "found: \${LibTorch_PREFIX}")
CMAKE

# finds WHAT ENVIRONMENT [FLAG...]
finds() {
  local what=$1 environment=$2
  shift 2
  rm -rf "$work/build"
  env -u CMAKE_PREFIX_PATH -u LibTorch_ROOT "$environment" cmake -S "$work/project" -B "$work/build" "$@" >"$work/said" 2>&1
  check "$what: $(tail -n 3 "$work/said")" grep -q "found: .*site-packages/torch/*$" "$work/said"
}
finds "torch.utils.cmake_prefix_path" NONE= "-DCMAKE_PREFIX_PATH=$work/other/share/cmake;$site/torch/share/cmake"
finds "its folder" NONE= "-DCMAKE_PREFIX_PATH=$site/torch"
finds "site-packages" NONE= "-DCMAKE_PREFIX_PATH=$site"
finds "a list in the environment" "CMAKE_PREFIX_PATH=$work/other/share/cmake:$site/torch/share/cmake"
finds "one folder in the environment" "CMAKE_PREFIX_PATH=$site/torch/share/cmake"
finds "a list of roots in the environment" "LibTorch_ROOT=$work/other:$site/torch"
prefix=$(ARMORM_DEPS=$work/none PYTHONPATH=$site bash -c 'source "$1/scripts/lib/common.sh"; python_prefix python3' _ "$root")
finds "where Python has it ($prefix)" NONE= "-DCMAKE_PREFIX_PATH=$prefix"
mkdir -p "$work/deps/py"
prefix=$(ARMORM_DEPS=$work/deps PYTHONPATH=$site bash -c 'source "$1/scripts/lib/common.sh"; python_prefix python3' _ "$root")
check "the environment of setup.sh comes first" test -z "$prefix"
result "libtorch: it is found on CMAKE_PREFIX_PATH and LibTorch_ROOT, lists in the environment included"
