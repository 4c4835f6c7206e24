"""The memory of stage2-train for growing numbers of pairs, without what it maps from files; prints a table.

    measure_memory.py COMMAND... [--sizes 20000x4096 60000x4096 200000x4096] [--steps 20 60] [--threads 2] [--folder DIR]

Each COMMAND is a program with flags of its own, in quotes: "build/release/bin/stage2-train --scratch on". All of them train on the
same random embeddings of the sizes PAIRS x WIDTH, with a search for verbosity penalties, validation and report. Memory is the
largest RssAnon of /proc/PID/status, read 50 times a second: pages of mapped files (RssFile), inputs and scratch files alike, can be
dropped and read again, so they are not counted. The time of a step is the difference of two runs divided by that of their steps. Gates
with the same digest have the same bytes.
"""
import argparse
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

import numpy
import torch

N_ATTRIBUTES = 19
BLOCK = 1 << 23  # numbers of one side


def write_pairs(path, pairs, width):
    """embeddings and prompt_embeddings bf16 [pairs, 2, width], and lengths i64 [pairs, 2], written block by block."""
    nbytes = pairs * 2 * width * 2
    tensor = {"dtype": "BF16", "shape": [pairs, 2, width]}
    header = json.dumps({"embeddings": {**tensor, "data_offsets": [0, nbytes]},
                         "prompt_embeddings": {**tensor, "data_offsets": [nbytes, 2 * nbytes]},
                         "lengths": {"dtype": "I64", "shape": [pairs, 2], "data_offsets": [2 * nbytes, 2 * nbytes + 16 * pairs]}}).encode()
    header += b" " * (-len(header) % 8)
    source = numpy.random.default_rng(0)
    block = BLOCK // width
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for sides in (2, 1):  # two answers, one prompt
            for first in range(0, pairs, block):
                n = min(block, pairs - first)
                values = source.standard_normal((n, sides, width), dtype=numpy.float32).view(numpy.uint32) >> 16
                file.write(numpy.ascontiguousarray(numpy.broadcast_to(values.astype(numpy.uint16), (n, 2, width))))
        for first in range(0, pairs, block):
            file.write(source.integers(1, 2000, (min(block, pairs - first), 2)))


def make_data(root, pairs, width):
    (root / "embeddings/model").mkdir(parents=True)
    (root / "regression_weights").mkdir()
    weight = torch.randn(N_ATTRIBUTES, width, generator=torch.Generator().manual_seed(0)) / width**0.5
    torch.save({"weight": weight}, root / "regression_weights/model_objectives.pt")
    write_pairs(root / "embeddings/model/pairs-train.safetensors", pairs, width)


def resident(pid):
    """RssAnon, and the pages of files, in MiB."""
    found = {}
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("Rss"):
                found[line.split(":")[0]] = int(line.split()[1]) / 1024
    except OSError:
        pass
    return found.get("RssAnon", 0.0), found.get("RssFile", 0.0) + found.get("RssShmem", 0.0)


def run(command):
    """Wall seconds, processor seconds, and the largest RssAnon and RssFile in MiB."""
    start, anonymous, mapped = time.perf_counter(), 0.0, 0.0
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid != 0:
                break
            now = resident(child.pid)
            anonymous, mapped = max(anonymous, now[0]), max(mapped, now[1])
            time.sleep(0.02)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            output.seek(0)
            sys.exit(f"{command[0]} ended with {child.returncode}:\n{output.read()[-2000:].decode()}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, anonymous, mapped


def measure(command, size, root, arguments):
    program, *flags = shlex.split(command)
    full = [str(pathlib.Path(program).resolve()), "--model_path", "model", "--multi_objective_dataset", "objectives",
            "--preference_dataset", "pairs", "--on_unmet", "max", "--device", "-1", "--data_root", str(root),
            "--threads", str(arguments.threads), "--restart", *flags, "--n_steps"]
    few, many = (run([*full, str(n)]) for n in arguments.steps)
    steps = (arguments.steps[1] - arguments.steps[0]) / 1000
    files = sum(file.stat().st_size for file in (root / "embeddings").rglob("*.safetensors")) / 2**20
    gate = hashlib.sha256((root / "gating_network_model.pt").read_bytes()).hexdigest()[:8]
    name = " ".join([pathlib.Path(program).parent.name if program.count("/") else "", pathlib.Path(program).name, *flags]).strip()
    print(f"| {size[0]:,} | {size[1]} | {files:,.0f} | {name} | {max(few[2], many[2]):,.0f} | {max(few[3], many[3]):,.0f} "
          f"| {(many[0] - few[0]) / steps:.0f} | {(many[1] - few[1]) / steps:.0f} | {few[0]:.0f} | {gate} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="+", metavar="COMMAND")
    parser.add_argument("--sizes", nargs="+", default=["20000x4096", "60000x4096", "200000x4096"])
    parser.add_argument("--steps", type=int, nargs=2, default=[20, 60])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", help="for the files; default: the system's temporary one")
    arguments = parser.parse_args()
    print(f"{arguments.threads} threads, load {os.getloadavg()[0]:.1f}\n")
    print("| pairs | width | files, MiB | run | memory, MiB | mapped, MiB | a step, ms | processor time, ms | shorter run, s | gate |")
    print("|---:|---:|---:|---|---:|---:|---:|---:|---:|---|")
    for text in arguments.sizes:
        size = tuple(int(n) for n in text.split("x"))
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            root = pathlib.Path(folder)
            make_data(root, *size)
            for command in arguments.commands:
                measure(command, size, root, arguments)
    print(f"\nload {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
