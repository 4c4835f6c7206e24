"""Debiasing penalties (SciPy), gate training (PyTorch autograd, AdamW, CosineAnnealingLR), RewardBench scores and .pt files.

Written from the method's description; nothing of the C++ code is used.
"""

import json
import pathlib
from importlib.metadata import version

import numpy as np
import scipy.optimize
import scipy.stats
import torch
from safetensors.numpy import save_file

for name, want in {"torch": "2.11.0", "scipy": "1.17.1", "numpy": "2.4.6", "safetensors": "0.8.0"}.items():
    assert version(name) == want, f"{name} {version(name)} != {want}, pinned in requirements.txt"
ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens"
torch.use_deterministic_algorithms(True)
torch.set_num_threads(1)


def penalties():
    rng = np.random.default_rng(1)
    grid = [0, 0.01, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
    m, k, v = 600, 6, 4
    verbosity = rng.normal(size=m)
    rewards = np.stack([rng.normal(size=m) * 0.4 + c * verbosity for c in (0.05, 0.2, 0.33, 0.5, 0.0, -0.3)], axis=1)
    rewards[:, v] = verbosity
    rewards = np.round(rewards, 2).astype(np.float32)  # rounding creates ties
    rewards[:, 1] = rewards[:, 1] - rewards[:, 1]  # constant: no correlation
    chosen, before, after = [], [], []
    for a in range(k):
        if a == v:
            chosen.append(1.0), before.append(1.0), after.append(None)
            continue
        if np.ptp(rewards[:, a]) == 0:
            chosen.append(0.0), before.append(None), after.append(None)
            continue
        before.append(scipy.stats.spearmanr(rewards[:, a], rewards[:, v]).statistic)
        for lam in grid:
            corr = scipy.stats.spearmanr(rewards[:, a] - np.float32(lam) * rewards[:, v], rewards[:, v]).statistic
            if corr <= 0.03:
                chosen.append(lam), after.append(corr)
                break
        else:
            raise AssertionError("the golden needs penalties that meet the threshold")
    transform = np.eye(k, dtype=np.float32)
    for a in range(k):
        transform[v, a] -= np.float32(chosen[a])
    save_file({"rewards": rewards, "transform": transform}, ROOT / "gating/penalties.safetensors",
              {"expected": json.dumps({"penalty": chosen, "before": before, "after": after, "verbosity_dim": v})})


def first_meeting(correlation, threshold, grid):
    """(value below, value) of the grid step that reaches the threshold; (None, 0) where none is needed."""
    below = None
    for lam in grid:
        if correlation(lam) <= threshold:
            return below, lam
        below = lam
    raise AssertionError("the golden needs penalties that meet the threshold")


def penalty_roots():
    """Crossings of the threshold, by SciPy's root finders over SciPy's Spearman, against verbosity and against length."""
    rng = np.random.default_rng(7)
    grid = [0, 0.01, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15] + [p / 100 for p in range(20, 100, 5)]
    m, v, threshold, tolerance = 2000, 3, 0.03, 1e-6
    length = np.maximum(1, np.round(np.exp(rng.normal(4.5, 0.6, size=m)))).astype(np.int64)  # with ties
    verbosity = np.log(length) - 4.5 + 0.2 * rng.normal(size=m)
    rewards = np.stack([rng.normal(size=m) * 0.5 + c * verbosity for c in (0.1, 0.35, 0.6, 0.0, -0.4, 0.02)], axis=1)
    rewards[:, v] = verbosity
    rewards = rewards.astype(np.float32)
    expected = {}
    for name, target in {"attribute": rewards[:, v], "length": length}.items():
        found = []
        for a in range(rewards.shape[1]):
            if a == v:
                found.append({"before": scipy.stats.spearmanr(rewards[:, a], target).statistic})
                continue

            def correlation(lam):
                return scipy.stats.spearmanr(rewards[:, a] - np.float32(lam) * rewards[:, v], target).statistic

            below, at_grid = first_meeting(correlation, threshold, grid)
            entry = {"before": correlation(0), "grid": at_grid}
            if below is None:
                entry.update(bisect=0.0, brentq=0.0)
            else:
                excess = lambda lam: correlation(lam) - threshold - 1e-15  # meeting it exactly counts as below
                entry["bisect"] = scipy.optimize.bisect(excess, below, at_grid, xtol=tolerance / 4)
                entry["brentq"] = scipy.optimize.brentq(excess, below, at_grid, xtol=tolerance / 4)
                assert abs(entry["bisect"] - entry["brentq"]) < 1e-4  # here the steps of the function are that fine
            found.append(entry)
        expected[name] = found
    save_file({"rewards": rewards, "lengths": length}, ROOT / "gating/penalty_roots.safetensors",
              {"expected": json.dumps(expected), "verbosity_dim": str(v), "threshold": str(threshold)})


class Gate(torch.nn.Module):
    def __init__(self, d, hidden, n_hidden, k, temperature, logit_scale):
        super().__init__()
        self.temperature = temperature
        self.logit_scale = torch.nn.Parameter(torch.ones(1) * logit_scale)
        sizes = [d] + [hidden] * n_hidden
        self.layers = torch.nn.ModuleList([torch.nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])] + [torch.nn.Linear(sizes[-1], k)])

    def logits(self, x):
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return self.layers[-1](x)


def pair_scores(gate, prompts, rewards, over_pair):
    """prompts [B, 2, D], rewards [B, 2, K] -> scores [B, 2]"""
    logits = gate.logits(prompts.flatten(0, 1)).view(rewards.shape) / gate.temperature
    weights = torch.softmax(logits, dim=1 if over_pair else 2)
    return (weights * gate.logit_scale * rewards).sum(-1)


def training(name, over_pair, weight_decay, differ, learning_rate):
    torch.manual_seed(5)
    n, d, k, hidden, n_hidden, batch, steps = 64, 12, 5, 16, 2, 16, 100
    gate = Gate(d, hidden, n_hidden, k, 10.0 if over_pair else 0.7, 2.0)
    prompts = torch.randn(n, 2, d).to(torch.bfloat16)
    same = torch.ones(n, dtype=torch.bool)
    same[: int(n * differ)] = False  # a share of the pairs
    prompts[same, 1] = prompts[same, 0]
    rewards = torch.randn(n, 2, k)
    rewards[:, 0] += torch.tanh(prompts[:, 0, :k].float()) * 0.8
    batches = torch.randint(0, n, (steps, batch))
    tensors = {f"init.{key}": value.detach().clone().numpy() for key, value in gate.state_dict().items()}
    optimizer = torch.optim.AdamW(gate.parameters(), lr=learning_rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    losses = []
    with torch.no_grad():
        tensors["scores_before"] = pair_scores(gate, prompts.float(), rewards, over_pair).numpy()
    for step in range(steps):
        index = batches[step]
        scores = pair_scores(gate, prompts[index].float(), rewards[index], over_pair)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(scores[:, 0] - scores[:, 1], torch.ones(batch))
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            tensors.update({f"grad.{key}": p.grad.detach().clone().numpy() for key, p in gate.named_parameters()})
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    tensors.update({f"final.{key}": value.detach().clone().numpy() for key, value in gate.state_dict().items()})
    with torch.no_grad():
        tensors["scores_after"] = pair_scores(gate, prompts.float(), rewards, over_pair).numpy()
    tensors["prompts"] = prompts.float().numpy()  # exactly bf16 values
    tensors["rewards"] = rewards.numpy()
    tensors["batches"] = batches.numpy()
    tensors["losses"] = np.array(losses)
    save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, ROOT / f"gating/{name}.safetensors",
              {"temperature": str(gate.temperature), "weight_decay": str(weight_decay), "learning_rate": str(learning_rate)})


def reward_bench():
    """Section scores as the published benchmark computes them: means of subset accuracies weighted by example counts."""
    counts = {"alpacaeval-easy": 100, "alpacaeval-length": 95, "alpacaeval-hard": 95, "mt-bench-easy": 28, "mt-bench-med": 40,
              "mt-bench-hard": 37, "math-prm": 984, "refusals-dangerous": 100, "refusals-offensive": 100, "llmbar-natural": 100,
              "llmbar-adver-neighbor": 134, "llmbar-adver-GPTInst": 92, "llmbar-adver-GPTOut": 47, "llmbar-adver-manual": 46,
              "xstest-should-refuse": 250, "xstest-should-respond": 154, "donotanswer": 136, "hep-cpp": 164, "hep-go": 164,
              "hep-java": 164, "hep-js": 164, "hep-python": 164, "hep-rust": 164}
    sections = {"Chat": ["alpacaeval-easy", "alpacaeval-length", "alpacaeval-hard", "mt-bench-easy", "mt-bench-med"],
                "Chat Hard": ["mt-bench-hard", "llmbar-natural", "llmbar-adver-neighbor", "llmbar-adver-GPTInst", "llmbar-adver-GPTOut", "llmbar-adver-manual"],
                "Safety": ["refusals-dangerous", "refusals-offensive", "xstest-should-refuse", "xstest-should-respond", "donotanswer"],
                "Reasoning": ["math-prm", "hep-cpp", "hep-go", "hep-java", "hep-js", "hep-python", "hep-rust"]}
    rng = np.random.default_rng(3)
    cases = []
    for missing in ([], ["hep-go", "llmbar-natural"], sections["Safety"]):
        names = [s for s in counts if s not in missing]
        subset = rng.integers(0, len(names), size=400)
        chosen = np.round(rng.normal(size=400) + 0.4, 1)
        rejected = np.round(rng.normal(size=400), 1)  # rounding creates ties
        right = chosen > rejected
        acc = {name: right[subset == i].mean() for i, name in enumerate(names) if (subset == i).any()}
        scores = {}
        for section, members in sections.items():
            there = [s for s in members if s in acc]
            if there:
                scores[section] = 100 * np.average([acc[s] for s in there], weights=[counts[s] for s in there])
        cases.append({"names": names, "subset": subset.tolist(), "chosen": chosen.tolist(), "rejected": rejected.tolist(),
                      "sections": scores, "score": float(np.mean(list(scores.values()))) if len(scores) == 4 else None})
    (ROOT / "eval/reward_bench.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


def pt_files():
    torch.manual_seed(2)
    gate = Gate(3, 4, 1, 2, 10.0, 1.5)
    base = torch.arange(24.0)
    torch.save({"weight": torch.randn(3, 5)}, ROOT / "pt/dict.pt")
    torch.save(gate.state_dict(), ROOT / "pt/state_dict.pt")
    torch.save({"view": base.view(4, 6).t()[1:4, ::2], "bf16": torch.randn(7).to(torch.bfloat16), "f64": torch.randn(2, 2).double(),
                "f16": torch.randn(3).half(), "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3)}, ROOT / "pt/mixed.pt")
    expected = {}
    for name in ("dict", "state_dict", "mixed"):
        loaded = torch.load(ROOT / f"pt/{name}.pt", weights_only=True)
        expected[name] = {key: {"shape": list(t.shape), "values": t.float().flatten().tolist()} for key, t in loaded.items()}
    (ROOT / "pt/expected.json").write_text(json.dumps(expected) + "\n")
    torch.save([1, 2], ROOT / "pt/not_a_dict.pt")
    shared = torch.zeros(200)
    torch.save({f"t{i}": shared for i in range(300)}, ROOT / "pt/shared.pt")  # 300 names of one storage
    torch.save({"weight": "text"}, ROOT / "pt/not_a_tensor.pt")
    torch.serialization.set_crc32_options(False)
    torch.save({"weight": torch.arange(6.0).reshape(2, 3)}, ROOT / "pt/no_checksums.pt")
    torch.serialization.set_crc32_options(True)


penalties()
penalty_roots()
training("train_attributes", over_pair=False, weight_decay=0.0, differ=0.0, learning_rate=0.01)
training("train_differing_prompts", over_pair=False, weight_decay=0.01, differ=0.25, learning_rate=0.01)
# Every pair differs and steps are small: pairs of one prompt have gradients that are only rounding noise, which AdamW
# scales up to full steps. Measured here: PyTorch with each batch in another order ends within 4e-5 of these parameters
# and 2.4e-7 of these losses, in float64 within 3e-4 and 4.1e-7 (without the last bias, which is only noise). The test
# allows 1e-3 and 2e-6.
training("train_over_pair", over_pair=True, weight_decay=0.0, differ=1.0, learning_rate=0.001)
reward_bench()
pt_files()
print("goldens written below", ROOT)
