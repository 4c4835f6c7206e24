#!/usr/bin/env bash
# What the documentation names is there, its links and anchors lead somewhere, its tables and pages of options are those of
# the figures and programs, the site can be built, and the worked inputs work.
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
  } | grep -vE "[*<>{}]|/https?$" | sort -u
}

# Names of functions in backquotes, without their classes.
functions_in() { grep -oE '`[A-Za-z_:~]+\(\)`' "$1" | sed -E 's/^`(.*::)?([A-Za-z_]+)\(\)`$/\2/' | sort -u; }

for document in *.md docs/*.md tests/*/README.md bench/README.md; do
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

check "$(python3 scripts/check_docs.py 2>&1 | head -n 5)" python3 scripts/check_docs.py 2>/dev/null
result "docs: links, anchors and quoted messages are right, and the README is small"

# copy_with FILE TEXT: a copy of the documentation, in $work/copy, with TEXT added to FILE.
copy_with() {
  rm -rf "$work/copy"
  mkdir -p "$work/copy"
  tar -c --exclude tests/goldens --exclude tests/fuzz/corpus [A-Z]*.md LICENSE CITATION.cff docs bench examples tests scripts src apps |
    tar -x -C "$work/copy"
  printf '%s\n' "$2" >>"$work/copy/$1"
}

# fault FILE TEXT SAID: a copy with TEXT added to FILE is refused, and SAID is the reason.
fault() {
  copy_with "$1" "$2"
  check "$1 with '${2:0:40}'" eval "! python3 scripts/check_docs.py '$work/copy' 2>'$work/said'"
  check "it says $(cat "$work/said")" grep -qF -- "$1: $3" "$work/said"
}
fault docs/data.md '[x](nothing.md)' 'nothing.md: no such file'
fault docs/data.md '[x](files.md#nothing)' 'files.md#nothing: no heading makes this anchor'
fault docs/data.md '[x](../../outside.md)' '../../outside.md: no such file'
fault docs/troubleshooting.md '| `no program says this` | x | y |' "no message says 'no program says this'"
fault README.md "| $(printf 'x%.0s' {1..100}) |" "a table's line of 104 columns"
fault README.md "$(printf 'x %.0s' {1..4000})" "$(($(wc -c <README.md) + 8001)) bytes, at most"
result "docs: a broken link, anchor or quotation, and a large README are found"

check "$(python3 scripts/demo_tables.py --check 2>&1)" python3 scripts/demo_tables.py --check 2>/dev/null
mkdir -p "$work/tables"
cp -r README.md docs examples scripts "$work/tables"
sed -i 's/15 of the 18/14 of the 18/' "$work/tables/docs/demo.md"
sed -i 's/93\.4 (90/93.5 (90/' "$work/tables/examples/evaluate/README.md"
python3 "$work/tables/scripts/demo_tables.py" --check 2>"$work/said"
check "wrong figures are not found" test $? = 1
check "the sentence is not named" grep -q "docs/demo.md: no sentence '15 of the 18" "$work/said"
check "the table's document is not named" grep -q "^examples/evaluate/README.md: not what docs/demo-run.json says" "$work/said"
result "docs: the tables, and the sentences with figures, are those of the run that is kept"

if [[ -x $bin/score ]]; then
  check "$(python3 scripts/option_pages.py "$bin" --check 2>&1)" python3 scripts/option_pages.py "$bin" --check 2>/dev/null
  result "docs: the pages of options are those of the programs"
else
  echo "skipped: docs: the pages of options are those of the programs: $bin has no programs"
fi

# The blocks of docs/data.md between two headings that begin with ```LANGUAGE.
blocks() { sed -n "/^### $2/,/^##/p" docs/data.md | sed -n "/^\`\`\`$1/,/^\`\`\`\$/p" | grep -v '^```'; }

# Runs the commands of a section in the folder of its files, with the demo's model, on the CPU.
run_section() {
  blocks sh "$1" | sed -E "s#--model_path (MODEL|my-rm)#& --device -1#; /^stage1-train/s# --device -1##; s#MODEL#$work/demo/model#" >"$work/own/commands"
  (cd "$work/own" && PATH=$bin:$PATH ARMORM_DATA=$work/own/data HF_HUB_OFFLINE=1 bash -e ./commands) >"$work/said" 2>&1
}
if [[ -x $bin/armorm-make-demo && -x $bin/score ]]; then
  "$bin/armorm-make-demo" --output "$work/demo" --rows 40 --pairs 12 --reference 1 --reward_bench 23 --reward_bench_2 6 >/dev/null
  mkdir -p "$work/own"
  blocks csv 'Ratings as CSV' >"$work/own/ratings.csv"
  blocks json 'Pairs as JSON Lines' >"$work/own/pairs.jsonl"
  check "rows of ratings" test "$(wc -l <"$work/own/ratings.csv")" = 9
  check "pairs" test "$(wc -l <"$work/own/pairs.jsonl")" = 5
  check "ratings: $(tail -n 1 "$work/said")" run_section 'Ratings as CSV'
  check "labels" grep -qE '^clarity +7 +87.5 %' "$work/said"
  check "pairs: $(tail -n 1 "$work/said")" run_section 'Pairs as JSON Lines'
  check "a score" grep -q '"score":' "$work/said"
  result "docs: the worked inputs of docs/data.md work"
else
  echo "skipped: docs: the worked inputs of docs/data.md work: $bin has no programs"
fi

if ! scripts/docs.sh --install-only 2>"$work/said"; then
  echo "skipped: docs: the site has no broken links: $(tail -n 1 "$work/said")"
else
  check "$(scripts/docs.sh 2>&1 | tail -n 5)" test -s build/docs/site/index.html
  check "search index" grep -q bootstrap build/docs/site/search/search_index.js
  check "nothing is fetched" eval '! grep -rqE "(src|<link[^>]*href)=\"?https?://" build/docs/site --include=*.html'
  copy_with docs/data.md '[x](files.md#nothing)'
  check "a broken anchor" eval '! "$work/copy/scripts/docs.sh" 2>"$work/said"'
  check "it says $(cat "$work/said")" says 'files.md#nothing'
  result "docs: the site has no broken links"
fi
