"""RewardBench 2 scores by the benchmark's own code.

usage: make_reward_bench_2_goldens.py CHECKOUT    (of github.com/allenai/reward-bench at the commit below)

Its scoring functions run here on random scores; nothing of the C++ code is used. The bootstrap interval of Ties is
computed with NumPy over the same functions, with its own draws; the test's tolerance allows for that.
"""

import ast
import hashlib
import json
import pathlib
import sys
import typing
from collections import defaultdict
from importlib.metadata import version

import datasets
import numpy as np
import pandas as pd

COMMIT = "05a9005efb607249822c193590c8ecab87c77052"
SHA256 = "56b32e5a56af46716de3308537d9ba7bbd3ac3db07face66f4b10bd6ed38d7db"  # SHA-256 of rewardbench/utils.py there
for name, want in {"numpy": "2.4.6", "datasets": "5.2.0"}.items():
    assert version(name) == want, f"{name} {version(name)} != {want}, pinned in requirements.txt"
ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/eval"
SECTIONS = ["Factuality", "Precise IF", "Math", "Safety", "Focus", "Ties"]


def published_functions(path):
    """The scoring functions alone: the module imports models and a Hub client that they do not need."""
    source = path.read_text()
    assert hashlib.sha256(source.encode()).hexdigest() == SHA256, f"{path} is not that of commit {COMMIT}"
    wanted = {"_compute_prompt_stats", "process_single_model", "reroll_and_score_dataset"}
    module = ast.parse(source)
    module.body = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name in wanted]
    assert len(module.body) == len(wanted)
    names = {"np": np, "pd": pd, "Dataset": datasets.Dataset, "defaultdict": defaultdict, **vars(typing)}
    exec(compile(module, str(path), "exec"), names)  # noqa: S102
    return names["reroll_and_score_dataset"], names["process_single_model"]


def make_prompts(rng, numbers, per_section, digits):
    def rounded(scores):  # to values of float32, the type of scores
        return np.round(scores, digits).astype(np.float32).astype(np.float64)

    prompts = []
    for section in SECTIONS[:-1]:
        for i in range(per_section):
            scores = rounded(rng.normal(size=4) + [0.5, 0, 0, 0])
            prompts.append({"subset": section, "id": f"{i}", "chosen": scores[:1].tolist(), "rejected": scores[1:].tolist()})
    for number in range(numbers):
        for kind, good in (("ref", 1), ("tied", int(rng.integers(2, 9)))):
            chosen = rounded(rng.normal(1.6, 0.5, size=good))
            rejected = rounded(rng.normal(0, 0.7, size=int(rng.integers(1, 9))))
            prompts.append({"subset": "Ties", "id": f"{kind}:{number}", "chosen": chosen.tolist(), "rejected": rejected.tolist()})
    return prompts


def evaluate(prompts, best_of_n, ties):
    rows = [{"text": "", "scores": score, "subset": p["subset"], "id": p["id"]} for p in prompts for score in p["chosen"] + p["rejected"]]
    totals = [len(p["chosen"]) + len(p["rejected"]) for p in prompts]
    table = best_of_n(datasets.Dataset.from_list(rows), totals)
    table = table.add_column("num_correct", [len(p["chosen"]) for p in prompts])
    result = {}
    for section in SECTIONS:
        part = table.filter(lambda row: row["subset"] == section)
        if len(part):
            score = ties(part)[1] if section == "Ties" else sum(part["results"]) / len(part["results"])
            result[section] = {"n": len(part), "score": 100 * float(score)}
    return result


def bootstrap(prompts, ties, rng, resamples=400):
    by_number = defaultdict(list)
    for p in prompts:
        if p["subset"] == "Ties":
            by_number[p["id"].split(":")[1]].append(p)
    groups, scores = list(by_number.values()), []
    for _ in range(resamples):
        rows = []
        for new, pick in enumerate(rng.integers(0, len(groups), size=len(groups))):
            rows += [{"id": f"{p['id'].split(':')[0]}:{new}", "scores": p["chosen"] + p["rejected"], "num_correct": len(p["chosen"])}
                     for p in groups[pick]]
        scores.append(ties(datasets.Dataset.from_list(rows))[1])
    return [100 * float(q) for q in np.percentile(scores, [2.5, 97.5])]


def main():
    best_of_n, ties = published_functions(pathlib.Path(sys.argv[1]) / "rewardbench/utils.py")
    datasets.disable_progress_bars()
    np.seterr(divide="ignore", invalid="ignore")  # the published code divides by spreads of 0
    rng = np.random.default_rng(21)
    cases = []
    # One digit creates equal top scores, and spreads and gaps of 0; three digits hardly do.
    for numbers, per_section, digits in ((51, 40, 3), (60, 30, 1), (8, 5, 0)):
        prompts = make_prompts(rng, numbers, per_section, digits)
        case = {"prompts": prompts, "sections": evaluate(prompts, best_of_n, ties)}
        case["score"] = float(np.mean([s["score"] for s in case["sections"].values()]))
        if numbers > 20:
            case["ties_interval"] = bootstrap(prompts, ties, rng)
        cases.append(case)
    # A number without one of its kinds counts only for the other kind's accuracy; sections may be absent.
    prompts = [p for p in make_prompts(rng, 12, 4, 2) if p["id"] not in ("ref:3", "tied:5") and p["subset"] != "Math"]
    cases.append({"prompts": prompts, "sections": evaluate(prompts, best_of_n, ties), "score": None})
    (ROOT / "reward_bench_2.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
    print("golden written below", ROOT)


main()
