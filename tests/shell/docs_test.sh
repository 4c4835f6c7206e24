#!/usr/bin/env bash
# The files, folders and functions that the documentation names are there.
# Backquotes in single quotes are Markdown's:
# shellcheck disable=SC2016
set -uo pipefail
source "$(dirname "$0")/support.sh"
trap remove_work EXIT
cd "$root" || exit

# Paths of the checkout in backquotes or as the target of a link, without patterns, placeholders and line numbers.
paths_in() {
  {
    grep -oE '`(src|apps|tools|include|tests|scripts|docs|configs|bench|cmake|examples)/[^` ]*' "$1" | tr -d '`'
    grep -oE '\]\([^)#:]+' "$1" | sed "s#^](#$(dirname "$1")/#"
  } | grep -vE "[*<>{}]|\./https?$" | sort -u
}

# Names of functions in backquotes, without their classes.
functions_in() { grep -oE '`[A-Za-z_:~]+\(\)`' "$1" | sed -E 's/^`(.*::)?([A-Za-z_]+)\(\)`$/\2/' | sort -u; }

for document in *.md docs/*.md tests/fuzz/README.md bench/README.md; do
  [[ $document != CHANGELOG.md ]] || continue
  while IFS= read -r path; do
    check "$document: $path" test -e "$path"
  done < <(paths_in "$document")
done
result "docs: files that they name are there"

for document in CONTRIBUTING.md docs/architecture.md; do
  while IFS= read -r name; do
    check "$document: $name()" grep -rqE "\b$name *\(" src include apps
  done < <(functions_in "$document")
done
result "docs: functions that they name are there"
