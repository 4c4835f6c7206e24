#!/usr/bin/env python3
"""Compares `score` with transformers and the export's modelling code: same conversations, same number of threads.

Usage: compare.py FOLDER CONVERSATIONS.jsonl --score PROGRAM [--threads 2] [--precision bf16,fp32] [--batch_sizes 1,8]

FOLDER is an export (make_model.py makes one with random weights, in any size). transformers runs as a careful user would run
it: conversations sorted by length, padded batches; the time includes rendering and tokenizing, but not loading. For `score`
it is the time of the process minus that of an empty run, which is the loading. On a machine with other work, trust processor
seconds. Prints a Markdown table and the largest difference of the scores. Ratios are to the first precision of `score`, scores and their
differences to the first of its runs; a precision that `score` refuses (exit code 2) is listed.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_MODULES_CACHE"] = tempfile.mkdtemp(prefix="armorm-modules-")

import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer

DTYPES = {"bf16": "bfloat16", "fp32": "float32"}


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Refused(Exception):
    pass


def run_program(options, text, precision, more=()):
    command = [options.score, "--model_path", options.folder, "--device", "-1", "--precision", precision, "--threads",
               str(options.threads), "--fields", "score,tokens", "--log_level", "warn", *more]
    wall, cpu = time.perf_counter(), children_seconds()
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode == 2:
        raise Refused((done.stderr.strip().splitlines() or ["exit code 2"])[-1].removeprefix("score: error: "))
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return time.perf_counter() - wall, children_seconds() - cpu, [json.loads(line) for line in done.stdout.splitlines()]


def time_program(options, text, precision, more=()):
    empty = min((run_program(options, "", precision, more) for _ in range(2)), key=lambda run: run[0])
    full = run_program(options, text, precision, more)
    return full[0] - empty[0], full[1] - empty[1], full[2]


def time_transformers(options, rows, dtype, batch):
    tokenizer = AutoTokenizer.from_pretrained(options.folder)
    model = AutoModelForSequenceClassification.from_pretrained(options.folder, trust_remote_code=True, dtype=getattr(torch, dtype)).eval()
    wall, cpu = time.perf_counter(), time.process_time()
    lengths = [sum(len(m["content"]) for m in row) for row in rows]
    order = sorted(range(len(rows)), key=lengths.__getitem__) if batch > 1 else list(range(len(rows)))
    scores = [None] * len(rows)
    with torch.inference_mode():
        for first in range(0, len(order), batch):
            chosen = order[first:first + batch]
            inputs = tokenizer.apply_chat_template([rows[i] for i in chosen], padding=True, return_tensors="pt", return_dict=True)
            output = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"] if batch > 1 else None)
            for i, score in zip(chosen, output.score.tolist()):
                scores[i] = score
    return time.perf_counter() - wall, time.process_time() - cpu, scores


def time_all(options, text):
    """{name: (wall seconds, processor seconds, scores)}, and what was refused."""
    rows = [json.loads(line)["messages"] for line in text.splitlines()]
    precisions, ways, refused = options.precision.split(","), {}, []
    for precision in precisions:
        for name, more in ((f"score, {precision}", []), (f"score, {precision}, not batch-invariant", ["--batch_invariant=false"])):
            try:
                wall, cpu, lines = time_program(options, text, precision, more)
                ways[name] = wall, cpu, [line["score"] for line in lines]
                tokens = sum(line["tokens"] for line in lines)
            except Refused as reason:
                refused.append(f"{precision} ({reason})")
                break
    for dtype in (DTYPES[p] for p in precisions if p in DTYPES):
        for batch in map(int, options.batch_sizes.split(",")):
            ways[f"transformers, {dtype}, batch {batch}"] = time_transformers(options, rows, dtype, batch)
    return ways, tokens, refused


def ratios(ways, clock):
    """Of wall (0) or processor time (1); the best of ours is batch-invariant, as by default."""
    theirs = {name: way[clock] for name, way in ways.items() if name.startswith("transformers")}
    ours = [way[clock] for name, way in ways.items() if name in ("score, bf16", "score, fp32")]
    base = next(iter(theirs.values()))
    return {"times_first_transformers": {name: round(base / way[clock], 3) for name, way in ways.items()},
            "best_against_best": round(min(theirs.values()) / min(ours), 3)}


def figures(ways, tokens):
    return ratios(ways, 0) | {
            "processor_time": ratios(ways, 1),
            "tokens_s": {name: round(tokens / way[0], 1) for name, way in ways.items()}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("conversations")
    parser.add_argument("--score", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="bf16", help="one or more of bf16, fp32 and int8; transformers runs in the same, but not in int8")
    parser.add_argument("--batch_sizes", default="1,8")
    parser.add_argument("--figures", type=pathlib.Path, help="where to write the figures, as JSON")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with open(options.conversations, encoding="utf-8") as file:
        text = file.read()
    ways, tokens, refused = time_all(options, text)
    base_wall, base_cpu, ours = next(iter(ways.values()))
    print(f"{len(ours)} conversations, {tokens} tokens, {options.threads} threads, transformers {transformers.__version__}\n")
    print("| | tokens/s | processor s | processor time compared with the first | wall time compared with the first | largest difference of a score |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, (wall, cpu, scores) in ways.items():
        worst = max(abs(a - b) for a, b in zip(ours, scores))
        print(f"| {name} | {tokens / wall:.0f} | {cpu:.2f} | {cpu / base_cpu:.2f} | {wall / base_wall:.2f} | {worst:.4g} |")
    print(f"\nScores lie between {min(ours):.3f} and {max(ours):.3f}; differences are to the first run.")
    if refused:
        print(f"\nNot offered here: {'; '.join(refused)}.")
    if options.figures:
        options.figures.write_text(json.dumps(figures(ways, tokens)))


if __name__ == "__main__":
    main()
