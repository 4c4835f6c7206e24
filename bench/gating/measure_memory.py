"""The memory of stage2-train for growing numbers of pairs, without what it maps from files; prints a table.

    measure_memory.py STAGE2_TRAIN [--sizes 20000x4096 60000x4096 200000x1024] [--steps 20 60] [--threads 2]

The pairs are random embeddings of the sizes PAIRS x WIDTH. Memory is the largest RssAnon of /proc/PID/status, read 50 times a
second: pages of mapped files (RssFile) can be dropped and read again, so they are not counted. The time of a step is the
difference of two runs divided by that of their steps.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy
import torch

N_ATTRIBUTES = 19
BLOCK = 2048  # pairs


def write_pairs(path, pairs, width):
    """embeddings and prompt_embeddings bf16 [pairs, 2, width], written block by block."""
    nbytes = pairs * 2 * width * 2
    tensor = {"dtype": "BF16", "shape": [pairs, 2, width]}
    header = json.dumps({"embeddings": {**tensor, "data_offsets": [0, nbytes]},
                         "prompt_embeddings": {**tensor, "data_offsets": [nbytes, 2 * nbytes]}}).encode()
    header += b" " * (-len(header) % 8)
    source = numpy.random.default_rng(0)
    with open(path, "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for sides in (2, 1):  # two answers, one prompt
            for first in range(0, pairs, BLOCK):
                n = min(BLOCK, pairs - first)
                values = source.standard_normal((n, sides, width), dtype=numpy.float32).view(numpy.uint32) >> 16
                file.write(numpy.ascontiguousarray(numpy.broadcast_to(values.astype(numpy.uint16), (n, 2, width))))


def make_data(root, pairs, width):
    (root / "embeddings/model").mkdir(parents=True)
    (root / "regression_weights").mkdir()
    weight = torch.randn(N_ATTRIBUTES, width, generator=torch.Generator().manual_seed(0)) / width**0.5
    torch.save({"weight": weight}, root / "regression_weights/model_objectives.pt")
    write_pairs(root / "embeddings/model/pairs-train.safetensors", pairs, width)


def resident(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0


def run(command):
    """Seconds, and the largest RssAnon and RssFile in MiB."""
    start, anonymous, mapped = time.perf_counter(), 0.0, 0.0
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        while child.poll() is None:
            anonymous = max(anonymous, resident(child.pid, "RssAnon"))
            mapped = max(mapped, resident(child.pid, "RssFile"))
            time.sleep(0.02)
        if child.returncode != 0:
            output.seek(0)
            sys.exit(f"{command[0]} ended with {child.returncode}:\n{output.read()[-2000:].decode()}")
    return time.perf_counter() - start, anonymous, mapped


def measure(size, arguments):
    pairs, width = (int(n) for n in size.split("x"))
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        root = pathlib.Path(folder)
        make_data(root, pairs, width)
        command = [str(arguments.stage2_train.resolve()), "--model_path", "model", "--multi_objective_dataset", "objectives",
                   "--preference_dataset", "pairs", "--verbosity_attribute", "none", "--device", "-1", "--data_root", str(root),
                   "--threads", str(arguments.threads), "--restart", "--n_steps"]
        few, many = (run([*command, str(n)]) for n in arguments.steps)
        step = (many[0] - few[0]) / (arguments.steps[1] - arguments.steps[0])
        files = sum(file.stat().st_size for file in (root / "embeddings").rglob("*.safetensors")) / 2**20
    print(f"| {pairs} | {width} | {files:.0f} | {max(few[1], many[1]):.0f} | {max(few[2], many[2]):.0f} | {1000 * step:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage2_train", type=pathlib.Path)
    parser.add_argument("--sizes", nargs="+", default=["20000x4096", "60000x4096", "200000x1024"])
    parser.add_argument("--steps", type=int, nargs=2, default=[20, 60])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", help="for the files; default: the system's temporary one")
    arguments = parser.parse_args()
    print(f"{arguments.threads} threads, load {os.getloadavg()[0]:.1f}\n")
    print("| pairs | width | files, MiB | memory, MiB | mapped, MiB | a step, ms |\n|---:|---:|---:|---:|---:|---:|")
    for size in arguments.sizes:
        measure(size, arguments)


if __name__ == "__main__":
    main()
