#!/usr/bin/env bash
# The files and folders that the documentation names are there.
set -uo pipefail
source "$(dirname "$0")/support.sh"
trap remove_work EXIT
cd "$root" || exit

# Paths of the checkout in backquotes or as the target of a link, without patterns, placeholders and line numbers.
paths_in() {
  {
    # shellcheck disable=SC2016
    grep -oE '`(src|apps|tools|include|tests|scripts|docs|configs|bench|cmake|examples)/[^` ]*' "$1" | tr -d '`'
    grep -oE '\]\([^)#:]+' "$1" | sed "s#^](#$(dirname "$1")/#"
  } | grep -vE "[*<>{}]|\./https?$" | sort -u
}

for document in *.md docs/*.md tests/fuzz/README.md bench/README.md; do
  [[ $document != CHANGELOG.md ]] || continue
  while IFS= read -r path; do
    check "$document: $path" test -e "$path"
  done < <(paths_in "$document")
done
result "docs: files that they name are there"
