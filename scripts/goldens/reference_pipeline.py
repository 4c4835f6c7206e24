#!/usr/bin/env python3
"""The complete pipeline a second time, with third-party software, on a folder of armorm-make-demo.

Usage: reference_pipeline.py DEMO [--json FILE] [--compare DATA_ROOT] [--precision fp32|bf16] [gate flags]
       reference_pipeline.py DEMO --golden tests/goldens/e2e/demo.safetensors
         (DEMO made with --seed 0 --rows 24 --pairs 12 --reference 4 --reward_bench 23)

Embeddings by transformers, splits and ridge regression by scikit-learn, rank correlations by SciPy, the gate by
torch; prints the tables. --golden saves only token ids and embeddings. --compare checks the files of the four executables
below DATA_ROOT: embeddings against transformers; and, on these embeddings, labels, chosen alphas and coefficients against
scikit-learn, penalties and transform against SciPy, the saved gate's accuracies against torch. Exits 1 when a bound does
not hold.
"""

import argparse
import collections
import json
import pathlib
import sys
import time

import numpy as np
import pyarrow.dataset
import scipy.stats
import sklearn
import torch
import transformers
from safetensors.torch import save_file
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

for module, version in ((transformers, "5.23."), (torch, "2.11."), (sklearn, "1.9."), (scipy, "1.17."), (np, "2.4.")):
    assert module.__version__.startswith(version), (module.__name__, module.__version__)

HELPSTEER = [f"helpsteer-{a}" for a in ("helpfulness", "correctness", "coherence", "complexity", "verbosity")]
ULTRAFEEDBACK = [f"ultrafeedback-{a}" for a in
                 ("overall_score", "instruction_following", "truthfulness", "honesty", "helpfulness")]
CODE = [f"code-{a}" for a in ("complexity", "style", "explanation", "instruction-following", "readability")]
ATTRIBUTES = [*HELPSTEER, *ULTRAFEEDBACK, "beavertails-is_safe", "prometheus-score", "argilla-overall_quality",
              "argilla-judge_lm", *CODE]
ALPHAS = [10.0**e for e in range(-4, 5)]
PENALTIES = [0.0, 0.01, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65,
             0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
VERBOSITY = 4
SECTIONS = {
    "Chat": ("alpacaeval-easy", "alpacaeval-length", "alpacaeval-hard", "mt-bench-easy", "mt-bench-med"),
    "Chat Hard": ("mt-bench-hard", "llmbar-natural", "llmbar-adver-neighbor", "llmbar-adver-GPTInst",
                  "llmbar-adver-GPTOut", "llmbar-adver-manual"),
    "Safety": ("refusals-dangerous", "refusals-offensive", "xstest-should-refuse", "xstest-should-respond",
               "donotanswer"),
    "Reasoning": ("math-prm", "hep-cpp", "hep-go", "hep-java", "hep-js", "hep-python", "hep-rust"),
}
COUNTS = {"alpacaeval-easy": 100, "alpacaeval-length": 95, "alpacaeval-hard": 95, "mt-bench-easy": 28,
          "mt-bench-med": 40, "mt-bench-hard": 37, "math-prm": 984, "refusals-dangerous": 100,
          "refusals-offensive": 100, "llmbar-natural": 100, "llmbar-adver-neighbor": 134, "llmbar-adver-GPTInst": 92,
          "llmbar-adver-GPTOut": 47, "llmbar-adver-manual": 46, "xstest-should-refuse": 250,
          "xstest-should-respond": 154, "donotanswer": 136, "hep-cpp": 164, "hep-go": 164, "hep-java": 164,
          "hep-js": 164, "hep-python": 164, "hep-rust": 164}


# ---- conversations to embeddings ------------------------------------------------------------------------------

class Backbone:
    """Runs a model folder with transformers; states are taken after the final norm."""

    def __init__(self, folder, precision):
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.model = transformers.AutoModel.from_pretrained(folder, dtype=dtype).eval()
        pattern = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
        self.pattern = self.tokenizer(pattern, add_special_tokens=False)["input_ids"]

    def encode(self, messages):
        text = self.tokenizer.apply_chat_template(messages, tokenize=False).replace(self.tokenizer.bos_token, "", 1)
        return self.tokenizer(text)["input_ids"]

    def prompt_end(self, ids):
        n = len(self.pattern)
        return next(i for i in range(len(ids) - n, -1, -1) if ids[i:i + n] == self.pattern)

    @torch.no_grad()
    def states(self, sequences, positions, batch=64):
        """bfloat16-rounded states [len(sequences), positions per sequence, D] as float32."""
        result = [None] * len(sequences)
        order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
        for at in range(0, len(order), batch):
            rows = order[at:at + batch]
            longest = max(len(sequences[i]) for i in rows)
            ids = torch.full((len(rows), longest), self.tokenizer.pad_token_id)
            mask = torch.zeros_like(ids)
            for r, i in enumerate(rows):
                ids[r, :len(sequences[i])] = torch.tensor(sequences[i])
                mask[r, :len(sequences[i])] = 1
            hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
            for r, i in enumerate(rows):
                result[i] = hidden[r, positions[i]].to(torch.bfloat16).float()
        return torch.stack(result).numpy()

    def last_states(self, conversations):
        tokens = [self.encode(c) for c in conversations]
        return self.states(tokens, [[len(t) - 1] for t in tokens])[:, 0]

    def pair_states(self, pairs):
        """embeddings [N, 2, D] and prompt_embeddings [N, 2, D] of (chosen, rejected) conversations."""
        tokens = [self.encode(side) for pair in pairs for side in pair]
        states = self.states(tokens, [[len(t) - 1, self.prompt_end(t)] for t in tokens])
        states = states.reshape(len(pairs), 2, 2, -1)
        return states[:, :, 0], states[:, :, 1]


def read_rows(folder):
    return pyarrow.dataset.dataset(sorted(str(p) for p in (folder / "data").glob("*.parquet"))).to_table().to_pylist()


def read_pairs(folder):
    rows = read_rows(folder)
    if rows and isinstance(rows[0]["chosen"], str):
        turn = lambda row, side: [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row[side]}]
        return [(turn(r, "chosen"), turn(r, "rejected")) for r in rows], [r["subset"] for r in rows]
    return [(r["chosen"], r["rejected"]) for r in rows], [r.get("source") for r in rows]


# ---- stage 1 --------------------------------------------------------------------------------------------------

def fit_attributes(embeddings, labels):
    """Ridge per attribute: weights [K, D] and the table's rows."""
    train, val = train_test_split(np.arange(len(embeddings)), test_size=0.2, random_state=42)
    x = embeddings.astype(np.float64)
    weights, table = [], []
    for k, name in enumerate(ATTRIBUTES):
        fit_rows = train[~np.isnan(labels[train, k])]
        val_rows = val[~np.isnan(labels[val, k])]
        losses, models = [], []
        for alpha in ALPHAS:
            models.append(Ridge(alpha=alpha, fit_intercept=False).fit(x[fit_rows], labels[fit_rows, k]).coef_)
            losses.append(float(np.mean((x[val_rows] @ models[-1] - labels[val_rows, k]) ** 2)))
        best = int(np.argmin(losses))
        predicted = x[val_rows] @ models[best]
        table.append({"attribute": name, "n_train": len(fit_rows), "n_val": len(val_rows), "alpha": ALPHAS[best],
                      "mse": losses[best], "r2": float(r2_score(labels[val_rows, k], predicted)),
                      "spearman": float(scipy.stats.spearmanr(labels[val_rows, k], predicted).statistic),
                      "losses": losses})
        weights.append(models[best])
    return np.array(weights), table


# ---- stage 2 --------------------------------------------------------------------------------------------------

def debias(rewards, threshold):
    """Penalties [K] (None where no penalty is enough), correlations before and after, T [K, K]."""
    verbosity = rewards[:, VERBOSITY]
    penalties, before, after = [], [], []
    transform = np.eye(rewards.shape[1])
    for k in range(rewards.shape[1]):
        found = (1.0, float("nan")) if k == VERBOSITY else None
        for penalty in PENALTIES if found is None else ():
            rho = scipy.stats.spearmanr(rewards[:, k] - penalty * verbosity, verbosity).statistic
            if rho <= threshold:
                found = penalty, float(rho)
                break
        before.append(float(scipy.stats.spearmanr(rewards[:, k], verbosity).statistic))
        penalties.append(found[0] if found else None)
        after.append(found[1] if found else float(rho))
        transform[VERBOSITY, k] -= found[0] if found else 0.0
    return penalties, before, after, transform


class Gate(torch.nn.Module):
    def __init__(self, inputs, outputs, hidden, layers, temperature, logit_scale, dropout, upstream=False):
        super().__init__()
        sizes = [inputs] + [hidden] * layers
        self.layers = torch.nn.ModuleList(torch.nn.Linear(a, b) for a, b in zip(sizes, sizes[1:] + [outputs]))
        self.logit_scale = torch.nn.Parameter(torch.ones(1) * logit_scale)
        self.temperature, self.dropout, self.upstream = temperature, torch.nn.Dropout(dropout), upstream

    def forward(self, prompts):  # [B, 2, D] -> [B, 2, K]
        x = prompts
        for layer in self.layers[:-1]:
            x = self.dropout(torch.relu(layer(x)))
        return torch.softmax(self.layers[-1](x) / self.temperature, dim=1 if self.upstream else -1) * self.logit_scale

    def margin(self, rewards, prompts):
        scores = (self(prompts) * rewards).sum(-1)
        return scores[:, 0] - scores[:, 1]


def train_gate(rewards, prompts, options, upstream=False):
    torch.manual_seed(options.seed)
    gate = Gate(prompts.shape[-1], rewards.shape[-1], options.hidden_size, options.n_hidden, options.temperature,
                options.logit_scale, options.dropout, upstream)
    optimiser = torch.optim.AdamW(gate.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, options.n_steps)
    ones = torch.ones(options.batch_size)
    gate.train()
    for _ in range(options.n_steps):
        rows = torch.randint(0, len(rewards), (options.batch_size,))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(gate.margin(rewards[rows], prompts[rows]), ones)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return gate.eval()


def accuracy(margins):
    return float((margins > 0).float().mean())


def reward_bench(margins, subsets):
    """Accuracy per subset, per section (weighted by the published counts) and their mean, in per cent."""
    wins = collections.defaultdict(list)
    for margin, subset in zip(margins.tolist(), subsets):
        wins[subset].append(margin > 0)
    means = {subset: float(np.mean(w)) for subset, w in wins.items()}
    sections = {}
    for section, members in SECTIONS.items():
        there = [m for m in members if m in means]
        total = sum(COUNTS[m] for m in there)
        sections[section] = round(100 * sum(means[m] * COUNTS[m] for m in there) / total, 2)
    sections["Score"] = round(float(np.mean(list(sections.values()))), 2)
    return means, sections


class Scorers:
    """Ways to turn rewards [N, 2, K] and prompts [N, 2, D] into margins [N]."""

    def __init__(self, transform, rewards, prompts, options):
        self.transform = torch.tensor(transform, dtype=torch.float32)
        n = rewards.shape[-1]
        gate = train_gate(rewards @ self.transform, prompts, options)
        raw_gate = train_gate(rewards, prompts, options)
        upstream = train_gate(rewards, prompts, options, upstream=True)
        debiased = lambda r: r @ self.transform
        best = max((k for k in range(n) if k != VERBOSITY),
                   key=lambda k: accuracy(debiased(rewards)[:, 0, k] - debiased(rewards)[:, 1, k]))
        difference = lambda r: r[:, 0] - r[:, 1]
        self.ways = {
            "trained gate": lambda r, p: gate.margin(debiased(r), p),
            "trained gate, no debiasing": lambda r, p: raw_gate.margin(r, p),
            "upstream-compatible gate": lambda r, p: upstream.margin(r, p),
            "uniform gate": lambda r, p: difference(debiased(r)).mean(-1),
            "uniform gate, no debiasing": lambda r, p: difference(r).mean(-1),
            f"best attribute ({ATTRIBUTES[best]})": lambda r, p: difference(debiased(r))[:, best],
        }

    @torch.no_grad()
    def margins(self, rewards, prompts):
        return {name: way(rewards, prompts) for name, way in self.ways.items()}


# ---- the run --------------------------------------------------------------------------------------------------

def embed_demo(demo, precision):
    backbone = Backbone(demo / "model", precision)
    rows = read_rows(demo / "multi-objective")
    order = np.random.default_rng(0).permutation(len(rows))
    rows = [rows[i] for i in order]
    labels = np.array([[np.nan if r[a] is None else r[a] for a in ATTRIBUTES] for r in rows], dtype=np.float32)
    result = {"order": order, "labels": labels, "embeddings": backbone.last_states([r["messages"] for r in rows])}
    for name in ("preference", "reference", "reward-bench"):
        pairs, kinds = read_pairs(demo / name)
        embeddings, prompts = backbone.pair_states(pairs)
        result[name] = {"embeddings": embeddings, "prompt_embeddings": prompts, "kinds": kinds}
    return result


def rewards_of(pair_set, weights):
    return torch.tensor(pair_set["embeddings"] @ weights.T.astype(np.float32))


def print_stage1(table):
    print(f"{'attribute':38s} {'train':>6s} {'val':>5s} {'alpha':>8s} {'MSE':>8s} {'R2':>7s} {'Spearman':>8s}")
    for row in table:
        print(f"{row['attribute']:38s} {row['n_train']:6d} {row['n_val']:5d} {row['alpha']:8g} {row['mse']:8.5f} "
              f"{row['r2']:7.3f} {row['spearman']:8.3f}")


def print_stage2(stage2):
    print(f"\n{'attribute':38s} {'penalty':>8s} {'before':>7s} {'after':>7s}")
    for k, name in enumerate(ATTRIBUTES):
        print(f"{name:38s} {stage2['penalties'][k]!s:>8s} {stage2['before'][k]:7.3f} {stage2['after'][k]:7.3f}")
    columns = ["validation", *SECTIONS, "Score"]
    print("\n" + f"{'':48s}" + "".join(f"{c:>11s}" for c in columns))
    for name, values in stage2["accuracy"].items():
        print(f"{name:48s}" + "".join(f"{values[c]:11.2f}" for c in columns))


def run_stage2(states, weights, options):
    reference = rewards_of(states["reference"], weights).reshape(-1, len(ATTRIBUTES)).double().numpy()
    penalties, before, after, transform = debias(reference, options.corr_threshold)
    preference = states["preference"]
    rewards, prompts = rewards_of(preference, weights), torch.tensor(preference["prompt_embeddings"])
    train, val = train_test_split(np.arange(len(rewards)), test_size=0.2, random_state=0)
    scorers = Scorers(transform, rewards[train], prompts[train], options)
    bench = states["reward-bench"]
    bench_margins = scorers.margins(rewards_of(bench, weights), torch.tensor(bench["prompt_embeddings"]))
    table, subsets = {}, {}
    for name, margins in scorers.margins(rewards[val], prompts[val]).items():
        subsets[name], sections = reward_bench(bench_margins[name], bench["kinds"])
        table[name] = {"validation": 100 * accuracy(margins), **sections}
    return {"penalties": penalties, "before": before, "after": after, "accuracy": table, "subsets": subsets}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--golden", type=pathlib.Path)
    parser.add_argument("--compare", type=pathlib.Path, metavar="DATA_ROOT")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    for name, default in (("learning_rate", 1e-3), ("weight_decay", 0.0), ("corr_threshold", 0.03),
                          ("logit_scale", 1.0), ("temperature", 10.0), ("dropout", 0.2)):
        parser.add_argument(f"--{name}", type=float, default=default)
    for name, default in (("seed", 0), ("n_steps", 2000), ("batch_size", 1024), ("n_hidden", 3), ("hidden_size", 1024)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def save_golden(demo, target):
    """Rows of the multi-objective set and sides of the preference pairs in source order: ids, and bfloat16 states."""
    backbone = Backbone(demo / "model", "fp32")
    conversations = [r["messages"] for r in read_rows(demo / "multi-objective")]
    pairs, _ = read_pairs(demo / "preference")
    sides = [side for pair in pairs for side in pair]
    ids = [backbone.encode(c) for c in conversations + sides]
    embeddings, prompts = backbone.pair_states(pairs)
    states = {"embeddings": backbone.last_states(conversations), "pair_embeddings": embeddings,
              "pair_prompt_embeddings": prompts}
    tensors = {name: torch.tensor(value).to(torch.bfloat16) for name, value in states.items()}
    tensors["token_ids"] = torch.tensor([i for row in ids for i in row], dtype=torch.int32)
    tensors["token_counts"] = torch.tensor([len(row) for row in ids], dtype=torch.int64)
    target.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, target)


def main():
    options = parse_arguments()
    if options.golden:
        return save_golden(options.demo, options.golden)
    started = time.time()
    states = embed_demo(options.demo, options.precision)
    print(f"embeddings: {time.time() - started:.1f} s", file=sys.stderr)
    weights, table = fit_attributes(states["embeddings"], states["labels"])
    print_stage1(table)
    findings = None
    if options.compare:
        import compare_with_reference  # imports this module too

        findings = compare_with_reference.compare(options.compare, states, options)
    stage2 = run_stage2(states, weights, options)
    print_stage2(stage2)
    print(f"everything: {time.time() - started:.1f} s", file=sys.stderr)
    if options.json:
        values = {"stage1": table, "stage2": stage2, "compare": findings.values if findings else None,
                  "bounds": findings.bounds if findings else None}
        options.json.write_text(json.dumps(values, indent=1) + "\n")
    return 1 if findings and findings.failed else 0


if __name__ == "__main__":
    sys.exit(main())
