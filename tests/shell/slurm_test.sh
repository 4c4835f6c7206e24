#!/usr/bin/env bash
# The jobs of scripts/slurm on a real Slurm: two nodes with two GPUs each (device files that stand for them), started on this
# machine for the test alone and ended with it. Tasks are killed, warned, cancelled, and lose their node; the files must be those of an
# uninterrupted run, byte for byte, and the train stages must follow.
set -euo pipefail
source "$(dirname "$0")/support.sh"
source "$(dirname "$0")/local_slurm.sh"
trap 'stop_slurm; rm -rf "$work"' EXIT

if ! reason=$(slurm_is_missing); then
  echo "skipped: slurm: $reason"
  exit 0
fi
make_demo
make_reference &
reference_run=$!
if ! start_slurm; then
  echo "skipped: slurm: its daemons do not start here: $(tail -n 1 "$work"/slurm/log/* 2>/dev/null | tr '\n' ' ')"
  exit 0
fi
