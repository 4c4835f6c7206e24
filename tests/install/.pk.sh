#!/usr/bin/env bash
# Makes the tarball and the .deb of a build and uses both: the tarball from two places, the .deb installed by apt-get in a
# clean Debian 12 root. For releases; takes minutes and needs root for the .deb.
#   tests/install/packages.sh [BUILD [ROOT]]   (default build/cpu; ROOT: made with `debootstrap --variant=minbase bookworm ROOT`)
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/lib/common.sh
build=$(cd "${1:-build/cpu}" && pwd)
root=${2:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# demo BIN SHARE FOLDER [COMMAND...]: all four stages; COMMAND... runs what follows it elsewhere, e.g. chroot ROOT.
demo() {
  local libexec=${1%/bin}/libexec/armorm/armorm-make-demo share=$2 out=$3
  local flags=(--model_path "$out/demo/model" --multi_objective_dataset "$out/demo/multi-objective"
    --preference_dataset "$out/demo/preference" --reference_dataset "$out/demo/reference"
    --reward_bench_dataset "$out/demo/reward-bench" --devices -1 --config "$share/configs/demo.json" --data_root "$out/data")
  shift 3
  local run=("$@" env -i PATH=/usr/bin:/bin HOME=/tmp LANG=C.UTF-8)
  "${run[@]}" "$libexec" --output "$out/demo" --rows 400 --pairs 200 --reference 100 --reward_bench 120 >/dev/null
  "${run[@]}" "$share/scripts/prepare_embeddings.sh" "${flags[@]}" >/dev/null 2>&1
  "${run[@]}" "$share/scripts/train.sh" "${flags[@]}" 2>/dev/null | grep '^= Score'
}

say "cpack"

tarball=$(echo "$build"/armorm*.tar.gz) deb=$(echo "$build"/armorm*.deb)
ls -lh "$tarball" "$deb" >&2

if command -v lintian >/dev/null; then
  say "lintian"
  lintian --fail-on error,warning "$deb"
fi
if [[ -n $root ]]; then
  say "the .deb in $root"
  cp "$deb" "$root/tmp/armorm.deb"
  chroot "$root" sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends /tmp/armorm.deb' >/dev/null
  rm -rf "$root/tmp/armorm.deb" "$root/tmp/out"
  chroot "$root" stage1-prepare --version >&2
  # Some libraries ask the kernel for what they may use.
  mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
  demo /usr/bin /usr/share/armorm /tmp/out chroot "$root"
  umount "$root/proc"
  chroot "$root" apt-get purge -y -qq armorm >/dev/null
  ! find "$root/usr" -path '*armorm*' | grep . || die "purging left the files above"
fi
say "the packages work"
