#!/usr/bin/env python3
"""Writes the tables of the demo in the documentation from one run, which docs/demo-run.json keeps, and checks the sentences with its figures.

    demo_tables.py --take FOLDER REFERENCE.json
        keep the figures of FOLDER, which scripts/quickstart.sh made, and of REFERENCE.json, which
        scripts/goldens/reference_pipeline.py FOLDER/demo --compare FOLDER/data --json REFERENCE.json and the flags of configs/demo.json
        made; then write the tables
    demo_tables.py [--check]
        write the tables; --check: change nothing. Exit code 1 if a document differs, or lacks a sentence

Needs nothing but Python's standard library.
"""
import argparse
import json
import math
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


def literal_score(line):
    """What --fields score leaves of a line, character by character."""
    return re.match(r'\{"id":"[^"]*","score":[^,}]*', line)[0] + "}"


def take(folder, reference):
    ridge = load(folder / "data/regression_weights/model_multi-objective.json")
    gate, upstream = load(folder / "data/gating_network_model.json"), load(folder / "upstream/gating_network_model.json")
    kinds = next(k["kinds"] for k in gate["gate_by_kind"] if k["by"] == "subset")
    run = {
        "version": gate["armorm_version"],
        "options": picked(gate["options"], "batch_size", "dropout", "hidden_size", "kernels", "logit_scale", "n_hidden", "n_steps",
                          "seed", "temperature"),
        "pairs": gate["pairs"],
        "logit_scale": gate["logit_scale"],
        "ridge": [picked(a, "name", "n_train", "n_validation", "best_alpha", "validation_mse", "r_squared", "spearman")
                  for a in ridge["attributes"]],
        "debiasing": gate["debiasing"],
        "scorers": scorers_of(gate),
        "upstream": scorers_of(upstream),
        "reference": picked(load(reference)["stage2"], "accuracy") | picked(load(reference), "compare", "bounds"),
        "scores": [literal_score(line) for line in (folder / "scores.jsonl").read_text().splitlines()],
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
    found, limits = run["reference"]["compare"], run["reference"]["bounds"]
    return markdown(["check", "difference", "bound"], [[name, bound(value), bound(limits[name])] for name, value in found.items()])


def scores(run):
    return "\n".join(["```console", "$ score --model_path demo-run/demo-rm --device -1 --precision fp32 --fields score < demo-run/answers.jsonl",
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


def evaluate(run):
    """The sections as score --evaluate prints them."""
    bench = run["scorers"][0]["reward_bench"]
    lines = [f"{'RewardBench, section':<20}{'n':>5}{'model':>18}", "-" * 43]
    for section in [*bench["sections"], {"name": "Score", "n": "", **picked(bench, "score", "low", "high")}]:
        figures = f"{section['score']:.1f} ({section['low']:.1f}-{section['high']:.1f})"
        lines.append(f"{section['name']:<20}{section['n']:>5}{figures:>18}")
    return "\n".join(["```text", *lines, "```"])


def words(number):
    return ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")[number]


def sentences_of_ridge(run):
    rank, r2 = ([a[key] for a in run["ridge"]] for key in ("spearman", "r_squared"))
    yield "docs/demo.md", (f"a Spearman correlation of {min(rank):.2f} to {max(rank):.2f} on unseen rows, with an R² between "
                           f"{min(r2):.2f} and {max(r2):.2f}")


def sentences_of_debiasing(run):
    others = [d for d in run["debiasing"] if d["correlation_after"] is not None]
    before, penalised = [d["correlation_before"] for d in others], [d for d in others if d["penalty"] > 0]
    after = [d["correlation_after"] for d in penalised]
    side = run["scorers"][0]["length_bias"]["chosen_longer"]["n"]
    validation = run["pairs"]["validation"]
    yield "docs/demo.md", (f"{len([b for b in before if b > 0.03])} of the {len(others)} other rewards rise with the verbosity reward, "
                           f"with a rank correlation of up to {max(before):.2f}")
    yield "docs/demo.md", f"in {words(round(10 * (validation - side) / validation))} of ten validation pairs the worse answer is at least as long"
    yield "docs/demo.md", f"is between {min(after):.3f} and {max(after):.3f} for the {len(penalised)} that get a penalty"
    steep = next(d for d in others if d["name"] == "helpsteer-complexity")
    yield "docs/demo.md", (f"`{steep['name']}` rises with verbosity with a rank correlation of {steep['correlation_before']:.2f}; a penalty of "
                           f"{steep['penalty']:g} reduces this to {steep['correlation_after']:.2f}")


def sentences_of_scores(run):
    score = {line["id"]: line["score"] for line in map(json.loads, run["scores"])}
    scale = run["logit_scale"]

    def preferred(difference):
        return f"{100 / (1 + math.exp(-scale * difference)):.0f} %"
    yield "docs/demo.md", f"the trained scale is {scale:.2f}"
    yield "docs/demo.md", f"times the trained scale, {scale:.2f}"
    yield "docs/scoring.md", (f"a helpful answer has {score['helpful']:.2f}, the same answer with filler {score['padded']:.2f}, and a poor "
                              f"answer {score['poor']:.2f}")
    yield "docs/scoring.md", (f"In the demo the scale is {scale:.2f}, so a difference of 0.13 is a preference of {preferred(0.13)}, and the "
                              f"helpful answer is preferred to its padded version with {preferred(score['helpful'] - score['padded'])}")


def sentences_of_reference(run):
    found, limits = run["reference"]["compare"], run["reference"]["bounds"]
    beyond = f"{sum(found[name] > limits[name] for name in found)} of {len(found)} checks exceed their bound"
    yield "README.md", beyond
    yield "docs/evidence.md", beyond
    yield "README.md", f"coefficients within {found['coefficients, relative norm']:.1e}".replace("e-0", "e-")
    programs, other = run["scorers"], run["reference"]["accuracy"]["trained gate, no debiasing"]["validation"]
    ours = next(s for s in programs if s["name"] == "gate, rewards not debiased")
    yield "docs/demo.md", f"hence {other:.1f} % instead of {percent(ours['accuracy'])}"


SENTENCES = (sentences_of_ridge, sentences_of_debiasing, sentences_of_scores, sentences_of_reference)
TABLES = {"evaluate": evaluate, "summary": summary, "validation": validation, "length_bias": length_bias, "example": example, "ridge": ridge, "debiasing": debiasing,
          "scores": scores, "subsets": subsets, "reference": reference, "compare": compare, "reward_bench": lambda run: sections(run, "reward_bench"),
          "reward_bench_2": lambda run: sections(run, "reward_bench_2")}


def with_tables(text, run):
    """`text` with the table of each pair of marks '<!-- begin: scripts/demo_tables.py NAME -->' and '<!-- end -->'."""
    marked = re.compile(r"(<!-- begin: scripts/demo_tables.py (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
    return marked.sub(lambda found: found.group(1) + TABLES[found.group(2)](run) + "\n" + found.group(3), text)


def missing_sentences(run):
    for sentences in SENTENCES:
        for path, sentence in sentences(run):
            text = " ".join((ROOT / path).read_text(encoding="utf-8").split())
            if sentence not in text:
                yield f"{path}: no sentence '{sentence}'"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--take", type=pathlib.Path, nargs=2, metavar=("FOLDER", "REFERENCE.json"))
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if arguments.take:
        take(*arguments.take)
    run, stale = load(RUN), []
    for path in (ROOT / name for name in ("README.md", "docs/demo.md", "docs/evidence.md", "examples/evaluate/README.md")):
        before = path.read_text(encoding="utf-8")
        after = with_tables(before, run)
        if after != before:
            stale.append(str(path.relative_to(ROOT)))
            if not arguments.check:
                path.write_text(after, encoding="utf-8")
    faults = list(missing_sentences(run))
    if stale and arguments.check:
        faults.append(f"{', '.join(stale)}: not what docs/demo-run.json says; run scripts/demo_tables.py")
    if faults:
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
