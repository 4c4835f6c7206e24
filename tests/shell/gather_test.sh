#!/usr/bin/env bash
# scripts/setup.sh --gather takes of Boost what the sources include, with all that this includes, and little else.
set -uo pipefail
source "$(dirname "$0")/support.sh"
trap remove_work EXIT
if ! dpkg-query -W -f='${Status}' libboost1.81-dev 2>/dev/null | grep -q 'ok installed'; then
  echo "skipped: gather: libboost1.81-dev is not installed"
  exit
fi

mkdir "$work/checkout"
cp -r "$root/scripts" "$root/src" "$root/tests" "$work/checkout"
"$work/checkout/scripts/setup.sh" --gather >"$work/said" 2>&1
check "ended with $?: $(tail -n 2 "$work/said")" test -d "$work/checkout/.deps/include/boost/beast"
gathered=$work/checkout/.deps/include

# headers_of COMPILER: the headers of Boost that a compiler reads for the sources.
headers_of() {
  grep -rhoE '^#include <boost/[^>]+>' "$root/src" "$root/tests" | sort -u |
    "$1" -std=c++20 -M -x c++ -isystem "$gathered" - | grep -oE '[^ ]*/include/boost/[^ ]+'
}
for compiler in c++ clang++; do
  command -v "$compiler" >/dev/null || continue
  headers_of "$compiler" >"$work/headers"
  check "$compiler reads no header" grep -q "^$gathered/" "$work/headers"
  missing=$(grep -v "^$gathered/" "$work/headers" | head -n 3)
  check "$compiler misses $missing" test -z "$missing"
done
size=$(du -sm "$gathered/boost" | cut -f1)
check "Boost takes $size MB" test "$size" -lt 30
check "the C++ library's headers, which are the compiler's, are there" test ! -e "$gathered/c++"
check "no library of libcurl" test -e "$work/checkout/.deps/lib/x86_64-linux-gnu/libcurl.so"
result "setup.sh --gather takes the part of Boost that is used"
