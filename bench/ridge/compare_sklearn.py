"""The same ridge fits by scikit-learn and by bench_ridge, one after the other, several times; prints the ratio.

    compare_sklearn.py BENCH_RIDGE [--rows 50000] [--features 1024] [--masks own|overlapping] [--repeat 3]

The data: bf16 embeddings and 19 labels in 8 patterns. "own" is the shape of the published multi-objective data, where
a pattern is a source data set; "overlapping" gives every pattern half of the labels at random.
The scikit-learn side is the usual loop: for each label, Ridge(fit_intercept=False) in float32 at 9 alphas on the
labelled training rows, the mean squared error of each on the validation rows, and a final fit with the best alpha.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import threadpoolctl
import torch
from safetensors.torch import load_file, save_file
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split

N_LABELS = 19
ALPHAS = [10.0**e for e in range(-4, 5)]
OWN = [range(0, 5), range(5, 10), range(6, 10), [10], [11], [12], [13], range(14, 19)]


def make_data(rows, features, masks, path):
    rng = np.random.default_rng(0)
    X = torch.tensor(rng.standard_normal((rows, features), dtype=np.float32) + 0.1).to(torch.bfloat16)
    truth = rng.standard_normal((features, N_LABELS)).astype(np.float32) / np.float32(np.sqrt(features))
    Y = X.float().numpy() @ truth + rng.standard_normal((rows, N_LABELS), dtype=np.float32)
    held = np.zeros((8, N_LABELS), bool)
    for pattern in range(8):
        held[pattern, list(OWN[pattern]) if masks == "own" else rng.permutation(N_LABELS)[:10]] = True
    Y[~held[rng.integers(0, 8, rows)]] = np.nan
    save_file({"embeddings": X, "labels": torch.tensor(Y)}, path)
    return X, Y


def sklearn_loop(X, Y):
    """Wall and processor seconds, weights [K, D] and alphas [K]; the data is converted before the clock starts."""
    train, validation = train_test_split(np.arange(len(X)), test_size=0.2, random_state=42)
    X = X.float().numpy()
    start, cpu = time.perf_counter(), time.process_time()
    X_train, X_val, Y_train, Y_val = X[train], X[validation], Y[train], Y[validation]
    weights, chosen = [], []
    for k in range(Y.shape[1]):
        train_rows, val_rows = ~np.isnan(Y_train[:, k]), ~np.isnan(Y_val[:, k])
        losses = []
        for alpha in ALPHAS:
            model = Ridge(alpha=alpha, fit_intercept=False).fit(X_train[train_rows], Y_train[train_rows, k])
            losses.append(((model.predict(X_val[val_rows]) - Y_val[val_rows, k]) ** 2).mean())
        chosen.append(ALPHAS[int(np.argmin(losses))])
        model = Ridge(alpha=chosen[-1], fit_intercept=False).fit(X_train[train_rows], Y_train[train_rows, k])
        weights.append(model.coef_)
    return time.perf_counter() - start, time.process_time() - cpu, np.array(weights), np.array(chosen)


def himalaya_fits(X, Y):
    """himalaya's RidgeCV, once per set of labels with the same rows (it does not accept missing labels)."""
    from himalaya.ridge import RidgeCV
    from sklearn.model_selection import PredefinedSplit
    _, validation = train_test_split(np.arange(len(X)), test_size=0.2, random_state=42)
    fold = np.full(len(X), -1)
    fold[validation] = 0
    X = X.float().numpy()
    start = time.perf_counter()
    sets = {}
    for k in range(Y.shape[1]):
        sets.setdefault((~np.isnan(Y[:, k])).tobytes(), []).append(k)
    chosen = np.zeros(Y.shape[1])
    for mask, labels in sets.items():
        rows = np.frombuffer(mask, dtype=bool)
        model = RidgeCV(alphas=ALPHAS, fit_intercept=False, cv=PredefinedSplit(fold[rows]))
        chosen[labels] = model.fit(X[rows], Y[rows][:, labels]).best_alphas_
    return time.perf_counter() - start, chosen


def ridge_cv_fits(X, Y):
    """scikit-learn's RidgeCV (leave-one-out on the training rows), label by label."""
    from sklearn.linear_model import RidgeCV
    train, _ = train_test_split(np.arange(len(X)), test_size=0.2, random_state=42)
    X = X.float().numpy()
    start = time.perf_counter()
    for k in range(Y.shape[1]):
        rows = train[~np.isnan(Y[train, k])]
        RidgeCV(alphas=ALPHAS, fit_intercept=False).fit(X[rows], Y[rows, k])
    return time.perf_counter() - start, None


def gemm_peak():
    best = {}
    for dtype in (np.float64, np.float32):
        a = np.random.default_rng(0).standard_normal((2048, 2048)).astype(dtype)
        times = []
        for _ in range(5):
            start = time.perf_counter()
            a @ a
            times.append(time.perf_counter() - start)
        best[dtype.__name__] = 2 * 2048**3 / min(times) / 1e9
    return best


def run_ours(program, data, weights, threads):
    output = subprocess.run([program, data, "--weights", weights, "--threads", str(threads)], check=True, capture_output=True, text=True)
    return json.loads(output.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--rows", type=int, default=50000)
    parser.add_argument("--features", type=int, default=1024)
    parser.add_argument("--masks", choices=["own", "overlapping"], default="own")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="of both sides; 0: one per core. On a busy machine one "
                        "thread and processor time compare best: BLAS threads that wait for each other spin")
    parser.add_argument("--with", dest="other", choices=["himalaya", "ridge_cv"], help="time this one instead, once")
    parser.add_argument("--figures", help="where to write the figures, as JSON; a Markdown table then replaces the lines of JSON")
    arguments = parser.parse_args()
    if arguments.threads > 0:
        threadpoolctl.threadpool_limits(arguments.threads)
    warnings.simplefilter("ignore")
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        data, out = str(pathlib.Path(folder) / "data.safetensors"), str(pathlib.Path(folder) / "out.safetensors")
        X, Y = make_data(arguments.rows, arguments.features, arguments.masks, data)
        if arguments.other:
            before = run_ours(arguments.program, data, out, arguments.threads)
            seconds, chosen = {"himalaya": himalaya_fits, "ridge_cv": ridge_cv_fits}[arguments.other](X, Y)
            after = run_ours(arguments.program, data, out, arguments.threads)
            ours = (before["total"] + after["total"]) / 2
            same = None if chosen is None else int(np.isclose(load_file(out)["alpha"].numpy(), chosen).sum())
            print(json.dumps({arguments.other: round(seconds, 2), "ours_s": round(ours, 3),
                              "ratio": round(seconds / ours, 1), "same_alphas": same, "load": os.getloadavg()[0]}))
            return
        for _ in range(arguments.repeat):
            # Our program runs before and after, so that other load on the machine affects both sides.
            before = run_ours(arguments.program, data, out, arguments.threads)
            peak = gemm_peak()
            seconds, cpu, weights, alphas = sklearn_loop(X, Y)
            after = run_ours(arguments.program, data, out, arguments.threads)
            ours = (before["total"] + after["total"]) / 2
            theirs = load_file(out)
            difference = np.linalg.norm(theirs["weight"].numpy() - weights, axis=1) / np.linalg.norm(weights, axis=1)
            our_cpu = (before["total_cpu"] + after["total_cpu"]) / 2
            rounds.append({"sklearn_s": round(seconds, 2), "ours_s": round(ours, 3), "ratio": round(seconds / ours, 1),
                              "sklearn_cpu_s": round(cpu, 2), "ours_cpu_s": round(our_cpu, 3),
                              "cpu_ratio": round(cpu / our_cpu, 1),
                              "before": before, "after": after,
                              "numpy_gemm_gflops": {k: round(v, 1) for k, v in peak.items()},
                              "same_alphas": int((theirs["alpha"].numpy() == alphas).sum()),
                              "largest_weight_difference": float(difference.max()), "load": os.getloadavg()[0]})
            print(json.dumps(rounds[-1]), file=sys.stderr if arguments.figures else sys.stdout, flush=True)
    if arguments.figures:
        report(rounds, arguments)
    else:
        print("median ratio", median(r["ratio"] for r in rounds))


def median(values):
    return round(float(np.median(list(values))), 3)


def report(rounds, arguments):
    print(f"{arguments.rows} x {arguments.features}, masks {arguments.masks}, NumPy {np.__version__}; the first pass takes N·D² operations\n")
    print("| scikit-learn s | here s | ratio | of processor time | first pass GFLOP/s | kernel alone | NumPy float64 | same alphas |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|")
    for r in rounds:
        first = (r["before"]["gflops"] + r["after"]["gflops"]) / 2
        kernel = max(r["before"]["kernel_gflops"], r["after"]["kernel_gflops"])
        print(f"| {r['sklearn_s']} | {r['ours_s']} | {r['ratio']} | {r['cpu_ratio']} | {first:.0f} | {kernel:.0f} | "
              f"{r['numpy_gemm_gflops']['float64']:.0f} | {r['same_alphas']} of {N_LABELS} |")
    ours = [r[when] for r in rounds for when in ("before", "after")]
    # Integer kernels are compared with the float64 product as well, whose sums they replace: more than 100 % is possible.
    kernel = f" ({ours[0]['kernel']})" if "kernel" in ours[0] else ""
    rows = [{"name": f"first pass{kernel}", "type": "float64", "gflops": median(o["gflops"] for o in ours)},
            {"name": f"accumulation kernel alone{kernel}", "type": "float64", "gflops": median(o["kernel_gflops"] for o in ours)}]
    figures = {"ratio": median(r["ratio"] for r in rounds), "processor_time": {"ratio": median(r["cpu_ratio"] for r in rounds)},
               "here_s": median(r["ours_s"] for r in rounds), "sklearn_s": median(r["sklearn_s"] for r in rounds), "rows": rows,
               "kernel": ours[0].get("kernel")}
    pathlib.Path(arguments.figures).write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
