# Sourced by run.sh, after the demo: builds the Python wheel, installs it into an environment that has nothing but the
# packages of scripts/setup.sh, and uses the programs through its entry points.
# shellcheck shell=bash
# shellcheck disable=SC2154  # build, work, programs: of run.sh
wheel_tools="$ARMORM_DEPS/wheel/bin/python"
venv="$work/python environment"
site=''
wheel_limit=30000000 # bytes
# What the wheel brings, all of it of Debian: OpenBLAS with the Fortran library, libcurl with what it needs, and others that the programs need.
known_libraries='openblas gfortran quadmath curl nghttp2 idn2 unistring rtmp ssh2 psl ssl crypto gssapi_krb5 krb5 k5crypto krb5support
com_err keyutils ldap-2.5 lber-2.5 sasl2 brotlidec brotlicommon gnutls nettle hogweed gmp p11-kit ffi tasn1 z zstd spdlog fmt yaml-cpp
pcre2-8 utf8proc'

cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; } # cached NAME: a setting of the build
# With the settings of the build, whose objects the compiler cache then has; it tells compilers apart by their names too, and
# without CXX the build takes Python's. No index: nothing is downloaded.
build_wheel() {
  CXX=$(cached CMAKE_CXX_COMPILER) CUDACXX=$(cached CMAKE_CUDA_COMPILER) "$wheel_tools" -m pip wheel --quiet --no-build-isolation --no-deps --no-index \
    --disable-pip-version-check --wheel-dir "$work/wheels" --config-settings "cmake.define.ARMORM_CUDA=$(cached ARMORM_CUDA)" .
}
wheel_is_small() {
  local size
  size=$(stat -c %s "$work"/wheels/*.whl) # of exactly one
  echo "$size bytes"
  ((size < wheel_limit))
}
# Strictly, as an index does; the versions are those of scripts/setup.sh, and each program has an entry point.
wheel_metadata_is_valid() {
  local version
  version=$(sed -n 's/^project(armorm VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
  # shellcheck disable=SC2086
  "$wheel_tools" - "$work"/wheels/*.whl "$version" "$(sed -n 's/^torch_version=//p' scripts/setup.sh)" \
    "$(sed -n 's/^pyarrow_version=//p' scripts/setup.sh)" $programs <<'PYTHON'
import configparser, sys, zipfile
from packaging.metadata import Metadata
wheel, version, torch, pyarrow, *programs = sys.argv[1:]
archive = zipfile.ZipFile(wheel)
folder = f"armorm-{version}.dist-info"
metadata = Metadata.from_email(archive.read(f"{folder}/METADATA"), validate=True)
assert str(metadata.version) == version, metadata.version
assert metadata.license_expression == "Apache-2.0" and f"{folder}/licenses/LICENSE" in archive.namelist()
assert sorted(map(str, metadata.requires_dist)) == [f"pyarrow=={pyarrow}", f"torch=={torch}"], metadata.requires_dist
points = configparser.ConfigParser()
points.read_string(archive.read(f"{folder}/entry_points.txt").decode())
assert sorted(points["console_scripts"]) == sorted(programs), dict(points["console_scripts"])
tags = [line for line in archive.read(f"{folder}/WHEEL").decode().split("\n") if line.startswith("Tag")]
assert tags == ["Tag: py3-none-linux_x86_64"], tags
PYTHON
}

environment_pip() { "$wheel_tools" -m pip --python "$venv/bin/python" --disable-pip-version-check "$@"; }
# torch and pyarrow take 5 GB: links to those of scripts/setup.sh, with their metadata.
make_environment() {
  local entry deps_site
  deps_site=$(echo "$ARMORM_DEPS"/py/lib/python3*/site-packages)
  "$ARMORM_DEPS/py/bin/python" -m venv --without-pip "$venv" || return 1
  site=$(echo "$venv"/lib/python3*/site-packages)
  for entry in "$deps_site"/*; do
    [[ ${entry##*/} =~ ^(pip|__pycache__) ]] || ln -s "$entry" "$site/"
  done
  environment_pip install --quiet --no-index "$work"/wheels/*.whl && environment_pip check
}
# As `clean` of run.sh, with the environment's programs.
entry() { (cd "$work/home" && env -i PATH="$venv/bin:/usr/bin:/bin" HOME="$work/home" LANG=C.UTF-8 "$@"); }
ends_with() { # ends_with CODE COMMAND...
  local status=0 expected=$1
  shift
  "$@" || status=$?
  echo "ended with $status"
  ((status == expected))
}

wheel_holds_what_it_needs() {
  local file name
  [[ $(entry python -c 'import armorm; print(armorm.__version__)') == "$(sed -n 's/^project(armorm VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)" ]] || return 1
  for file in "$venv"/share/{armorm/configs/paper.json,man/man1/score.1,bash-completion/completions/score} \
    "$site"/armorm/licenses/{libboost1.81-dev,libopenblas0-pthread,libssl3}/copyright; do
    [[ -s $file ]] || { echo "$file is missing" && return 1; }
  done
  ! find "$site/armorm" -name 'libtorch*' -o -name 'libarrow*' -o -name 'libcu*.so*' ! -name 'libcurl*' | grep . || return 1
  for file in "$site"/armorm/lib/*; do
    name=${file##*/lib} name=${name%%.so*}
    grep -qxF -- "$name" < <(tr ' ' '\n' <<<"$known_libraries") || { echo "$name: not known; list it here once its licence is checked" && return 1; }
  done
}
# LibTorch and Arrow are the environment's, and from the system come only the C and the C++ library. The driver's library
# may be missing.
wheel_loads_the_environments_libraries() {
  local loaded
  loaded=$(entry env LD_TRACE_LOADED_OBJECTS=1 "$site/armorm/bin/armorm-programs") || return 1
  grep -F "$site/armorm/bin/../../torch/lib/libtorch_cpu.so" <<<"$loaded" && grep -F "$site/armorm/bin/../../pyarrow/libarrow.so" <<<"$loaded" || return 1
  ! grep -F 'not found' <<<"$loaded" | grep -v '^[[:space:]]*libcuda\.so' || return 1
  ! awk -v site="$site/" '/=> \// && !index($0, site) && !index($0, ENVIRON["ARMORM_DEPS"])' <<<"$loaded" |
    grep -vE '^[[:space:]]*(lib(c|m|mvec|dl|rt|pthread|resolv|util|anl|gcc_s|stdc\+\+|cuda|nvidia-[a-z]*)\.so)'
}
entry_points_start() {
  local program
  for program in $programs; do
    diff <(entry "$program" --help) <(clean "$program" --help) || return 1
    diff <(entry "$program" --version) <(clean "$program" --version) || return 1
    diff <(entry python -m armorm "$program" --version) <(clean "$program" --version) || return 1
  done
}
# The weights are those of the installed prefix's run.
entry_point_trains() {
  local weights
  cp -r "$work/data" "$work/data of the wheel" && rm -r "$work/data of the wheel/regression_weights" || return 1
  entry stage1-train --config "$venv/share/armorm/configs/demo.json" --model_path "$work/a demo/model" \
    --dataset_path "$work/a demo/multi-objective" --data_root "$work/data of the wheel" || return 1
  weights=$(cd "$work/data" && echo regression_weights/*.pt)
  cmp "$work/data/$weights" "$work/data of the wheel/$weights"
}
question='{"prompt": "Could you suggest a holiday?", "response": "Here is a useful holiday and a handy recipe."}'
entry_point_scores() {
  diff <(entry score --model_path "$work/a model" --device -1 <<<"$question") <(clean score --model_path "$work/a model" --device -1 <<<"$question")
}
entry_points_keep_exit_codes() {
  ends_with 2 entry stage1-train --no_such_flag && ends_with 3 entry score --device -1 --model_path "$work/no such model" <<<"$question" &&
    ends_with 2 entry "$site/armorm/bin/armorm-programs" && ends_with 2 entry python -m armorm no-such-program && ends_with 2 entry python -m armorm
}
# A score that waits for input: the process that was started is the program's own, it does not ignore SIGPIPE (as Python
# does), and it ends with 75.
interrupted_entry_point() {
  local process status=0 i
  mkfifo "$work/input" && exec 7<>"$work/input"
  (cd "$work/home" && exec env -i --default-signal=INT PATH="$venv/bin:/usr/bin:/bin" HOME="$work/home" \
    score --model_path "$work/a model" --device -1 --log_level debug) <&7 &
  process=$!
  for ((i = 0; i < 300; ++i)); do # until it handles SIGINT
    [[ $(readlink "/proc/$process/exe") == */armorm/bin/armorm-programs ]] && ((0x$(awk '/^SigCgt/ {print $2}' "/proc/$process/status") & 2)) && break
    sleep 0.1
  done
  ((!(0x$(awk '/^SigIgn/ {print $2}' "/proc/$process/status") & 0x1000))) || { kill "$process" && return 1; }
  kill -INT "$process"
  wait "$process" || status=$?
  exec 7>&-
  echo "ended with $status"
  ((status == 75))
}

# refuses TEXT...: score ends with 3 and one line that has each text.
refuses() {
  local line text
  ends_with 3 entry score --version 2>"$work/refused" >/dev/null || return 1
  line=$(<"$work/refused")
  echo "$line"
  (($(wc -l <<<"$line") == 1)) || return 1
  for text in "$@"; do [[ $line == *"$text"* ]] || { echo "without: $text" && return 1; }; done
}
without() { # without ENTRY COMMAND...: with an entry of site-packages put away
  local entry=$1 status=0
  shift
  mv "$site/$entry" "$work/put away" || return 1
  "$@" || status=$?
  mv "$work/put away" "$site/$entry"
  return $status
}
refuses_another_torch() {
  local wanted
  wanted=$(sed -n 's/^torch_version=//p' scripts/setup.sh)
  mkdir "$site/torch-2.10.0.dist-info" && printf 'Metadata-Version: 2.1\nName: torch\nVersion: 2.10.0\n' >"$site/torch-2.10.0.dist-info/METADATA"
  without "torch-$wanted.dist-info" refuses 'torch 2.10.0 is installed' "built for torch $wanted" "pip install torch==$wanted" &&
    refuses "torch 2.10.0 and $wanted is installed" || return 1
  rm -r "$site/torch-2.10.0.dist-info"
  entry score --version
}
refuses_another_cuda() {
  without torch refuses_torch_of_cpus
}
refuses_torch_of_cpus() {
  local status=0
  mkdir "$site/torch" && ln -s "$ARMORM_DEPS"/py/lib/python3*/site-packages/torch/lib "$site/torch/lib"
  echo 'cuda: Optional[str] = None' >"$site/torch/version.py"
  refuses 'torch is a build for CPUs' 'built for CUDA' || status=$?
  rm -r "$site/torch"
  return $status
}
names_missing_packages() {
  without torch refuses 'torch is not installed' 'pip install torch==' && without pyarrow refuses 'pyarrow is not installed' 'pip install pyarrow=='
}
# With --target, torch and pyarrow are in another folder of sys.path.
runs_beside_another_folder() {
  environment_pip install --quiet --no-index --no-deps --target "$work/a target" "$work"/wheels/*.whl &&
    diff <(entry env PYTHONPATH="$work/a target" "$venv/bin/python" "$work/a target/bin/score" --version) <(clean score --version)
}

check_wheel() {
  check "the wheel builds" build_wheel
  [[ -e $(echo "$work"/wheels/*.whl) ]] || return 0
  check "the wheel is smaller than $wheel_limit bytes" wheel_is_small
  check "the wheel's metadata is valid" wheel_metadata_is_valid
  check "the wheel installs" make_environment
  check "the wheel has its version, configs, man pages and licences, and no other library than known" wheel_holds_what_it_needs
  check "the wheel loads the environment's LibTorch and Arrow" wheel_loads_the_environments_libraries
  check "the wheel's programs start" entry_points_start
  check "the wheel's stage1-train" entry_point_trains
  check "the wheel's score" entry_point_scores
  check "the wheel's exit codes" entry_points_keep_exit_codes
  check "SIGINT ends the wheel's score with 75" interrupted_entry_point
  check "the wheel refuses another torch" refuses_another_torch
  if grep -qE '^CUDA = "[0-9.]+"' "$site/armorm/_build.py"; then check "the wheel refuses a torch for CPUs" refuses_another_cuda; fi
  check "the wheel names missing packages" names_missing_packages
  check "the wheel runs where torch is in another folder" runs_beside_another_folder
}
