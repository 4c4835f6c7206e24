#!/usr/bin/env python3
"""The report of bench/gpu.sh, in Markdown, from what its steps have printed so far.

    report.py STEPS LOGS    STEPS: steps.jsonl, a line for each step; LOGS: the folder of <step>.log

A step that is missing, failed or broke off leaves out only what it would have told. Needs nothing but Python's standard library.
"""
import datetime
import json
import pathlib
import re
import sys

SKIPPED = 77
TAIL = 25  # lines of the log of a step that failed

# Step -> (name, type of its products).
EXTRACTIONS = {"bf16": ("here, bf16", "bf16"), "fp8": ("here, fp8", "fp8"), "bf16_flash": ("here, bf16, LibTorch's attention, half of them", "bf16"),
               "fp8_exact": ("here, fp8, exact sums, half of them", "fp8"), "bf16_32768": ("here, bf16, packs of 32768, half of them", "bf16"),
               "invariant": ("here, bf16, batch_invariant, half of them", "bf16"), "first64": ("here, bf16, the first 64", "bf16"),
               "transformers": ("transformers, bf16, batches of 8, the first 64", "bf16")}


class Run:
    def __init__(self, steps, logs):
        lines = steps.read_text(encoding="utf-8").splitlines() if steps.exists() else []
        self.steps = [json.loads(line) for line in lines]
        self.logs = logs

    def log(self, step):
        try:
            return (self.logs / f"{step}.log").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def json(self, step):
        """The last line of JSON that a step printed."""
        for line in reversed(self.log(step).splitlines()):
            if line.startswith("{"):
                try:
                    return json.loads(line)
                except ValueError:
                    continue
        return {}

    def tables(self, step):
        """The output of a step that came as far as a table. The last lines of others stand with what failed."""
        text = self.log(step).strip()
        return text if "|---" in text else ""

    def ceilings(self):
        try:
            return json.loads((self.logs / "ceilings.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}


def outcome(step):
    status, limit = step["status"], step["limit"]
    if status is None:
        return f"left out: {step['reason']}"
    named = {0: "ok", SKIPPED: "**tests were skipped**", 124: f"**stopped at its limit of {limit} s**",
             137: f"**killed at its limit of {limit} s**", 127: "**failed**: the program is missing"}
    return named.get(status, f"**failed**, status {status}")


def section(title, text):
    return f"\n## {title}\n\n{text}\n" if text else ""


def facts(run):
    return {cells[1].strip(): cells[2].strip() for line in run.log("machine").splitlines() if len(cells := line.split("|")) == 4}


def head(run):
    known = facts(run)
    commit = re.search(r"commit (\S+?),", known.get("programs", ""))
    title = ", ".join([known.get("GPU", "no GPU"), datetime.date.today().isoformat()] + ([f"commit {commit.group(1)}"] if commit else []))
    rows = "\n".join(f"| {name} | {value} |" for name, value in known.items())
    return f"# {title}\n" + (f"\n| | |\n|---|---|\n{rows}\n" if rows else "")


def steps(run):
    rows = [f"| {s['step']} | {outcome(s)} | {s['seconds']} | {s['limit']} |" for s in run.steps]
    return "| step | | s | limit, s |\n|---|---|---:|---:|\n" + "\n".join(rows) if rows else ""


def tests(run):
    lines = []
    for step in ("test_model", "test_gating"):
        text = run.log(step)
        total = re.findall(r"^(?:All tests passed|test cases:).*", text, re.MULTILINE)
        if total:
            skipped = len(re.findall(r"^skipped: ", text, re.MULTILINE))
            lines.append(f"- {step} [gpu]: {total[-1]}" + (f"; **{skipped} skipped**" if skipped else ""))
    for step in ("memcheck", "racecheck"):
        for total in re.findall(r"(?:ERROR|RACECHECK) SUMMARY: .*", run.log(step))[-1:]:
            lines.append(f"- compute-sanitizer {step}, our kernels: {total}")
    return "\n".join(lines)


def best_alone(ceilings, kind):
    return max(ceilings.get("products_alone", {}).get(kind, {}).values(), default=None)


def percent(part, of):
    return f"{100 * part / of:.0f} %" if part and of else ""


def extraction(run):
    results = {step: result for step in EXTRACTIONS if (result := run.json(step)).get("seconds")}
    if not results:
        return ""
    rate = {step: r["tokens"] / r["seconds"] for step, r in results.items()}
    ceilings, lines = run.ceilings(), []
    for step, r in results.items():
        name, kind = EXTRACTIONS[step]
        times = f"{rate['first64'] / rate['transformers']:.2f}" if step == "first64" and "transformers" in rate else ""
        busy = f"{100 * r['busy']:.1f} %" if "busy" in r else ""
        load = f"{r['load_seconds']:.1f}" if "load_seconds" in r else ""
        lines.append(f"| {name} | {r['tokens']} | {r['seconds']:.2f} | {rate[step]:.0f} | {percent(rate[step], best_alone(ceilings, kind))} | "
                     f"{times} | {busy} | {load} |")
    sequences = re.search(r"^\d+ sequences, .*", run.log("make_model"), re.MULTILINE)
    versions = results.get("transformers", {}).get("versions")
    return ((f"{sequences.group(0)}.\n\n" if sequences else "") +
            "| run | tokens | s | tokens/s | of products alone | times transformers | device busy | load, s |\n"
            "|---|---:|---:|---:|---:|---:|---:|---:|\n" + "\n".join(lines) +
            "\n\n\"Of products alone\": compared with the highest rate below, at which nothing but the layers' products takes time." +
            (f" Compared with: {versions}." if versions else ""))


def failures(run):
    parts = []
    for step in run.steps:
        if step["status"]:
            tail = run.log(step["step"]).strip().splitlines()[-TAIL:]
            parts.append(f"### {step['step']}\n\n```\n" + "\n".join(tail or ["no output"]) + "\n```")
    return "\n\n".join(parts)


def main():
    run = Run(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
    print(head(run) + section("Steps", steps(run)) + section("Tests", tests(run)) + section("Kernels", run.tables("kernels")) +
          section("Extraction", extraction(run)) + section("Ceilings", run.tables("ceilings")) +
          section("Operations of a layer", run.tables("roofline")) + section("What failed", failures(run)), end="")


if __name__ == "__main__":
    main()
