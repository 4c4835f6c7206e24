"""Checks what the four executables wrote below a data root against the reference pipeline (its --compare).

Embeddings and prompt embeddings are compared with transformers row by row. All later steps are computed from the
executables' own embeddings and weights, so that each bound covers one step and not the complete chain.
No code of this project is imported: tensors come through the safetensors package and torch.load(weights_only=True).
"""

import json

import numpy as np
import torch
from safetensors import safe_open

import reference_pipeline as reference

# fp32 runs differ by rounding, which bf16 storage shows as at most one step: 2^-7 of a value's binade.
EMBEDDING_STEPS = 1.0
COEFFICIENTS = 1e-6  # relative, against float64
TRANSFORM = 1e-7  # float32 of a decimal
LOSS = 1e-6  # relative


class Findings:
    def __init__(self):
        self.failed = 0
        self.values = {}
        self.bounds = {}

    def bound(self, what, value, limit):
        self.values[what], self.bounds[what] = value, limit
        fine = value <= limit
        self.failed += not fine
        print(f"{'ok    ' if fine else 'DIFFER'} {what}: {value:.3g} (bound {limit:g})")

    def same(self, what, found, expected):
        different = [i for i, (a, b) in enumerate(zip(found, expected)) if a != b]
        if len(found) != len(expected):
            different.append(f"lengths {len(found)} and {len(expected)}")
        self.failed += bool(different)
        self.values[what], self.bounds[what] = len(different), 0
        print(f"{'DIFFER' if different else 'ok    '} {what}: {len(different)} of {len(expected)} differ {different[:5]}")


def load_shards(folder, stem):
    """Tensors of all shards, one after another, and the subset of each row."""
    paths = sorted(p for p in folder.glob(f"{stem}*.safetensors")
                   if p.stem == stem or p.stem[len(stem):].replace("-of-", "").lstrip("-").isdigit())
    if not paths:
        raise SystemExit(f"{folder}: no {stem}*.safetensors; run the prepare stages first")
    tensors, subsets = {}, []
    for path in paths:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():
                tensors.setdefault(name, []).append(file.get_tensor(name))
            if "subset_ids" in file.keys():  # each shard numbers its subsets independently
                names = json.loads(file.metadata()["subset_names"])
                subsets += [names[i] for i in file.get_tensor("subset_ids").tolist()]
    return {name: torch.cat(parts) for name, parts in tensors.items()} | {"subsets": subsets}


def steps_apart(found, expected):
    """Largest difference of two arrays of bfloat16 values, in steps of bfloat16 at the larger value or 2^-6."""
    scale = np.maximum(np.maximum(np.abs(found), np.abs(expected)), 2.0**-6)
    return float((np.abs(found - expected) / 2.0 ** (np.floor(np.log2(scale)) - 7)).max())


def compare_embeddings(findings, what, found, expected, precision):
    found = found.float().numpy()
    print(f"       {what}: {np.mean(found != expected):.2%} of the bfloat16 values are not equal, largest "
          f"difference {np.abs(found - expected).max():.3g}")
    if precision == "fp32":
        findings.bound(f"{what}, bfloat16 steps", steps_apart(found, expected), EMBEDDING_STEPS)


def compare_stage1(findings, root, folder, states, precision):
    ours = load_shards(folder, "multi-objective")
    findings.same("shuffle", ours["row_ids"].tolist(), states["order"].tolist())
    findings.same("labels (NaN = NaN)", np.nan_to_num(ours["labels"].numpy(), nan=-1).ravel().tolist(),
                  np.nan_to_num(states["labels"], nan=-1).ravel().tolist())
    compare_embeddings(findings, "embeddings", ours["embeddings"], states["embeddings"], precision)
    weights, table = reference.fit_attributes(ours["embeddings"].float().numpy(), ours["labels"].numpy())
    stem = root / "regression_weights" / "model_multi-objective"
    report = json.loads(stem.with_suffix(".json").read_text())["attributes"]
    findings.same("chosen alphas", [r["best_alpha"] for r in report], [r["alpha"] for r in table])
    findings.same("label counts", [(r["n_train"], r["n_validation"]) for r in report],
                  [(r["n_train"], r["n_val"]) for r in table])
    loss = max(abs(a / b - 1) for r, t in zip(report, table) for a, b in zip(r["loss"], t["losses"]))
    findings.bound("validation losses at all alphas, relative", loss, LOSS)
    for key, mine in (("r_squared", "r2"), ("spearman", "spearman")):
        findings.bound(f"{mine}, absolute", max(abs(r[key] - t[mine]) for r, t in zip(report, table)), 1e-6)
    saved = torch.load(f"{stem}.pt", weights_only=True)["weight"].double().numpy()
    error = np.linalg.norm(saved - weights, axis=1) / np.linalg.norm(weights, axis=1)
    findings.bound("coefficients, relative norm", float(error.max()), COEFFICIENTS)
    return saved


def compare_transform(findings, ours, weights, report, saved_transform, threshold):
    rewards = (ours["reference"]["embeddings"].double().numpy() @ weights.T).reshape(-1, len(weights))
    penalties, before, after, transform = reference.debias(rewards, threshold)
    findings.same("penalties", [r["penalty"] for r in report["debiasing"]], penalties)
    findings.bound("correlation before", max(abs(r["correlation_before"] - b)
                                             for r, b in zip(report["debiasing"], before)), 1e-4)
    findings.bound("transform", float(np.abs(saved_transform - transform).max()), TRANSFORM)


def compare_gate(findings, ours, stem, report, weights, transform):
    state = torch.load(f"{stem}.pt", weights_only=True)
    layers = sorted({int(name.split(".")[1]) for name in state if name.startswith("layers.")})
    hidden = state["layers.0.weight"].shape[0]
    temperature = float(report["options"]["temperature"])
    gate = reference.Gate(weights.shape[1], len(weights), hidden, len(layers) - 1, temperature, 1.0, 0.0)
    gate.load_state_dict(state, strict=True)
    gate.eval()

    @torch.no_grad()
    def margins(name, rows=slice(None)):
        pairs = ours[name]
        rewards = pairs["embeddings"][rows].float() @ torch.tensor(weights.T @ transform, dtype=torch.float32)
        return gate.margin(rewards, pairs["prompt_embeddings"][rows].float())

    n = len(ours["preference"]["row_ids"])
    _, val = reference.train_test_split(np.arange(n), test_size=0.2, random_state=0)
    said = next(r for r in report["validation"] if "gate" in r["name"] and "uniform" not in r["name"])
    findings.bound("validation accuracy, pairs", abs(said["accuracy"] - reference.accuracy(margins("preference", val)))
                   * len(val), 0.5)
    if "reward_bench" in report:
        _, sections = reference.reward_bench(margins("reward-bench"), ours["reward-bench"]["subsets"])
        said = report["reward_bench"][0]
        for section in said["sections"]:
            findings.bound(f"RewardBench {section['name']}, per cent", abs(section["score"] - sections[section["name"]]), 0.011)
        findings.bound("RewardBench score, per cent", abs(said["score"] - sections["Score"]), 0.011)


def compare(root, states, options):
    findings = Findings()
    folder = root / "embeddings" / "model"
    weights = compare_stage1(findings, root, folder, states, options.precision)
    ours = {}
    for name, split in (("preference", "train"), ("reference", "train"), ("reward-bench", "filtered")):
        ours[name] = load_shards(folder, f"{name}-{split}")
        rows = ours[name]["row_ids"].numpy()
        findings.same(f"{name}: every row once", sorted(rows.tolist()), list(range(len(states[name]["embeddings"]))))
        for tensor in ("embeddings", "prompt_embeddings"):
            compare_embeddings(findings, f"{name} {tensor}", ours[name][tensor], states[name][tensor][rows],
                               options.precision)
    stem = root / "gating_network_model"
    report = json.loads((root / "gating_network_model.json").read_text())
    with safe_open(f"{stem}.safetensors", framework="pt") as file:
        transform = file.get_tensor("reward_transform_matrix").double().numpy()
        twin = file.get_tensor("regression_layer.weight").double().numpy()
    findings.bound("weights in the gate's twin", float(np.abs(twin - weights).max()), 0.0)
    compare_transform(findings, ours, weights, report, transform, float(report["options"]["corr_threshold"]))
    compare_gate(findings, ours, stem, report, weights, transform)
    print(f"{findings.failed} of {len(findings.values)} checks exceed their bound")
    return findings
