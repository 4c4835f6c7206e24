# Shared by the scripts: messages, the folder of the private environment, and the build.
# shellcheck shell=bash
export ARMORM_DEPS="${ARMORM_DEPS:-$HOME/.cache/armorm/deps}"
# One compiler cache for all checkouts: paths inside a checkout are hashed relative to it.
export CCACHE_DIR="${CCACHE_DIR:-$HOME/.cache/ccache}"
export CCACHE_BASEDIR="${CCACHE_BASEDIR:-$PWD}"
export CCACHE_NOHASHDIR=1
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime

say() { printf '== %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

build() { # build PRESET [TARGET...]
  local preset=$1
  shift
  if [[ -x /usr/local/cuda/bin/nvcc ]] && ! command -v nvcc >/dev/null; then PATH=$PATH:/usr/local/cuda/bin; fi
  cmake --preset "$preset" >"build-$preset.log" 2>&1 || {
    cat "build-$preset.log" >&2
    die "configuring failed"
  }
  rm -f "build-$preset.log"
  cmake --build --preset "$preset" ${1:+--target "$@"} >&2
}
