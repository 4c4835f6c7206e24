"""Writes tests/goldens/linear from SciPy, scikit-learn and mpmath.

statistics.json           Spearman (scipy.stats.spearmanr), Pearson, R2, MSE of paired samples.
ridge_<case>.safetensors  data and, for every attribute: coefficients at every alpha, the losses that choose the alpha,
                          the alpha chosen, and the validation figures. Ordinary cases come from scikit-learn's Ridge in
                          float64, ill-conditioned ones from the normal equations in 80 decimal digits.
"""
import json
import pathlib
import warnings

import mpmath
import numpy as np
import scipy
import scipy.stats
import sklearn
import torch
from safetensors.torch import save_file
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

assert np.__version__ == "2.4.6", np.__version__
assert scipy.__version__ == "1.17.1", scipy.__version__
assert sklearn.__version__ == "1.9.1", sklearn.__version__
assert mpmath.__version__ == "1.3.0", mpmath.__version__
OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/linear"
ALPHAS = [10.0**e for e in range(-4, 5)]
TRAIN, VALIDATION = 0, 1


def as_bf16(values):
    return torch.tensor(values, dtype=torch.float32).to(torch.bfloat16)


# ---------------------------------------------------------------------------------------------------- statistics
def statistics_cases():
    rng = np.random.default_rng(1)
    pairs = [([1, 2], [1, 2]), ([1, 2], [2, 1]), ([1, 1, 2], [3, 4, 4]), ([1, 2, 3, 4], [1, 1, 1, 2])]
    for n in (3, 10, 57, 400):
        x = rng.standard_normal(n)
        pairs.append((x, x + rng.standard_normal(n)))
        pairs.append((np.arange(n) * 7 % 5, rng.permutation(n) % 3))  # many ties
        pairs.append((np.round(x, 1), np.round(-x + rng.standard_normal(n), 1)))
        pairs.append((1e8 + x, 1e-8 * x**3))
    records = []
    for x, y in pairs:
        x, y = np.asarray(x, float), np.asarray(y, float)
        assert np.ptp(x) > 0 and np.ptp(y) > 0
        records.append({"x": x.tolist(), "y": y.tolist(),
                        "x_ranks": scipy.stats.rankdata(x).tolist(),
                        "spearman": float(scipy.stats.spearmanr(x, y).statistic),
                        "pearson": float(scipy.stats.pearsonr(x, y).statistic),
                        "r_squared": float(r2_score(y, x)), "mse": float(mean_squared_error(y, x))})
    return records


# --------------------------------------------------------------------------------------------------------- ridge
def sklearn_fit(X, y, alpha, weights, intercept, standardize):
    ridge = Ridge(alpha=alpha, fit_intercept=intercept)
    if not standardize:
        ridge.fit(X, y, sample_weight=weights)
        return ridge.coef_, float(ridge.intercept_)
    scaler = StandardScaler(with_mean=intercept)
    make_pipeline(scaler, ridge).fit(X, y, ridge__sample_weight=weights, standardscaler__sample_weight=weights)
    coef = ridge.coef_ / scaler.scale_
    return coef, float(ridge.intercept_) - (float(scaler.mean_ @ coef) if intercept else 0.0)


def exact_fit(X, y, alpha, weights, intercept, standardize):
    assert weights is None and not intercept and not standardize
    with mpmath.workdps(80):
        A = mpmath.matrix(X.tolist())
        G = A.T * A + mpmath.mpf(alpha) * mpmath.eye(X.shape[1])
        b = A.T * mpmath.matrix(y.tolist())
        return np.array([float(v) for v in mpmath.lu_solve(G, b)]), 0.0


def weighted_error(X, y, coef, c, w):
    return float(np.sum(w * (y - X @ coef - c) ** 2))


def selection_losses(X, y, groups, w, given, fit, cv, options):
    """Loss per alpha, or None when there are no rows to choose by."""
    n_groups = options["n_groups"]
    train = groups != n_groups - 1
    losses = []
    for alpha in ALPHAS:
        error, weight = 0.0, 0.0
        if cv == "holdout":
            parts = [(train, ~train)]
        elif cv == "kfold":
            parts = [(train & (groups != f), groups == f) for f in range(n_groups - 1)]
        else:
            rows = np.flatnonzero(train)
            parts = [(train & (np.arange(len(y)) != i), np.arange(len(y)) == i) for i in rows]
        for fit_rows, test in parts:
            if not fit_rows.any() or not test.any():
                continue
            coef, c = fit(X[fit_rows], y[fit_rows], alpha, None if given is None else w[fit_rows],
                          options["fit_intercept"], False)
            error += weighted_error(X[test], y[test], coef, c, w[test])
            weight += float(np.sum(w[test]))
        losses.append(error / weight if weight else None)
    return losses if losses[0] is not None else None


def ridge_case(name, X, Y, groups, fit=sklearn_fit, weights=None, cv="holdout", refit=False, fit_intercept=False,
               standardize=False, n_groups=2):
    options = {"n_groups": n_groups, "fit_intercept": fit_intercept}
    stored_X, X = X, X.to(torch.float64).numpy()
    Y = Y.astype(np.float32)
    K, D = Y.shape[1], X.shape[1]
    all_w = np.ones(len(Y)) if weights is None else weights.astype(np.float32).astype(np.float64)
    nan = float("nan")
    coef = np.zeros((K, len(ALPHAS), D))
    final = np.zeros((K, D))
    intercept = np.zeros((K, len(ALPHAS)))
    losses = np.full((K, len(ALPHAS)), nan)
    figures = np.full((K, 3), nan)  # MSE, R2, Spearman
    best = np.full(K, -1)
    counts = np.zeros((K, 2))
    for k in range(K):
        rows = ~np.isnan(Y[:, k])
        x, y, g, w = X[rows], Y[rows, k].astype(np.float64), groups[rows], all_w[rows]
        train, val = g != n_groups - 1, g == n_groups - 1
        counts[k] = train.sum(), val.sum()
        if not train.any():
            continue
        for a, alpha in enumerate(ALPHAS):
            coef[k, a], intercept[k, a] = fit(x[train], y[train], alpha, None if weights is None else w[train],
                                              fit_intercept, standardize)
        if standardize:  # only the hold-out cases standardize
            curve = [weighted_error(x[val], y[val], coef[k, a], intercept[k, a], w[val]) / w[val].sum()
                     for a in range(len(ALPHAS))] if val.any() else None
        else:
            curve = selection_losses(x, y, g, w, weights, fit, cv, options)
        if curve is None:
            continue
        losses[k] = curve
        best[k] = int(np.argmin(curve))
        ordered = np.sort(curve)
        assert ordered[1] - ordered[0] > 1e-9 * ordered[0], (name, k, "the choice of alpha is a tie")
        if val.any():
            p = x[val] @ coef[k, best[k]] + intercept[k, best[k]]
            figures[k] = (mean_squared_error(y[val], p, sample_weight=w[val]), r2_score(y[val], p, sample_weight=w[val]),
                          scipy.stats.spearmanr(p, y[val]).statistic)
        if refit:
            final[k], _ = fit(x, y, ALPHAS[best[k]], None if weights is None else w, fit_intercept, standardize)
    tensors = {"embeddings": stored_X.contiguous(), "labels": torch.tensor(Y),
               "groups": torch.tensor(groups, dtype=torch.uint8), "alphas": torch.tensor(ALPHAS, dtype=torch.float64),
               "coef": torch.tensor(coef), "intercept": torch.tensor(intercept), "loss": torch.tensor(losses),
               "best": torch.tensor(best, dtype=torch.int64), "figures": torch.tensor(figures),
               "counts": torch.tensor(counts, dtype=torch.int64)}
    if weights is not None:
        tensors["weights"] = torch.tensor(weights.astype(np.float32))
    if refit:
        tensors["final"] = torch.tensor(final)
    metadata = {"cv": cv, "refit": str(int(refit)), "fit_intercept": str(int(fit_intercept)),
                "standardize": str(int(standardize)), "n_groups": str(n_groups)}
    save_file(tensors, OUT / f"ridge_{name}.safetensors", metadata)
    (OUT / f"ridge_{name}.safetensors").chmod(0o644)
    print(name, "best", [ALPHAS[b] if b >= 0 else None for b in best])


def make_labels(rng, X, K, noise):
    # A decaying signal, so that different attributes want different alphas.
    truth = rng.standard_normal((X.shape[1], K)) * np.logspace(0, -2, X.shape[1])[:, None]
    return X @ truth + noise * np.logspace(-1, 1.2, K) * rng.standard_normal((len(X), K))


def holdout_groups(n):
    _, validation = train_test_split(np.arange(n), test_size=0.2, random_state=42)
    groups = np.full(n, TRAIN)
    groups[validation] = VALIDATION
    return groups


def masked_data(seed, n=500, D=32, K=10):
    """Eight patterns of labels; attribute 7 has none, 8 only training ones, 9 only validation ones."""
    rng = np.random.default_rng(seed)
    X = as_bf16(rng.standard_normal((n, D)) * np.logspace(0.5, -0.5, D) + 0.2)
    Y = make_labels(rng, X.double().numpy(), K, 1.0)
    patterns = np.array([[1, 1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 0],
                         [0, 0, 0, 0, 1, 1, 1], [0, 1, 0, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1]])
    groups = holdout_groups(n)
    mask = np.zeros((n, K), bool)
    mask[:, :7] = patterns[rng.integers(0, 8, n)]
    mask[::5, 8] = groups[::5] == TRAIN
    mask[::3, 9] = groups[::3] == VALIDATION
    Y[~mask] = np.nan
    return X, Y, groups, rng


def small_data(seed, n, D, K):
    rng = np.random.default_rng(seed)
    X = as_bf16(rng.standard_normal((n, D)) + 0.5)
    Y = make_labels(rng, X.double().numpy(), K, 1.0)
    Y[rng.random(Y.shape) < 0.3] = np.nan
    return X, Y, rng


def ridge_cases():
    X, Y, groups, rng = masked_data(2)
    ridge_case("patterns", X, Y, groups)
    ridge_case("refit", X, Y, groups, refit=True)
    ridge_case("intercept", X, Y, groups, fit_intercept=True)
    w = rng.integers(1, 9, len(Y)) / 4
    ridge_case("weighted", X, Y, groups, weights=w)
    X[:, 5] = 3.0
    ridge_case("standardized", X, Y, groups, standardize=True)
    ridge_case("all_options", X, Y, groups, standardize=True, fit_intercept=True, weights=w)
    X, Y, rng = small_data(3, 200, 16, 4)
    folds = rng.integers(0, 5, len(Y))
    ridge_case("kfold", X, Y, folds, cv="kfold", n_groups=5)
    X, Y, rng = small_data(4, 120, 12, 3)
    ridge_case("loo", X, Y, holdout_groups(120), cv="loo")
    ridge_case("loo_intercept", X, Y, holdout_groups(120), cv="loo", fit_intercept=True)


def hard_cases():
    rng = np.random.default_rng(5)
    n, D, K = 160, 20, 2
    base = rng.standard_normal((n, D))
    scaled = as_bf16(base * np.logspace(0, -12, D))  # condition 1e12
    noise = rng.standard_normal((n, K))
    labels = lambda X: (X.double().numpy() / (1e-30 + np.abs(X.double().numpy()).max(0))) @ rng.standard_normal(
        (X.shape[1], K)) + noise[:len(X)]
    ridge_case("condition", scaled, labels(scaled), holdout_groups(n), fit=exact_fit)
    mixed = torch.tensor(base * np.logspace(1, -6, D) @ np.linalg.qr(rng.standard_normal((D, D)))[0],
                         dtype=torch.float32)
    ridge_case("rotated", mixed, labels(mixed), holdout_groups(n), fit=exact_fit)
    twice = as_bf16(np.concatenate([base[:, :10], base[:, :10]], 1))
    ridge_case("duplicates", twice, labels(twice), holdout_groups(n), fit=exact_fit)
    wide = as_bf16(rng.standard_normal((50, 48)))
    ridge_case("wide", wide, labels(wide), holdout_groups(50), fit=exact_fit)
    constant = as_bf16(base)
    constant[:, 3] = 7.0
    constant[:, 4] = 0.0
    constant[:, 5] = -100.0
    ridge_case("constant", constant, labels(constant), holdout_groups(n), fit=exact_fit)
    # More columns than fit one panel of the reduction to a band.
    rng = np.random.default_rng(6)
    panels = as_bf16(rng.standard_normal((150, 76)) * np.logspace(1, -2, 76) @ np.linalg.qr(rng.standard_normal((76, 76)))[0])
    noise = rng.standard_normal((150, K))
    ridge_case("panels", panels, labels(panels), holdout_groups(150), fit=exact_fit)


def main():
    warnings.simplefilter("ignore", scipy.stats.ConstantInputWarning)
    OUT.mkdir(parents=True, exist_ok=True)
    rows = ",\n".join(json.dumps(r, separators=(",", ":")) for r in statistics_cases())
    (OUT / "statistics.json").write_text(f"[\n{rows}\n]\n")
    ridge_cases()
    hard_cases()


if __name__ == "__main__":
    main()
