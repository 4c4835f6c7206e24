#!/usr/bin/env bash
# Builds the documentation as a site into build/docs/site. It needs neither server nor network: open index.html. Broken links
# and pages that the navigation lacks are errors. The packages of docs/requirements.txt are installed into $ARMORM_DEPS/docs at the first call.
#   scripts/docs.sh                  builds
#   scripts/docs.sh --install-only   only installs; exit code 3 if that is impossible
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/lib/common.sh
venv=$ARMORM_DEPS/docs

# A subshell, which ends at the first failure. The stamp is written last, so that an interrupted installation is repeated.
install() (
  set -e
  if cmp -s docs/requirements.txt "$venv/armorm-stamp"; then exit 0; fi
  say "installing the packages of docs/requirements.txt into $venv"
  mkdir -p "$ARMORM_DEPS"
  [[ -x $venv/bin/python ]] || python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r docs/requirements.txt
  cp docs/requirements.txt "$venv/armorm-stamp"
)

# The pages, and what they link to, at their places in the repository.
gather() {
  rm -rf build/docs
  mkdir -p build/docs/pages
  {
    printf '%s\n' README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE CITATION.cff
    find docs bench examples src -name '*.md'
    find docs -name '*.png' -o -name '*.js' -o -name '*.css'
    find tests -mindepth 2 -maxdepth 2 -name README.md
  } | tar -c -T - | tar -x -C build/docs/pages
}

set +e
install
installed=$?
set -e
if ((installed != 0)); then
  echo "error: the packages of docs/requirements.txt cannot be installed; check the network, or set ARMORM_DEPS" >&2
  exit 3
fi
if [[ ${1:-} == --install-only ]]; then exit 0; fi
gather
# --quiet would leave out the warnings, and with them what --strict counts.
NO_MKDOCS_2_WARNING=true "$venv/bin/mkdocs" build --strict --config-file docs/mkdocs.yml 2>&1 | { grep -v '^INFO' || true; } >&2
say "the site is in build/docs/site"
