#!/usr/bin/env bash
# Makes the tarball and the .deb of a build and uses both: the tarball from two folders, the .deb installed by apt-get
# in a clean Debian 12 root. For releases; takes minutes and needs root for the .deb.
#   tests/install/packages.sh [BUILD [ROOT]]   (default build/cpu; a build with CUDA takes 12 GB of disk; ROOT: made with `debootstrap --variant=minbase bookworm ROOT`)
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/lib/common.sh
build=$(cd "${1:-build/cpu}" && pwd)
root=${2:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# demo BIN SHARE FOLDER [COMMAND...]: all four stages; COMMAND... runs them elsewhere, e.g. chroot ROOT.
demo() {
  local libexec=${1%/bin}/libexec/armorm/armorm-make-demo share=$2 out=$3
  local flags=(--model_path "$out/demo/model" --multi_objective_dataset "$out/demo/multi-objective"
    --preference_dataset "$out/demo/preference" --reference_dataset "$out/demo/reference"
    --reward_bench_dataset "$out/demo/reward-bench" --devices -1 --config "$share/configs/demo.json" --data_root "$out/data")
  local submit_flags=(--data_root "$out/data" --config "$share/configs/demo.json")
  shift 3
  local run=("$@" env -i PATH=/usr/bin:/bin HOME=/tmp LANG=C.UTF-8)
  {
    "${run[@]}" "$libexec" --output "$out/demo" --rows 400 --pairs 200 --reference 100 --reward_bench 120 &&
      "${run[@]}" "$share/scripts/prepare_embeddings.sh" "${flags[@]}" && "${run[@]}" "$share/scripts/train.sh" "${flags[@]}" &&
      "${run[@]}" "$share/scripts/status.sh" --data_root "$out/data" &&
      "${run[@]}" "$share/scripts/slurm/submit.sh" --dry_run "${submit_flags[@]}"
  } >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2 && die "the demo failed with what is above"; }
  grep '^= Score' "$work/log" || die "the demo printed no score"
}

# libraries_of PROGRAM FOLDER: libraries that it loads from elsewhere, except the C library and the GPU's driver, which
# belong to the machine.
libraries_of() {
  LD_LIBRARY_PATH='' ldd "$1" | awk -v folder="$2/" '/=> \// && !index($0, folder) &&
    $1 !~ /^lib(c|m|mvec|dl|rt|pthread|resolv|util|anl|cuda|nvidia-.*)\.so/'
}

say "cpack"
(cd "$build" && rm -f armorm*.tar.gz armorm*.deb && cpack -G TGZ >/dev/null && cpack -G DEB >/dev/null)
tarball=$(echo "$build"/armorm*.tar.gz) deb=$(echo "$build"/armorm*.deb)
ls -lh "$tarball" "$deb" >&2

for place in one "another place"; do
  say "the tarball, unpacked in '$place'"
  mkdir -p "$work/$place"
  tar -xf "$tarball" -C "$work/$place" --strip-components 1
  demo "$work/$place/bin" "$work/$place/share/armorm" "$work/$place/out"
  others=$(libraries_of "$work/$place/bin/stage2-train" "$work/$place")
  [[ -z $others ]] || die "the tarball needs libraries that it does not bring: $others"
  rm -rf "${work:?}/$place" # the disk may be too small for both
done
say "no library of the distribution but the C library is used"
if command -v lintian >/dev/null; then
  say "lintian"
  lintian --fail-on error,warning "$deb"
fi
if [[ -n $root ]]; then
  say "the .deb in $root"
  cp "$deb" "$root/tmp/armorm.deb"
  chroot "$root" sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends /tmp/armorm.deb' >/dev/null
  rm -rf "$root/tmp/armorm.deb" "$root/tmp/out"
  # The loader reads the program's path from /proc.
  mount -t proc proc "$root/proc"
  trap 'umount "$root/proc"; rm -rf "$work"' EXIT
  chroot "$root" stage1-prepare --version >&2
  demo /usr/bin /usr/share/armorm /tmp/out chroot "$root"
  chroot "$root" apt-get purge -y -qq "$(dpkg-deb --field "$deb" Package)" >/dev/null # armorm, or armorm-cuda
  ! find "$root/usr" -path '*armorm*' | grep . || die "purging left the files above"
fi
say "the packages work"
