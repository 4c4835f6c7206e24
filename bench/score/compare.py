#!/usr/bin/env python3
"""Compares `score` with transformers and the export's modelling code: same conversations, same number of threads.

Usage: compare.py FOLDER CONVERSATIONS.jsonl --score PROGRAM [--threads 2] [--precision bf16] [--batch_sizes 1,8]

FOLDER is an export (make_model.py makes one with random weights, in any size). transformers runs as a careful user would run
it: conversations sorted by length, padded batches; the time includes rendering and tokenizing, but not loading. For `score`
it is the time of the process minus that of an empty run, which is the loading. On a machine with other work, trust processor
seconds. Prints a Markdown table and the largest difference of the scores.
"""

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_MODULES_CACHE"] = tempfile.mkdtemp(prefix="armorm-modules-")

import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run_program(options, text, more=()):
    command = [options.score, "--model_path", options.folder, "--device", "-1", "--precision", options.precision, "--threads",
               str(options.threads), "--fields", "score,tokens", "--log_level", "warn", *more]
    wall, cpu = time.perf_counter(), children_seconds()
    out = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    return time.perf_counter() - wall, children_seconds() - cpu, [json.loads(line) for line in out.splitlines()]


def time_program(options, text, more=()):
    empty = run_program(options, "", more)
    full = run_program(options, text, more)
    return full[0] - empty[0], full[1] - empty[1], full[2]


def time_transformers(options, rows, batch):
    tokenizer = AutoTokenizer.from_pretrained(options.folder)
    dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
    model = AutoModelForSequenceClassification.from_pretrained(options.folder, trust_remote_code=True, dtype=dtype).eval()
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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("conversations")
    parser.add_argument("--score", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=["bf16", "fp32"], default="bf16")
    parser.add_argument("--batch_sizes", default="1,8")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with open(options.conversations, encoding="utf-8") as file:
        text = file.read()
    rows = [json.loads(line)["messages"] for line in text.splitlines()]

    ways = {"score": time_program(options, text), "score, not batch-invariant": time_program(options, text, ["--batch_invariant=false"])}
    base = ways["score"]
    tokens = sum(row["tokens"] for row in base[2])
    for batch in map(int, options.batch_sizes.split(",")):
        ways[f"transformers, batch {batch}"] = time_transformers(options, rows, batch)
    print(f"{len(rows)} conversations, {tokens} tokens, {options.precision}, {options.threads} threads, transformers {transformers.__version__}\n")
    print("| | tokens/s | processor s | processor time beside score | wall time beside score |\n| --- | --- | --- | --- | --- |")
    for name, (wall, cpu, _) in ways.items():
        print(f"| {name} | {tokens / wall:.0f} | {cpu:.2f} | {cpu / base[1]:.2f} | {wall / base[0]:.2f} |")
    ours = [row["score"] for row in base[2]]
    worst = max(abs(a - b) for name, way in ways.items() if "transformers" in name for a, b in zip(ours, way[2]))
    print(f"\nlargest difference of a score: {worst:.4g} (scores from {min(ours):.3f} to {max(ours):.3f})")


if __name__ == "__main__":
    main()
