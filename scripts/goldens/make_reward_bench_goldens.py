"""RewardBench 1 by the benchmark's own code: sections by the package's tables and function, prior sets by its analysis.

usage: make_reward_bench_goldens.py WHEEL_0_1_2 WHEEL_0_1_4 CHECKOUT

The wheels are those of rewardbench 0.1.2 and 0.1.4 (`pip download --no-deps rewardbench==VERSION`): their counts differ in the two
subsets of xstest. CHECKOUT is github.com/allenai/reward-bench at the commit below. Only the tables and the functions named here are
run; nothing of the C++ code is used.
"""

import ast
import hashlib
import json
import pathlib
import sys
import zipfile
from importlib.metadata import version

import numpy as np
import pandas as pd

WHEELS = {"paper": "47f350bb2b04abe9fec4d182bf03b05d7610b516ac5095f6e7e3a082d220e7a0",  # 0.1.2
          "current": "4ea9db0aa7c56fd5c048a5146fba1b7b137b119485e94de609ca4c8a5e546f38"}  # 0.1.4
COMMIT = "05a9005efb607249822c193590c8ecab87c77052"
ANALYSIS = "82a5761a558bae0de801868ef605bd1dc475a5a9dd1279b0c0f32412b6503716"  # SHA-256 of analysis/get_benchmark_results.py there
PRIOR_SETS = ["anthropic_helpful", "anthropic_hhh", "shp", "summarize"]
for name, want in {"numpy": "2.4.6"}.items():
    assert version(name) == want, f"{name} {version(name)} != {want}, pinned in requirements.txt"
ROOT = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/eval"


def function_of(source, name, names):
    module = ast.parse(source)
    module.body = [node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == name]
    assert len(module.body) == 1, name
    exec(compile(module, name, "exec"), names)  # noqa: S102
    return names[name]


def package(wheel, sha256):
    """EXAMPLE_COUNTS, SUBSET_MAPPING and calculate_scores_per_section of one version."""
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == sha256, f"{wheel} is not the version that is pinned here"
    with zipfile.ZipFile(wheel) as files:
        tables = {}
        exec(files.read("rewardbench/constants.py"), tables)  # noqa: S102
        score = function_of(files.read("rewardbench/utils.py"), "calculate_scores_per_section", {})
    return tables["EXAMPLE_COUNTS"], tables["SUBSET_MAPPING"], score


def make_pairs(rng, sizes, digits):
    """Scores of pairs by subset; few digits make ties."""
    names = list(sizes)
    subset = np.repeat(np.arange(len(names)), [sizes[name] for name in names])
    rng.shuffle(subset)
    chosen, rejected = (np.round(rng.normal(shift, 1, size=len(subset)), digits).astype(np.float32) for shift in (0.6, 0.0))
    return {"names": names, "subset": subset.tolist(), "chosen": chosen.tolist(), "rejected": rejected.tolist()}


def accuracies(pairs):
    right = np.array([int(c > r) for c, r in zip(pairs["chosen"], pairs["rejected"])])  # as run_rm.py: ties are wrong
    subset = np.array(pairs["subset"])
    return {name: float(right[subset == i].mean()) for i, name in enumerate(pairs["names"]) if (subset == i).any()}


def score_sections(packages, metrics):
    out = {}
    for which, (counts, mapping, score) in packages.items():
        measured = {section: 100 * value for section, value in score(counts, mapping, metrics).items()
                    if any(subset in metrics for subset in mapping[section])}
        complete = len(measured) == len(mapping)
        out[which] = {"sections": measured, "score": float(np.mean(list(measured.values()))) if complete else None}
    return out


def with_prior_sets(average, counts, mapping, metrics):
    core = {name: [value] for name, value in metrics.items() if name in counts}
    table = average(pd.DataFrame({"model": ["m"], "model_type": ["Seq. Classifier"], **core}),
                    pd.DataFrame({"model": ["m"], **{name: [metrics[name]] for name in PRIOR_SETS}}))
    return {"prior_sets": 100 * float(table["Prior Sets (0.5 weight)"][0]), "score": 100 * float(table["average"][0])}


def main():
    packages = {which: package(pathlib.Path(path), WHEELS[which]) for which, path in zip(WHEELS, sys.argv[1:3])}
    analysis = pathlib.Path(sys.argv[3]) / "analysis/get_benchmark_results.py"
    assert hashlib.sha256(analysis.read_bytes()).hexdigest() == ANALYSIS, f"{analysis} is not that of commit {COMMIT}"
    counts, mapping, _ = packages["current"]
    average = function_of(analysis.read_text(), "get_average_over_rewardbench",
                          {"pd": pd, "np": np, "EXAMPLE_COUNTS": counts, "SUBSET_MAPPING": mapping})
    rng = np.random.default_rng(31)
    rows = {**counts, "math-prm": 447}
    cases = []
    for sizes, digits in (({name: n // 4 for name, n in rows.items()}, 2), ({name: 9 for name in rows}, 0), ({name: 7 for name in rows if "hep" not in name}, 1),
                          ({name: 20 for name in mapping["Safety"] + mapping["Chat"]}, 2)):
        pairs = make_pairs(rng, sizes, digits)
        cases.append({"pairs": pairs, **score_sections(packages, accuracies(pairs))})
    pairs = make_pairs(rng, {**{name: 12 for name in rows}, **{name: 15 for name in PRIOR_SETS}}, 1)
    cases.append({"pairs": pairs, **score_sections(packages, accuracies(pairs)),
                  "with_prior_sets": with_prior_sets(average, counts, mapping, accuracies(pairs))})
    (ROOT / "reward_bench_package.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
    print("golden written below", ROOT)


main()
