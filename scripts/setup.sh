#!/usr/bin/env bash
# Installs what the build needs on Debian 12: packages, and a private environment with LibTorch and Arrow (headers and
# libraries of the PyPI wheels; none of their Python code is run). Safe to run again: finished steps are skipped. Your
# own LibTorch or Arrow on CMAKE_PREFIX_PATH takes precedence.
#
#   ARMORM_DEPS   folder of the private environment (default ~/.cache/armorm/deps)
#   scripts/setup.sh --dev            also installs the pinned Python packages that make the goldens
#   scripts/setup.sh --gather         also copies the packages' headers and small libraries into .deps/ of this checkout.
#                                     Take the checkout to a machine that has a compiler, CMake, Ninja, torch and pyarrow but
#                                     neither network nor root, and build there (docs/install.md)
#   scripts/setup.sh --test           also installs what the tests and scripts/lint.sh need besides the build, and what builds a Python
#                                     wheel; on failure they are skipped
#   scripts/setup.sh --packages-only  skips the private environment
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/lib/common.sh
wanted=${1:-}
case $wanted in
  '' | --dev | --gather | --test | --packages-only) ;;
  *) die "unknown flag '$wanted'; the head of $0 lists them" ;;
esac

torch_version=2.11.0
pyarrow_version=26.0.1
# For attention on GPUs: the headers of cuDNN's front end, of the version that goes with LibTorch's cuDNN, 9.19 (cmake/FindCudnnFrontend.cmake).
cudnn_frontend_version=1.19.1
cudnn_frontend_sha256=241fba15057135fed04223c5e7171a44bb407cb67d706255f072192553984792
# Builds a Python wheel of the programs (pyproject.toml).
wheel_tools="scikit-build-core==1.1.2 packaging==26.4 pathspec==1.1.1"
packages=(build-essential cmake ninja-build ccache python3-venv ca-certificates catch2 libcli11-dev
  nlohmann-json3-dev libeigen3-dev libspdlog-dev libfmt-dev libpcre2-dev libssl-dev zlib1g-dev libzstd-dev libyaml-cpp-dev
  libopenblas-dev libboost1.81-dev libutf8proc-dev libcurl4-openssl-dev)
# For the tests of scripts and clusters, of an installation, of the report pages, of serving, and of hostile input, and for scripts/lint.sh.
test_packages=(slurm-wlm parallel python3-yaml procps strace groff-base chromium-headless-shell fonts-dejavu-core clang libclang-rt-14-dev
  clang-tidy clang-format shellcheck curl openssl)
# Its package starts a web server where systemd runs.
[[ -d /run/systemd/system ]] || test_packages+=(nginx-light libnginx-mod-stream)

is_library() { [[ $1 == *-dev || $1 == catch2 ]]; }

install_packages() { # install_packages PACKAGE...
  local missing=()
  for package in "$@"; do
    if [[ -d .deps && $wanted != --gather ]] && is_library "$package"; then continue; fi
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  local sudo=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "these packages are missing and need root to install: ${missing[*]};" \
      "have root run 'apt-get install' for them, or build with the .deps/ that 'scripts/setup.sh --gather' makes elsewhere"
    sudo=(sudo)
  fi
  say "installing Debian packages: ${missing[*]}"
  "${sudo[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The stamp is written last, so that an interrupted installation is repeated.
install_private_environment() {
  local stamp="$ARMORM_DEPS/py/armorm-stamp" want="torch==$torch_version pyarrow==$pyarrow_version"
  [[ -f $stamp && $(<"$stamp") == "$want" ]] && return 0
  say "installing LibTorch $torch_version and Arrow $pyarrow_version into $ARMORM_DEPS (about 5 GB, some minutes)"
  mkdir -p "$ARMORM_DEPS"
  [[ -x $ARMORM_DEPS/py/bin/python ]] || /usr/bin/python3 -m venv "$ARMORM_DEPS/py"
  # shellcheck disable=SC2086
  "$ARMORM_DEPS/py/bin/python" -m pip install --quiet --disable-pip-version-check $want numpy
  echo "$want" >"$stamp"
}

# The headers of one wheel, whatever the Python here: its compiled module is not used. Without them the build leaves cuDNN's attention out.
install_cudnn_frontend() (
  folder="$ARMORM_DEPS/cudnn-frontend" python="$ARMORM_DEPS/py/bin/python"
  [[ -f $folder/stamp && $(<"$folder/stamp") == "$cudnn_frontend_version" ]] && return 0
  say "downloading the headers of cuDNN's front end $cudnn_frontend_version into $folder"
  download=$(mktemp -d)
  trap 'rm -rf "$download"' EXIT
  echo "nvidia-cudnn-frontend==$cudnn_frontend_version --hash=sha256:$cudnn_frontend_sha256" >"$download/wanted"
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: --python-version 311 \
    --platform manylinux_2_27_x86_64 --dest "$download" -r "$download/wanted" &&
    "$python" -m zipfile -e "$download"/*.whl "$download/wheel" &&
    rm -rf "$folder" && mkdir -p "$folder" && cp -r "$download/wheel/include" "$folder/" &&
    cp "$download"/wheel/*.dist-info/licenses/LICENSE.txt "$folder/include/cudnn-frontend-LICENSE.txt" &&
    echo "$cudnn_frontend_version" >"$folder/stamp"
)

install_wheel_tools() {
  local stamp="$ARMORM_DEPS/wheel/armorm-stamp"
  [[ -f $stamp && $(<"$stamp") == "$wheel_tools" ]] && return 0
  say "installing what builds a Python wheel into $ARMORM_DEPS/wheel"
  [[ -x $ARMORM_DEPS/wheel/bin/python ]] || /usr/bin/python3 -m venv "$ARMORM_DEPS/wheel"
  # shellcheck disable=SC2086
  "$ARMORM_DEPS/wheel/bin/python" -m pip install --quiet --disable-pip-version-check $wheel_tools && echo "$wheel_tools" >"$stamp"
}

install_dev_environment() {
  local site
  say "installing the pinned Python packages of scripts/goldens/requirements.txt into $ARMORM_DEPS/dev"
  [[ -x $ARMORM_DEPS/dev/bin/python ]] || /usr/bin/python3 -m venv "$ARMORM_DEPS/dev"
  site=$(echo "$ARMORM_DEPS"/py/lib/python3*/site-packages)
  echo "$site" >"$(echo "$ARMORM_DEPS"/dev/lib/python3*/site-packages)/base.pth"
  "$ARMORM_DEPS/dev/bin/python" -m pip install --quiet --disable-pip-version-check -r scripts/goldens/requirements.txt
}

# Copies what a build needs of the packages' files below /usr, and the dependencies of their libraries.
gather() {
  local staging lib=lib/x86_64-linux-gnu
  staging=$(mktemp -d "$PWD/.deps-XXXXXX")
  # shellcheck disable=SC2064
  trap "rm -rf '$staging'" EXIT
  say "gathering headers and libraries into $PWD/.deps"
  files_of_packages | without_unused_boost >"$staging/list"
  mkdir -p "$staging/prefix/$lib"
  grep -E "^(include/|lib/libCatch2[^/]*\.a$|$lib/cmake/|lib/cmake/|share/cmake/|share/eigen3/)" "$staging/list" |
    tar -C /usr --no-recursion -T - -c | tar -C "$staging/prefix" -x
  # A compiler searches the architecture's folder only below /usr.
  cp -a "$staging/prefix/include/${lib#lib/}/." "$staging/prefix/include/"
  rm -rf "$staging/prefix/include/${lib#lib/}"
  {
    grep -E "^$lib/[^/]*\.so$" "$staging/list" | sed 's#^#/usr/#'
    find "/usr/$lib/" -maxdepth 1 -name libopenblas.so # of no package: Debian's alternatives make it
  } | gather_libraries "$staging/prefix/$lib"
  if [[ -d $ARMORM_DEPS/cudnn-frontend/include ]]; then cp -r "$ARMORM_DEPS/cudnn-frontend/include/." "$staging/prefix/include/"; fi
  rm -rf .deps
  mv "$staging/prefix" .deps
  say ".deps holds $(du -sh .deps | cut -f1)"
}

# Files, relative to /usr, of the library packages and of the -dev packages that they need (among alternatives, the
# installed one).
files_of_packages() {
  local package
  for package in "${packages[@]}"; do
    is_library "$package" || continue
    dpkg-query -W -f='${Depends}' "$package" | tr -s ',| ' '\n' | grep -E -- '-dev$' | grep -vE '^(libc6|linux-libc|libstdc\+\+-[0-9]+)-dev$' || true
    echo "$package"
  done | sort -u | { xargs dpkg-query -L 2>/dev/null || true; } | sed -n 's#^/usr/##p' | sort -u
}

# Boost has 180 MB of headers: keeps those that the compiler here reads for the sources, and for other compilers and systems all
# of the folders that choose among them.
without_unused_boost() {
  local used
  used=$(grep -rhoE '^#include <boost/[^>]+>' src tests | sort -u | c++ -std=c++20 -M -x c++ - | grep -oE '/usr/include/boost/[^ ]+' | cut -c 6-)
  awk -v used="$used" 'BEGIN {count = split(used, files); while (count) wanted[files[count--]]}
    !/^include\/boost\/./ || /^include\/boost\/(asio|beast|config|predef)([.\/]|$)/ || $0 in wanted'
}

# Reads libraries from standard input. Copies each, and its dependencies except the C library, under its real name, with
# links for the names by which it is needed and linked.
gather_libraries() {
  local library real name
  while IFS= read -r library; do
    ldd "$library" >/dev/null 2>&1 || continue # a linker's script under a library's name
    echo "$library"
    ldd "$library" | awk '$3 ~ /^\// {print $3}'
  done | sort -u | grep -Ev '/lib(c|m|mvec|dl|rt|pthread|resolv|util|anl|stdc\+\+|gcc_s)\.so' | while IFS= read -r library; do
    real=$(readlink -f "$library")
    cp --preserve=timestamps "$real" "$1/"
    for name in "${library##*/}" "$(objdump -p "$real" | awk '$1 == "SONAME" {print $2}')"; do
      [[ -z $name || $name == "${real##*/}" ]] || ln -sf "${real##*/}" "$1/$name"
    done
  done
}

install_packages "${packages[@]}"
if [[ $wanted != --packages-only ]]; then
  install_private_environment
  install_cudnn_frontend || say "cuDNN's front end could not be downloaded: attention on GPUs is built without cuDNN"
fi
case $wanted in
  --dev) install_dev_environment ;;
  --gather) gather ;;
  --test)
    (install_packages "${test_packages[@]}") || say "not all that the tests want could be installed; what misses it is skipped"
    (install_wheel_tools) || say "what builds a Python wheel could not be installed; its tests are skipped"
    ;;
esac
say "setup is complete"
