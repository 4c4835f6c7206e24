#!/usr/bin/env python3
"""Adds or changes one entry of valid inputs, and compares what our readers make of them with the reference software.

    mutate.py json_rows --count 10000              generates cases, asks the reference, has test_mutations judge them
    mutate.py json_rows --goldens                  writes tests/goldens/mutations/json_rows.jsonl.gz, the short run of the tests

A case is what tests/mutations/mutation.h describes. The run fails when a case is a fault: a wrong value, an entry that
is passed over, a refusal that does not name the entry, an internal error. tests/mutations/README.md has the counts.
"""
import argparse
import collections
import concurrent.futures
import gzip
import importlib
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import entries

ROOT = pathlib.Path(__file__).resolve().parents[2]
READERS = ["json_rows", "tables", "config", "folders", "tensors", "shards", "tokenizer"]
SEED = 20261129
SHORT_SEED = 1
BLOCK = 100
SHORT_COUNT = {"config": 150, "tables": 100}


def module_of(reader):
    return importlib.import_module({"json_rows": "rows"}.get(reader, reader))


def block_of_cases(block):
    """The different cases of a block, which has a generator of its own, so that any number of processes make the same."""
    reader, seed, number, count = block
    rng = entries.generator(reader, f"{seed} {number}")
    make = module_of(reader).mutation
    cases = {}
    while len(cases) < count:
        case = make(rng)
        if case is not None:
            cases[json.dumps(case, ensure_ascii=False, separators=(",", ":"), allow_nan=False)] = None
    return list(cases)


def write(reader, seed, count, path, jobs, resume=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = [(reader, seed, number, min(BLOCK, count - start)) for number, start in enumerate(range(0, count, BLOCK))]
    if resume and path.exists():
        blocks = blocks[sum(1 for _ in open(path, "rb")) // BLOCK:]
    with open(path, "ab" if resume else "wb") as file, concurrent.futures.ProcessPoolExecutor(jobs) as pool:
        out = gzip.GzipFile("", "wb", 9, file, mtime=0) if path.suffix == ".gz" else file
        for cases in pool.map(block_of_cases, blocks):
            out.write("".join(text + "\n" for text in cases).encode())
            out.flush()
        out.close()


def judge(program, path):
    judged = path.with_suffix(".judged.jsonl")
    subprocess.run([program, "[.mutations]"], check=True, stdout=sys.stdout,
                   env={**os.environ, "ARMORM_MUTATIONS": str(path), "ARMORM_MUTATIONS_JUDGED": str(judged)})
    verdicts = collections.Counter()
    for line in open(judged, encoding="utf-8"):
        verdicts[json.loads(line)["verdict"]] += 1
    print(f"{judged}: {dict(verdicts)}")
    return sum(verdicts[name] for name in ("unnamed", "silent", "broken"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--jobs", type=int, default=1, help="processes that ask the reference")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=pathlib.Path, help="the cases (default: build/mutations/READER.jsonl)")
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/bin/test_mutations")
    parser.add_argument("--reuse", action="store_true", help="judge the cases that are there")
    parser.add_argument("--resume", action="store_true", help="keep the complete blocks of cases that are there")
    parser.add_argument("--no-judge", action="store_true", help="generate only")
    parser.add_argument("--goldens", action="store_true")
    args = parser.parse_args()
    if args.goldens:
        write(args.reader, SHORT_SEED, SHORT_COUNT.get(args.reader, 300), ROOT / f"tests/goldens/mutations/{args.reader}.jsonl.gz", args.jobs)
        return 0
    path = args.out or ROOT / f"build/mutations/{args.reader}.jsonl"
    if not args.reuse:
        write(args.reader, args.seed, args.count, path, args.jobs, args.resume)
    return 1 if not args.no_judge and judge(args.program, path) else 0


if __name__ == "__main__":
    sys.exit(main())
