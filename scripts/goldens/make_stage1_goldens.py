"""Writes tests/goldens/stages from scikit-learn and hashlib.

stage1_rows.safetensors   labelled embeddings in the form of stage1-prepare: three attributes, repeated prompts, weights.
stage1_fits.json          scikit-learn's fits on them for combinations of stage1-train's flags: chosen alphas, weights,
                          intercepts, and validation figures.
prompt_ids.json           conversations and the first 64 bits of SHA-256 over everything before the last answer.
"""
import hashlib
import json
import pathlib

import numpy as np
import scipy
import scipy.stats
import sklearn
import torch
from safetensors.torch import save_file
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, KFold, LeaveOneOut, train_test_split
from sklearn.preprocessing import StandardScaler

assert np.__version__ == "2.4.6", np.__version__
assert scipy.__version__ == "1.17.1", scipy.__version__
assert sklearn.__version__ == "1.9.1", sklearn.__version__
OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/stages"
N, D, K = 240, 12, 3
ALPHAS = [10.0**e for e in range(-4, 5)]


def make_rows():
    rng = np.random.default_rng(5)
    X = torch.tensor(rng.standard_normal((N, D)) * np.logspace(0.5, -0.5, D) + 0.4, dtype=torch.float32).to(torch.bfloat16)
    truth = rng.standard_normal((D, K)) * np.logspace(0, -2, D)[:, None]
    # Rows of one prompt are similar, so that splits by row and by prompt choose differently.
    prompts = rng.integers(-(2**62), 2**62, 70)[rng.integers(0, 70, N)]
    shared = {p: rng.standard_normal(K) for p in sorted(set(prompts.tolist()))}
    Y = X.double().numpy() @ truth + np.array([shared[p] for p in prompts.tolist()]) + rng.standard_normal((N, K)) + 1.5
    Y[rng.random(Y.shape) < 0.3] = np.nan
    weights = (rng.integers(0, 9, N) / 4).astype(np.float32)
    return X, Y.astype(np.float32), prompts.astype(np.int64), weights


def fit(X, y, w, alpha, standardize, intercept):
    scaler = StandardScaler(with_mean=intercept, with_std=standardize).fit(X, sample_weight=w)
    ridge = Ridge(alpha=alpha, fit_intercept=intercept).fit(scaler.transform(X), y, sample_weight=w)
    coef = ridge.coef_ / (scaler.scale_ if standardize else 1.0)
    return coef, float(ridge.intercept_) - (float(scaler.mean_ @ coef) if intercept else 0.0)


def row_groups(prompts, split_by, cv, n_folds, seed=42):
    """Fold of each row, -1 for validation, over rows of all attributes together."""
    rows = np.arange(N)
    if split_by == "row":
        train, validation = train_test_split(rows, test_size=0.2, random_state=seed)
        folds = KFold(n_folds, shuffle=True, random_state=seed).split(train)
    else:
        train, validation = next(GroupShuffleSplit(1, test_size=0.2, random_state=seed).split(rows, groups=prompts))
        folds = GroupKFold(n_folds, shuffle=True, random_state=seed).split(train, groups=prompts[train])
    group = np.zeros(N, dtype=int)
    group[validation] = -1
    if cv == "kfold":
        for fold, (_, test) in enumerate(folds):
            group[train[test]] = fold
    return group


def parts(cv, group):
    """(training rows, held-out rows) of each round that chooses alpha."""
    train = np.flatnonzero(group >= 0)
    if cv == "holdout":
        return [(train, np.flatnonzero(group < 0))]
    if cv == "loo":
        return [(train[a], train[b]) for a, b in LeaveOneOut().split(train)]
    return [(train[group[train] != f], train[group[train] == f]) for f in range(group.max() + 1)]


def case(X, Y, prompts, weights, flags, alphas=ALPHAS, cv="holdout", n_folds=5, split_by="row", weighted=False,
         standardize=False, intercept=False, refit=False):
    group = row_groups(prompts, split_by, cv, n_folds)
    out = {"flags": flags, "groups": group.tolist(), "alpha": [], "weight": [], "bias": [], "mse": [], "r_squared": [], "spearman": []}
    for k in range(K):
        rows = ~np.isnan(Y[:, k])
        x, y, g = X[rows], Y[rows, k].astype(np.float64), group[rows]
        w = weights[rows].astype(np.float64) if weighted else np.ones(rows.sum())
        losses = []
        for alpha in alphas:
            error = 0.0
            for train, test in parts(cv, g):
                coef, c = fit(x[train], y[train], w[train], alpha, standardize, intercept)
                error += np.sum(w[test] * (y[test] - x[test] @ coef - c) ** 2)
            losses.append(error)
        ordered = np.sort(losses)
        assert ordered[1] - ordered[0] > 1e-9 * ordered[0], (flags, k, "the choice of alpha is a tie")
        best = alphas[int(np.argmin(losses))]
        coef, c = fit(x[g >= 0], y[g >= 0], w[g >= 0], best, standardize, intercept)
        val = g < 0
        p = x[val] @ coef + c
        out["alpha"].append(best)
        out["mse"].append(mean_squared_error(y[val], p, sample_weight=w[val]))
        out["r_squared"].append(r2_score(y[val], p, sample_weight=w[val]))
        out["spearman"].append(float(scipy.stats.spearmanr(p, y[val]).statistic))
        if refit:
            coef, c = fit(x, y, w, best, standardize, intercept)
        out["weight"].append(coef.tolist())
        out["bias"].append(c)
    return out


def fits(rows):
    grid = np.logspace(-2, 3, 6).tolist()
    everything = "--split_by prompt --cv kfold --n_folds 4 --standardize --fit_intercept --refit --weight_column w"
    return [
        case(*rows, ""),
        case(*rows, "--alphas 3,30,300", alphas=[3.0, 30.0, 300.0]),
        case(*rows, "--alphas 1e-2:1e3:6", alphas=grid),
        case(*rows, "--cv kfold", cv="kfold"),
        case(*rows, "--cv kfold --n_folds 3", cv="kfold", n_folds=3),
        case(*rows, "--cv loo", cv="loo"),
        case(*rows, "--split_by prompt", split_by="prompt"),
        case(*rows, "--split_by prompt --cv kfold", split_by="prompt", cv="kfold"),
        case(*rows, "--weight_column w", weighted=True),
        case(*rows, "--standardize", standardize=True),
        case(*rows, "--fit_intercept", intercept=True),
        case(*rows, "--refit", refit=True),
        case(*rows, "--cv loo --fit_intercept --weight_column w", cv="loo", intercept=True, weighted=True),
        case(*rows, everything, split_by="prompt", cv="kfold", n_folds=4, standardize=True, intercept=True, refit=True,
             weighted=True),
    ]


def prompt_ids():
    user, answer = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
    conversations = [[user, answer], [user, {"role": "assistant", "content": "b"}], [user],
                     [user, answer, {"role": "user", "content": "é"}, answer],
                     [{"role": "system", "content": ""}, user, answer], [user, answer, user]]
    records = []
    for messages in conversations:
        last = max([i for i, m in enumerate(messages) if m["role"] == "assistant"], default=len(messages))
        text = "".join(f"{len(v.encode())}:{v}" for m in messages[:last] for v in (m["role"], m["content"]))
        digest = hashlib.sha256(text.encode()).digest()
        records.append({"messages": messages, "id": int.from_bytes(digest[:8], "big", signed=True)})
    return records


def main():
    X, Y, prompts, weights = rows = make_rows()
    metadata = {"armorm_format_version": "1", "armorm_version": "0", "kind": "labelled", "model": "m", "dataset": "d",
                "split": "train", "source": "", "precision": "bf16", "attributes": json.dumps(["a", "b", "c"]),
                "weight_column": "w", "subset_names": "[]", "template_sha256": "", "tokenizer_sha256": "",
                "config_sha256": "", "shard_idx": "1", "n_shards": "1", "seed": "0", "rows": str(N), "source_rows": str(N),
                "dropped": "{}", "counts": "{}"}
    save_file({"embeddings": X, "labels": torch.tensor(Y), "row_ids": torch.arange(N), "prompt_ids": torch.tensor(prompts),
               "sample_weights": torch.tensor(weights)}, OUT / "stage1_rows.safetensors", metadata)
    (OUT / "stage1_rows.safetensors").chmod(0o644)
    records = fits((X.double().numpy(), *rows[1:]))
    (OUT / "stage1_fits.json").write_text("[\n" + ",\n".join(json.dumps(r) for r in records) + "\n]\n")
    (OUT / "prompt_ids.json").write_text(json.dumps(prompt_ids(), ensure_ascii=False) + "\n")
    for r in records:
        print(r["flags"], r["alpha"], np.round(r["r_squared"], 3))


if __name__ == "__main__":
    main()
