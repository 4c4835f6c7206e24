#!/usr/bin/env python3
"""Compares the search for verbosity penalties with the method of the Python scripts: scipy.stats.spearmanr for each penalty.

usage: compare_scipy.py BENCH_DEBIASING [--pairs 80000] [--attributes 19] [--rounds 3]
"""

import argparse
import json
import os
import subprocess
import tempfile
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402
import scipy  # noqa: E402
import scipy.stats  # noqa: E402
from safetensors.numpy import save_file  # noqa: E402

GRID = [0, 0.01, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15] + [p / 100 for p in range(20, 100, 5)]
THRESHOLD, VERBOSITY = 0.03, 4


def make_rewards(pairs, attributes):
    rng = np.random.default_rng(0)
    verbosity = rng.normal(size=2 * pairs)
    slopes = np.linspace(-0.2, 0.8, attributes)
    rewards = rng.normal(size=(2 * pairs, attributes)) * 0.5 + slopes * verbosity[:, None]
    rewards[:, VERBOSITY] = verbosity
    return rewards.astype(np.float32)


def search(rewards):
    """(penalties, correlations evaluated)"""
    penalties, evaluated, target = [], 0, rewards[:, VERBOSITY]
    for k in range(rewards.shape[1]):
        if k == VERBOSITY:
            penalties.append(1.0)
            continue
        for penalty in GRID:
            evaluated += 1
            if scipy.stats.spearmanr(rewards[:, k] - np.float32(penalty) * target, target).statistic <= THRESHOLD:
                break
        penalties.append(penalty)
    return penalties, evaluated


def run(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("--pairs", type=int, default=80000)
    parser.add_argument("--attributes", type=int, default=19)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--figures", help="where to write the figures, as JSON")
    args = parser.parse_args()
    ratios = []
    rewards = make_rewards(args.pairs, args.attributes)
    print(f"{rewards.shape[0]} x {rewards.shape[1]}, SciPy {scipy.__version__}, NumPy {np.__version__}, one thread each\n")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rewards.safetensors")
        save_file({"rewards": rewards}, path)
        for _ in range(args.rounds):
            started = time.process_time()
            penalties, evaluated = search(rewards)
            theirs = time.process_time() - started
            ours = run([args.bench, path, "grid", "1"])
            finer = run([args.bench, path, "bisection", "1"])
            assert ours["penalties"] == penalties, (ours["penalties"], penalties)
            ratios.append(theirs / ours["processor_s"])
            print(f"processor time, {evaluated} correlations: SciPy {theirs:.2f} s, here {ours['processor_s']:.3f} s, "
                  f"ratio {theirs / ours['processor_s']:.0f}; bisection to 1e-6 {finer['processor_s']:.3f} s\n")
    if args.figures:
        with open(args.figures, "w", encoding="utf-8") as file:
            json.dump({"ratio": round(float(np.median(ratios)), 2)}, file)


if __name__ == "__main__":
    main()
