#!/usr/bin/env python3
"""Writes the tables of docs/performance.md and README.md from the figures in bench/results/*.jsonl.

    performance_table.py [--check]     --check: change nothing; exit code 1 if a document differs from its figures

Of each processor and figure the newest counts that was taken on an idle machine; if there is none, the newest of all, marked with *,
and then of processor time instead of wall time where both are recorded: waiting for a core says nothing.
Reports made with QUICK=1 do not count. Needs nothing but Python's standard library.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench/results"
DOCUMENT, README = ROOT / "docs/performance.md", ROOT / "README.md"
TYPES = ("float32", "bfloat16", "float16", "float64", "int8")


def value_at(tree, path):
    for name in path:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree if isinstance(tree, (int, float)) else None


class Row:
    """A line of a table: the figure at a path in a step's figures, divided by the one at another path if there is one."""

    def __init__(self, label, step, path, divisor=None, form="{:.2f}"):
        self.label, self.step, self.path, self.divisor, self.form = label, step, path, divisor, form

    def value(self, record):
        if record["step"] != self.step:
            return None
        figures = record.get("figures", {})
        if record.get("loaded"):
            figures = figures | figures.get("processor_time", {})
        value, divisor = value_at(figures, self.path), value_at(figures, self.divisor or ())
        return value / divisor if value and divisor else None if self.divisor else value

    def text(self, value):
        return self.form.format(value) if value < 10 or self.form != "{:.2f}" else f"{value:.0f}"


class Ceiling(Row):
    """Of any step, for a core."""

    def __init__(self, label, name, form="{:.0f}"):
        super().__init__(label, None, (name,), form=form)

    def value(self, record):
        value = value_at(record.get("ceiling", {}), self.path)
        return value / record["ceiling"]["threads"] if value else None


TIMES = "times_batch_1"
RATIOS = [
    Row("extraction, bf16, prefixes shared; transformers, bf16, batch 1", "extraction", (TIMES, "here, bf16")),
    Row("extraction, bf16, nothing shared; transformers, bf16, batch 1", "extraction", (TIMES, "here, bf16, no prefix shared")),
    Row("extraction, fp32, prefixes shared; transformers, float32, batch 1", "extraction", (TIMES, "here, fp32"),
        (TIMES, "transformers, batch 1, float32")),
    Row("extraction, the faster of bf16 and fp32; transformers at its best precision and batch", "extraction", ("best_against_best",)),
    Row("extraction, `--precision int8`; the faster of ours in bf16 and fp32", "extraction", (TIMES, "here, int8"), (TIMES, "best of ours")),
    Row("a step of the gate, fp32; the published script", "gate", ("ratio", "here, fp32")),
    Row("a step of the gate, bf16; the published script", "gate", ("ratio", "here, bf16")),
    Row("verbosity penalties, one thread; SciPy", "debiasing", ("ratio",)),
    Row("ridge regression, own masks; scikit-learn", "ridge-own", ("ratio",)),
    Row("ridge regression, overlapping masks; scikit-learn", "ridge-overlapping", ("ratio",)),
    Row("score, bf16; transformers, bf16, batch 1", "score", ("times_first_transformers", "score, bf16")),
    Row("score, the faster of bf16 and fp32; transformers at its best precision and batch", "score", ("best_against_best",)),
    Row("tokenizer, one thread; tokenizers", "tokenizer", ("ratio", "1")),
    Row("tokenizer, two threads; tokenizers, one thread", "tokenizer", ("ratio", "2")),
]
FRACTIONS = [Row(label.format(precision), "operations", ("operations", precision, key), form="{:.0f} %")
             for label, key, precisions in (("a layer, {}, of the square product", "layer_of_product", ("bf16", "fp32", "int8")),
                                            ("attention, {}, of the square product", "attention_of_product", ("bf16", "fp32")),
                                            ("gated activation on its own (now done in the product), {}, of a copy", "activation_of_copy", ("bf16", "fp32")))
             for precision in precisions]
CEILINGS = [*(Ceiling(f"{name} product, GFLOP/s a core", name) for name in TYPES), Ceiling("copy, GB/s a core", "copy", "{:.1f}")]
# The ranges over all processors that docs/performance.md begins with, and what README.md says of some of them.
QUOTED = [RATIOS[i] for i in (0, 2, 5, 7, 8, 9, 11, 12)]
SENTENCES = [(RATIOS[0], "extracting embeddings in bf16 is {} times as fast as transformers at batch 1"),
             (RATIOS[8], "ridge regression is {} times as fast as scikit-learn's loop"),
             (RATIOS[5], "a step of the gate is {} times as fast as the published script's"),
             (RATIOS[7], "the search for debiasing penalties is {} times as fast as SciPy's")]


class Processor:
    def __init__(self, machine):
        self.label, self.records, self.newest = machine["label"], [], machine["date"]

    def add(self, record, date):
        self.records.append(record | {"date": record.get("date", date)})
        self.newest = max(self.newest, date)

    def figure(self, row):
        """(value, whether it was taken under load), or None. Of ceilings of one day the highest counts."""
        found = [(not r.get("loaded", False), r["date"], value) for r in self.records if (value := row.value(r)) is not None]
        if not found:
            return None
        if isinstance(row, Ceiling):
            idle, _, value = max(found)
        else:
            idle, _, value = max(reversed(found), key=lambda f: f[:2])
        return value, not idle


def read_results(folder):
    """Processors in the order of their names."""
    processors = {}
    for path in sorted(folder.glob("*.jsonl")):
        machine = None
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            machine = record.get("machine", machine)
            if machine.get("quick"):
                continue
            processor = processors.setdefault(machine["processor"], Processor(machine))
            if "step" in record:
                processor.add(record, machine["date"])
    return [processors[name] for name in sorted(processors)]


def mark(text, loaded):
    return text + (r"\*" if loaded else "")


def table(rows, processors):
    lines = ["| | " + " | ".join(p.label for p in processors) + " |", "|---|" + "---:|" * len(processors)]
    for row in rows:
        figures = [p.figure(row) for p in processors]
        cells = [mark(row.text(f[0]), f[1]) if f else "not measured" for f in figures]
        if any(figures):
            lines.append(f"| {row.label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def days(processor):
    """Steps with figures, by day, with what is to be said of them."""
    shown = {}
    for record in processor.records:
        if record.get("figures") or record["step"] == "ceiling":
            notes = [n for n, applies in (("under load", record.get("loaded")), ("ceilings not steady", record.get("unsteady")),
                                          (record.get("note"), record.get("note"))) if applies]
            shown.setdefault(record["date"], {})[record["step"]] = f" ({'; '.join(notes)})" if notes else ""
    return "".join(f"\n  - {date}: {', '.join(step + notes for step, notes in steps.items())}" for date, steps in sorted(shown.items()))


def document_block(processors):
    unmeasured = [f"- {row.label}" for row in RATIOS + FRACTIONS if not any(p.figure(row) for p in processors)]
    parts = ["### In short\n\nSlowest to fastest of the processors below, on two threads unless a row says otherwise.\n\n" + ranges(processors),
             "### How many times as fast\n\nHere, compared with the program after the semicolon, on the same threads.\n\n" + table(RATIOS, processors),
             "### Close to the ceiling\n\n" + table(FRACTIONS, processors),
             "### Ceilings\n\nBy PyTorch, on all threads, divided by their number.\n\n" + table(CEILINGS, processors),
             "### When\n\n" + "\n".join(f"- {p.label}{days(p)}" for p in processors)]
    if unmeasured:
        parts.append("### On no processor yet\n\n" + "\n".join(unmeasured))
    return "\n\n".join(parts)


def range_of(row, processors):
    figures = [f for p in processors if (f := p.figure(row))]
    if not figures:
        return "not measured"
    (low, low_loaded), (high, high_loaded) = min(figures), max(figures)
    if row.text(low) == row.text(high):
        return mark(row.text(low), low_loaded) + ("" if len(figures) > 1 else " (one processor)")
    return f"{mark(row.text(low), low_loaded)} - {mark(row.text(high), high_loaded)}"


def ranges(processors):
    lines = ["| here; compared with, on the same threads | times as fast |", "|---|---:|"]
    return "\n".join(lines + [f"| {row.label} | {range_of(row, processors)} |" for row in QUOTED])


def readme_block(processors):
    return "\n".join(f"    - {sentence.format(range_of(row, processors))}" for row, sentence in SENTENCES)


def with_block(text, block):
    marked = re.compile(r"(<!-- begin: bench/performance_table.py -->\n).*?( *<!-- end -->)", re.DOTALL)
    if not marked.search(text):
        sys.exit("performance_table.py: a document has no marks '<!-- begin: bench/performance_table.py -->' and '<!-- end -->'")
    return marked.sub(lambda found: found.group(1) + block + "\n" + found.group(2), text)


def main():
    check, stale = "--check" in sys.argv[1:], []
    processors = read_results(RESULTS)
    for path, block in ((DOCUMENT, document_block(processors)), (README, readme_block(processors))):
        before = path.read_text(encoding="utf-8")
        after = with_block(before, block)
        if after != before:
            stale.append(path.name)
            if not check:
                path.write_text(after, encoding="utf-8")
    if stale and check:
        sys.exit(f"{', '.join(stale)}: not what bench/results says; run bench/performance_table.py")


if __name__ == "__main__":
    main()
