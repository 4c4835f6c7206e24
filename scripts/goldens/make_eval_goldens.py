"""Paired tests (SciPy's exact binomial), length bias (SciPy's Spearman) and gate entropies (SciPy).

Written from the definitions; nothing of the C++ code is used.
"""

import json
import pathlib
from importlib.metadata import version

import numpy as np
import scipy.stats

for name, want in {"scipy": "1.17.1", "numpy": "2.4.6"}.items():
    assert version(name) == want, f"{name} {version(name)} != {want}, pinned in requirements.txt"
ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/eval"


def paired_tests():
    counts = [(0, 0), (1, 0), (3, 3), (10, 2), (2, 10), (0, 25), (120, 90), (500, 650), (5000, 4000), (20000, 20150)]
    return [{"first": a, "second": b, "p": scipy.stats.binomtest(a, a + b).pvalue if a + b else 1.0} for a, b in counts]


def length_bias():
    rng = np.random.default_rng(11)
    n = 300
    lengths = rng.integers(1, 40, size=(n, 2))
    lengths[:30, 1] = lengths[:30, 0]
    chosen = np.round(rng.normal(size=n) + 0.03 * (lengths[:, 0] - lengths[:, 1]), 1)
    rejected = np.round(rng.normal(size=n), 1)  # rounding creates ties
    chosen, rejected = chosen.astype(np.float32), rejected.astype(np.float32)
    difference = lengths[:, 0] - lengths[:, 1]
    groups = {}
    for name, mask in {"longer": difference > 0, "shorter": difference < 0, "equal": difference == 0}.items():
        groups[name] = {"n": int(mask.sum()), "correct": int((chosen > rejected)[mask].sum())}
    margin = chosen.astype(np.float64) - rejected.astype(np.float64)
    return {"chosen": chosen.tolist(), "rejected": rejected.tolist(), "lengths": lengths.tolist(), "groups": groups,
            "correlation": float(scipy.stats.spearmanr(margin, difference).statistic)}


def gate_usage():
    rng = np.random.default_rng(12)
    weights = rng.dirichlet([0.3, 1.0, 2.0, 0.1], size=50).astype(np.float32)
    exact = weights.astype(np.float64)
    load = exact.mean(axis=0)
    top = np.bincount(exact.argmax(axis=1), minlength=4) / 50
    mean_entropy = float(np.mean([-np.sum(scipy.special.xlogy(row, row)) for row in exact]))
    load_entropy = float(-np.sum(scipy.special.xlogy(load, load)))
    information = float(np.mean(np.sum(scipy.special.rel_entr(exact, load), axis=1)))
    return {"weights": weights.flatten().tolist(), "n": 50, "k": 4, "load": load.tolist(), "top": top.tolist(),
            "mean_entropy": mean_entropy, "load_entropy": load_entropy, "information": information}


def weighted_means():
    """MOVER from SciPy's Wilson limits, and the stratified test from its variance; both checked here by simulation."""
    rng = np.random.default_rng(13)

    def interval(weights, right, n):
        weights = np.asarray(weights) / np.sum(weights)
        shares = np.asarray(right) / np.asarray(n)
        limits = [scipy.stats.binomtest(int(k), int(m)).proportion_ci(method="wilson") for k, m in zip(right, n)]
        mean = float(weights @ shares)
        below = np.sqrt(np.sum((weights * (shares - [c.low for c in limits])) ** 2))
        above = np.sqrt(np.sum((weights * ([c.high for c in limits] - shares)) ** 2))
        return mean, mean - below, mean + above

    weights, n = np.array([984, 164, 164, 37.0]), np.array([447, 164, 80, 12])
    for rates in ([0.9, 0.8, 0.95, 0.6], [0.99, 0.98, 0.99, 0.97], [0.5, 0.5, 0.5, 0.5]):
        truth, covered = float(weights @ rates / weights.sum()), 0
        for _ in range(1500):
            _, low, high = interval(weights, rng.binomial(n, rates), n)
            covered += low <= truth <= high
        assert 0.935 <= covered / 1500 <= 0.99, (rates, covered / 1500)

    means = []
    for right in ([400, 130, 70, 9], [447, 164, 80, 12], [0, 3, 80, 6]):
        mean, low, high = interval(weights, right, n)
        means.append({"weights": weights.tolist(), "right": right, "n": n.tolist(), "mean": mean, "low": low, "high": high})
    tests = []
    for first, second in (([30, 5, 6, 1], [12, 9, 2, 1]), ([40, 0, 0, 0], [22, 0, 0, 0]), ([3, 20, 1, 0], [9, 1, 5, 2])):
        first, second = np.array(first), np.array(second)
        difference = float(np.sum(weights * (first - second) / n))
        variance = float(np.sum((weights / n) ** 2 * (first + second)))
        p = float(2 * scipy.stats.norm.sf(abs(difference) / np.sqrt(variance)))
        flips = 2 * rng.binomial(first + second, 0.5, size=(40000, 4)) - (first + second)
        simulated = np.mean(np.abs(flips @ (weights / n)) >= abs(difference) - 1e-12)
        assert abs(simulated - p) < 0.03, (p, simulated)
        tests.append({"weights": weights.tolist(), "n": n.tolist(), "first": first.tolist(), "second": second.tolist(), "p": p})
    one = scipy.stats.chi2.sf((40 - 22) ** 2 / (40 + 22), 1)  # McNemar's statistic
    assert abs(tests[1]["p"] - one) < 1e-12
    return {"means": means, "tests": tests}


def groups():
    """Pairs of sources of very different sizes: accuracy with SciPy's Wilson limits, loss, and length bias of each."""
    rng = np.random.default_rng(14)
    names = ["large", "middle", "small", "one", "none"]
    source = rng.permutation(np.repeat(np.arange(4), [150, 40, 9, 1]))
    n = len(source)
    lengths = rng.integers(1, 30, size=(n, 2))
    difference = lengths[:, 0] - lengths[:, 1]
    slope = np.array([0.05, -0.04, 0.0, 0.0])[source]
    chosen = (np.round(rng.normal(size=n) + slope * difference, 1) + 0.5).astype(np.float32)
    rejected = np.round(rng.normal(size=n), 1).astype(np.float32)
    margin = chosen.astype(np.float64) - rejected.astype(np.float64)
    sources = []
    for i, name in enumerate(names):
        own = source == i
        right = margin[own] > 0
        kinds = {}
        for kind, mask in {"longer": difference > 0, "shorter": difference < 0, "equal": difference == 0}.items():
            kinds[kind] = {"n": int((own & mask).sum()), "correct": int((margin[own & mask] > 0).sum())}
        longer, shorter = kinds["longer"], kinds["shorter"]
        limits = scipy.stats.binomtest(int(right.sum()), int(own.sum())).proportion_ci(method="wilson") if own.any() else None
        sources.append({
            "name": name, "n": int(own.sum()), "correct": int(right.sum()),
            "low": float(limits.low) if limits else 0.0, "high": float(limits.high) if limits else 1.0,
            "loss": float(np.mean(np.logaddexp(0, -margin[own]))) if own.any() else None,
            "groups": kinds,
            "gap": longer["correct"] / longer["n"] - shorter["correct"] / shorter["n"] if longer["n"] and shorter["n"] else None,
            "correlation": float(scipy.stats.spearmanr(margin[own], difference[own]).statistic) if own.sum() > 1 else None})
    return {"chosen": chosen.tolist(), "rejected": rejected.tolist(), "lengths": lengths.tolist(), "source": source.tolist(),
            "sources": sources}


goldens = {"paired_tests": paired_tests(), "length_bias": length_bias(), "gate_usage": gate_usage(), "weighted": weighted_means(),
           "groups": groups()}
(ROOT / "analysis.json").write_text(json.dumps(goldens, separators=(",", ":")) + "\n")
print("golden written below", ROOT)
