#!/usr/bin/env python3
"""Writes the tables of README.md, docs/demo.md and docs/evidence.md from one run of the demo, which docs/demo-run.json keeps.

    demo_tables.py --take FOLDER REFERENCE.json
        keep the figures of FOLDER, which scripts/quickstart.sh made, and of REFERENCE.json, which
        scripts/goldens/reference_pipeline.py FOLDER/demo --compare FOLDER/data --json REFERENCE.json and the flags of configs/demo.json
        made; then write the tables
    demo_tables.py [--check]
        write the tables; --check: change nothing, exit code 1 if a document differs

Needs nothing but Python's standard library.
"""
import argparse
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
RUN = ROOT / "docs/demo-run.json"
SUBSETS = ("alpacaeval-easy", "llmbar-natural", "refusals-dangerous", "xstest-should-respond", "math-prm", "hep-python")


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def picked(tree, *names):
    return {name: tree[name] for name in names}


def scorers_of(report):
    """What the tables need of each scorer: accuracy, RewardBench, RewardBench 2 and length bias."""
    bench = {s["name"]: s for s in report["reward_bench"]}
    best_of_n = {s["name"]: s for s in (report.get("reward_bench_2") or {}).get("scorers", [])}
    bias = {b["name"]: b for b in report["length_bias"] if b["set"] == "validation"}
    found = []
    for scorer in report["validation"]:
        name = scorer["name"]
        found.append(picked(scorer, "name", "accuracy", "low", "high", "loss") | {
            "reward_bench": picked(bench[name], "score", "low", "high") | {
                "sections": [picked(s, "name", "n", "score", "low", "high") for s in bench[name]["sections"]]},
            "reward_bench_2": name in best_of_n and picked(best_of_n[name], "score", "low", "high") | {
                "sections": [picked(s, "name", "n", "score", "low", "high") for s in best_of_n[name]["sections"]]},
            "length_bias": picked(bias[name], "gap", "margin_correlation") | {
                side: picked(bias[name][side], "n", "accuracy", "low", "high") for side in ("chosen_longer", "chosen_shorter")}})
    return found


def wrong_example(report):
    """The most confident error on the validation pairs, and the attribute that causes most of it."""
    rows = next(e["rows"] for e in report["examples"] if e["set"] == "validation")
    row = next(r for r in rows if r["why"] == "surest and wrong")
    sides = row["contribution"]
    k = max(range(len(report["attributes"])), key=lambda i: abs(sides["chosen"][i] - sides["rejected"][i]))
    return picked(row, "row_id", "margin") | {
        "attribute": report["attributes"][k], "gate": row["gate"]["chosen"][k],
        **{kind: {side: row[kind][side][k] for side in ("chosen", "rejected")} for kind in ("reward", "contribution")}}


def take(folder, reference):
    ridge = load(folder / "data/regression_weights/model_multi-objective.json")
    gate, upstream = load(folder / "data/gating_network_model.json"), load(folder / "upstream/gating_network_model.json")
    kinds = next(k["kinds"] for k in gate["gate_by_kind"] if k["by"] == "subset")
    run = {
        "version": gate["armorm_version"],
        "options": picked(gate["options"], "batch_size", "dropout", "hidden_size", "kernels", "logit_scale", "n_hidden", "n_steps",
                          "seed", "temperature"),
        "pairs": gate["pairs"],
        "ridge": [picked(a, "name", "n_train", "n_validation", "best_alpha", "validation_mse", "r_squared", "spearman")
                  for a in ridge["attributes"]],
        "debiasing": gate["debiasing"],
        "scorers": scorers_of(gate),
        "upstream": scorers_of(upstream),
        "reference": picked(load(reference)["stage2"], "accuracy") | picked(load(reference), "compare"),
        "scores": [json.dumps(picked(json.loads(line), "id", "score")) for line in (folder / "scores.jsonl").read_text().splitlines()],
        "example": wrong_example(gate),
        "gate_by_subset": {k["name"]: dict(zip(gate["attributes"], k["weights"])) for k in kinds if k["name"] in SUBSETS},
    }
    RUN.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")


def markdown(head, rows, left=1):
    marks = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, marks, *rows])


def example(run):
    e = run["example"]
    cells = [e["attribute"], *(f"{value:.2f}" for value in (e["gate"], *e["reward"].values(), *e["contribution"].values()))]
    return (f"The most confident error of the gate is row {e['row_id']}, with a margin of {e['margin']:.1f}:\n\n" +
            markdown(["attribute", "gate", "reward chosen", "reward rejected", "adds to chosen", "adds to rejected"], [cells]))


def reference(run):
    """The same pipeline by transformers, scikit-learn, SciPy and PyTorch, with its own training of the gate."""
    names = ("validation", "Chat", "Chat Hard", "Safety", "Reasoning", "Score")
    rows = [[way, *(f"{figures[name]:.1f}" for name in names)] for way, figures in run["reference"]["accuracy"].items()]
    return markdown(["scored by", *names], rows)


def bound(value):
    return f"{value:.2g}" if value else "0"


def compare(run):
    """Each check of the programs' files against that software."""
    return markdown(["check", "difference"], [[name, bound(value)] for name, value in run["reference"]["compare"].items()])


def scores(run):
    return "\n".join(["```console", "$ score --model_path demo-run/demo-rm --device -1 --precision fp32 --fields score < answers.jsonl",
                      *run["scores"], "```"])


def percent(value):
    return f"{100 * value:.1f} %"


def interval(figure, scale=1):
    return f"{scale * figure['low']:.1f} - {scale * figure['high']:.1f}"


def four_ways(run):
    by_name = {s["name"]: s for s in run["scorers"]}
    best = next(s for s in run["scorers"] if s["name"].startswith("best attribute"))
    return [("gate", by_name["gate"]), ("gate, rewards not debiased", by_name["gate, rewards not debiased"]),
            ("best single attribute", best), ("uniform gate", by_name["uniform gate"]),
            ("gate as the Python scripts train it", run["upstream"][0])]


def summary(run):
    """The four numbers that matter."""
    rows = [[name, percent(s["accuracy"]), interval(s, 100), f"{s['reward_bench']['score']:.1f}", interval(s["reward_bench"])]
            for name, s in four_ways(run) if name != "best single attribute"]
    return markdown(["scored by", "validation pairs", "95 % interval", "RewardBench", "95 % interval"], rows)


def sections(run, bench):
    ways = [(name, s) for name, s in four_ways(run) if s[bench]]
    heads = [s["name"] for s in ways[0][1][bench]["sections"]]
    rows = [[name, *(f"{s['score']:.1f}" for s in way[bench]["sections"]), f"{way[bench]['score']:.1f}", interval(way[bench])]
            for name, way in ways]
    return markdown(["scored by", *heads, "Score", "95 % interval"], rows)


def validation(run):
    rows = [[name, percent(s["accuracy"]), interval(s, 100), f"{s['loss']:.2f}"] for name, s in four_ways(run)]
    return markdown(["scored by", "accuracy", "95 % interval", "loss"], rows)


def length_bias(run):
    rows = []
    for name, s in four_ways(run):
        bias = s["length_bias"]
        rows.append([name, *(f"{percent(bias[side]['accuracy'])}" for side in ("chosen_longer", "chosen_shorter")),
                     f"{100 * bias['gap']:+.1f}", f"{bias['margin_correlation']:+.3f}"])
    longer, shorter = (run["scorers"][0]["length_bias"][side]["n"] for side in ("chosen_longer", "chosen_shorter"))
    return markdown(["scored by", f"chosen longer ({longer})", f"chosen shorter ({shorter})", "gap", "margin ~ length"], rows)


def ridge(run):
    rows = [[a["name"], str(a["n_train"]), str(a["n_validation"]), f"{a['best_alpha']:g}", f"{a['validation_mse']:.4f}",
             f"{a['r_squared']:.3f}", f"{a['spearman']:.3f}"] for a in run["ridge"]]
    return markdown(["attribute", "training rows", "validation rows", "alpha", "MSE", "R²", "Spearman"], rows)


def debiasing(run):
    rows = [[d["name"], f"{d['penalty']:g}", f"{d['correlation_before']:+.3f}",
             "-" if d["correlation_after"] is None else f"{d['correlation_after']:+.3f}"] for d in run["debiasing"]]
    return markdown(["attribute", "penalty", "correlation before", "after"], rows)


def subsets(run):
    rows = []
    for subset in SUBSETS:
        weights = sorted(run["gate_by_subset"][subset].items(), key=lambda item: -item[1])
        rows.append([subset, ", ".join(f"{name} {100 * weight:.0f}" for name, weight in weights[:3] if weight > 0.1)])
    return markdown(["subset", "heaviest attributes, percent of the weight"], rows, left=2)


TABLES = {"summary": summary, "validation": validation, "length_bias": length_bias, "example": example, "ridge": ridge, "debiasing": debiasing,
          "scores": scores, "subsets": subsets, "reference": reference, "compare": compare, "reward_bench": lambda run: sections(run, "reward_bench"),
          "reward_bench_2": lambda run: sections(run, "reward_bench_2")}


def with_tables(text, run):
    """`text` with the table of each pair of marks '<!-- begin: scripts/demo_tables.py NAME -->' and '<!-- end -->'."""
    marked = re.compile(r"(<!-- begin: scripts/demo_tables.py (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
    return marked.sub(lambda found: found.group(1) + TABLES[found.group(2)](run) + "\n" + found.group(3), text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--take", type=pathlib.Path, nargs=2, metavar=("FOLDER", "REFERENCE.json"))
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if arguments.take:
        take(*arguments.take)
    run, stale = load(RUN), []
    for path in (ROOT / "README.md", ROOT / "docs/demo.md", ROOT / "docs/evidence.md"):
        before = path.read_text(encoding="utf-8")
        after = with_tables(before, run)
        if after != before:
            stale.append(path.name)
            if not arguments.check:
                path.write_text(after, encoding="utf-8")
    if stale and arguments.check:
        sys.exit(f"{', '.join(stale)}: not what docs/demo-run.json says; run scripts/demo_tables.py")


if __name__ == "__main__":
    main()
