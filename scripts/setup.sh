#!/usr/bin/env bash
# Installs what the build needs on Debian 12: packages, and a private environment that holds LibTorch and Arrow
# (headers and libraries of the PyPI wheels; no Python code of theirs is run). Safe to run again: finished steps are
# skipped. A LibTorch or Arrow of your own on CMAKE_PREFIX_PATH wins over this one.
#
#   ARMORM_DEPS   where the private environment lives (default ~/.cache/armorm/deps)
#   scripts/setup.sh --dev   also installs the pinned Python packages that make the goldens
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/lib/common.sh

torch_version=2.11.0
pyarrow_version=26.0.1
packages=(build-essential cmake ninja-build ccache pkg-config python3-venv ca-certificates catch2 libcli11-dev
  nlohmann-json3-dev libeigen3-dev libspdlog-dev libfmt-dev libpcre2-dev libssl-dev zlib1g-dev libzstd-dev libyaml-cpp-dev
  libopenblas-dev libutf8proc-dev libcurl4-openssl-dev clang libclang-rt-14-dev)

install_packages() {
  local missing=()
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  local sudo=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "these packages are missing and need root to install: ${missing[*]}"
    sudo=(sudo)
  fi
  say "installing Debian packages: ${missing[*]}"
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The stamp is written last, so an interrupted installation is made again.
install_private_environment() {
  local stamp="$ARMORM_DEPS/py/armorm-stamp" want="torch==$torch_version pyarrow==$pyarrow_version"
  [[ -f $stamp && $(<"$stamp") == "$want" ]] && return 0
  say "installing LibTorch $torch_version and Arrow $pyarrow_version into $ARMORM_DEPS (about 5 GB, some minutes)"
  mkdir -p "$ARMORM_DEPS"
  [[ -x $ARMORM_DEPS/py/bin/pip ]] || /usr/bin/python3 -m venv "$ARMORM_DEPS/py"
  # shellcheck disable=SC2086
  "$ARMORM_DEPS/py/bin/pip" install --quiet --disable-pip-version-check $want numpy
  echo "$want" >"$stamp"
}

install_dev_environment() {
  local site
  say "installing the pinned Python packages of scripts/goldens/requirements.txt into $ARMORM_DEPS/dev"
  [[ -x $ARMORM_DEPS/dev/bin/pip ]] || /usr/bin/python3 -m venv "$ARMORM_DEPS/dev"
  site=$(echo "$ARMORM_DEPS"/py/lib/python3*/site-packages)
  echo "$site" >"$(echo "$ARMORM_DEPS"/dev/lib/python3*/site-packages)/base.pth"
  "$ARMORM_DEPS/dev/bin/pip" install --quiet --disable-pip-version-check -r scripts/goldens/requirements.txt
}

install_packages
install_private_environment
[[ ${1:-} != --dev ]] || install_dev_environment
say "setup is complete"
