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

# python_prefix PYTHON: a CMAKE_PREFIX_PATH of the LibTorch and the Arrow that a Python has. Empty if there is the environment of
# scripts/setup.sh or a CMAKE_PREFIX_PATH already.
python_prefix() {
  if [[ -d $ARMORM_DEPS/py || -n ${CMAKE_PREFIX_PATH:-} ]]; then return; fi
  "$1" -c 'import importlib.util
folders = [(importlib.util.find_spec(name), below) for name, below in (("torch", "/share/cmake"), ("pyarrow", ""))]
print(*(found.submodule_search_locations[0] + below for found, below in folders if found), sep=";")'
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
