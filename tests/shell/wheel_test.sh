#!/usr/bin/env bash
# The parts of a Python wheel that need no build: cmake/WheelVersion.cmake refuses LibTorch and Arrow of other versions than
# pyproject.toml requires, and the lists of programs and versions agree.
set -uo pipefail
source "$(dirname "$0")/support.sh"
trap remove_work EXIT

version=$(sed -n 's/^torch_version=//p' "$root/scripts/setup.sh")
folder=$work/site-packages/torch
mkdir -p "$folder"
cat >"$work/version.cmake" <<CMAKE
include($root/cmake/WheelVersion.cmake)
wheel_version(torch $folder $root/pyproject.toml found)
message("found: \${found}")
CMAKE
# says WHAT TEXT [METADATA...]: with these .dist-info folders next to torch
says() {
  local what=$1 text=$2
  shift 2
  rm -rf "$work"/site-packages/*.dist-info
  if (($#)); then mkdir "${@/#/$work/site-packages/}"; fi
  cmake -P "$work/version.cmake" >"$work/said" 2>&1
  check "$what: $(<"$work/said")" grep -qF "$text" <(tr -s '\n ' ' ' <"$work/said")
}
if command -v cmake >/dev/null; then
  says "the required version" "found: $version" "torch-$version.dist-info" torchvision-0.1.0.dist-info
  says "with a local part" "found: $version" "torch-$version+cpu.dist-info"
  says "another version" "requires torch $version, but the build found torch 2.10.0 in $folder: install torch==$version" torch-2.10.0.dist-info
  says "no wheel" "$folder: not the one of a Python wheel" torchvision-0.1.0.dist-info
  result "a wheel is linked with the versions that it requires"
else
  echo "skipped: wheel: cmake is not installed"
fi

programs=$(sed -n 's/^set(ARMORM_PROGRAMS \([^$].*\))$/\1/p' "$root/apps/CMakeLists.txt")
quoted() { grep -oE '"[^"]+"' <<<"$1" | tr -d '"' | paste -sd' '; }
check "those of the launcher" test "$programs" == "$(quoted "$(grep '^PROGRAMS = ' "$root/apps/wheel/_launch.py")")"
check "those of the file" test "$programs" == "$(quoted "$(grep -E '^    \{"' "$root/apps/wheel/programs.cpp")")"
check "entry points" test "$programs" == "$(sed -n 's/^\([a-z0-9-]*\) = "armorm\._launch:.*/\1/p' "$root/pyproject.toml" | paste -sd' ')"
for program in $programs; do
  check "$program's function" grep -qxF "def ${program//-/_}():" "$root/apps/wheel/_launch.py"
  check "$program's entry point" grep -qxF "$program = \"armorm._launch:${program//-/_}\"" "$root/pyproject.toml"
done
result "the wheel has all programs"
pyarrow=$(sed -n 's/^pyarrow_version=//p' "$root/scripts/setup.sh")
check "pyproject.toml" grep -qxF "dependencies = [\"torch==$version\", \"pyarrow==$pyarrow\"]" "$root/pyproject.toml"
result "the wheel requires the versions of scripts/setup.sh"
