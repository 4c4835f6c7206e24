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
    rejected = np.round(rng.normal(size=n), 1)  # rounding makes ties
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


goldens = {"paired_tests": paired_tests(), "length_bias": length_bias(), "gate_usage": gate_usage()}
(ROOT / "analysis.json").write_text(json.dumps(goldens, separators=(",", ":")) + "\n")
print("golden written below", ROOT)
