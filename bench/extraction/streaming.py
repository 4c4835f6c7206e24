#!/usr/bin/env python3
"""Compares extraction with streamed layers (--weights_memory) with a model that stays in memory, and writes a table.

    python bench/extraction/streaming.py MODEL_FOLDER --bin build/release/bin [--fraction 0.333] [--out FILE.md]

MODEL_FOLDER comes from make_model.py. The limit is a fraction of the weight files. Every run is in a process of its own, in turns; of
--rounds runs of one kind the fastest counts, and all are shown. The embeddings must have the same bits, or the exit code is 1. While a
run with streamed layers is timed, a thread drops the model's files from the system's cache every --drop_every seconds, as a machine
would without the memory for them; "cached" lets the system keep them. Peaks are of anonymous memory (RssAnon, sampled), which excludes the cache,
above that of the program before it loads weights. With --data_limit, each streamed run has RLIMIT_DATA at the limit and so many bytes
for everything else, so that an allocation beyond them fails.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import machine  # noqa: E402


def anonymous_bytes(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    found = re.search(r"^RssAnon:\s+(\d+)", text, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0


def busy_seconds():
    """Processor seconds of the machine so far, of all work."""
    fields = [int(x) for x in pathlib.Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:8])) / os.sysconf("SC_CLK_TCK")


def drop_from_cache(files, every, stop):
    while not stop.is_set():
        for path in files:
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)
        stop.wait(every)


class Runs:
    def __init__(self, options):
        self.options = options
        self.files = sorted(p for p in options.model.glob("*.safetensors") if p.name != "bench.safetensors")
        self.bytes = sum(p.stat().st_size for p in self.files)

    def run(self, memory, dropped, out):
        """One process: its figures, with the peak of its anonymous memory and the load of other work."""
        o = self.options
        command = [o.bin / "extraction_bench", o.model, "--n_sequences", o.n_sequences, "--threads", o.threads, "--precision", o.precision,
                   "--kernels", o.kernels, "--batch_tokens", o.batch_tokens, "--weights_memory", memory, "--out", out]
        limit = o.data_limit and memory != "all" and int(memory) + o.data_limit
        stop, peak = threading.Event(), 0
        dropper = threading.Thread(target=drop_from_cache, args=(self.files, o.drop_every, stop))
        if dropped:
            dropper.start()
        begin, busy = time.monotonic(), busy_seconds()
        process = subprocess.Popen(
            [str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))) if limit else None)
        log = []
        reader = threading.Thread(target=lambda: log.extend(process.stderr))
        reader.start()
        while process.poll() is None:
            peak = max(peak, anonymous_bytes(process.pid))
            time.sleep(0.01)
        stop.set()
        if dropped:
            dropper.join()
        reader.join()
        if process.returncode != 0:
            raise SystemExit("".join(log))
        own = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = json.loads(process.stdout.read().strip().splitlines()[-1])
        result["peak_anonymous"] = peak
        result["log"] = [line.strip() for line in log if "sweep" in line or "layers" in line]
        self.children = getattr(self, "children", 0.0)
        used, self.children = own.ru_utime + own.ru_stime - self.children, own.ru_utime + own.ru_stime
        result["other_load"] = max(busy_seconds() - busy - used, 0.0) / (time.monotonic() - begin)
        return result


def mib(value):
    return f"{value / 2**20:.0f}"


def table(kinds, results, base):
    lines = ["| weights | files | tokens/s | all runs | times in memory, wall | processor time | peak MiB, anonymous | load of other work |",
             "|---|---|---:|---|---:|---:|---:|---|"]
    best = {kind: max(r["tokens"] / r["seconds"] for r in results[kind]) for kind in kinds}
    least = {kind: min(r["cpu_seconds"] for r in results[kind]) for kind in kinds}
    for kind in kinds:
        rates = sorted((r["tokens"] / r["seconds"] for r in results[kind]), reverse=True)
        peak = max(r["peak_anonymous"] for r in results[kind])
        load = " ".join(f"{r['other_load']:.2f}" for r in results[kind])
        lines.append(f"| {kind[0]} | {kind[1]} | {best[kind]:.0f} | {' '.join(f'{r:.0f}' for r in rates)} | {best[kind] / best[base]:.2f} | "
                     f"{least[base] / least[kind]:.2f} | "
                     f"{mib(peak)} | {load} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--fraction", type=float, default=1 / 3, help="limit of the weights, of the bytes of their files")
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--kernels", default="auto")
    parser.add_argument("--n_sequences", type=int, default=200)
    parser.add_argument("--batch_tokens", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--drop_every", type=float, default=0.5, help="seconds")
    parser.add_argument("--data_limit", type=int, default=0, help="bytes beside the weights' limit; 0 = no RLIMIT_DATA")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    runs = Runs(options)
    limit = str(int(runs.bytes * options.fraction))
    base = ("in memory", "cached")
    kinds = {base: ("all", False), (f"{int(limit) / 1e6:.0f} MB", "cached"): (limit, False),
             (f"{int(limit) / 1e6:.0f} MB", "dropped"): (limit, True)}
    results, states, same = {kind: [] for kind in kinds}, set(), True
    with tempfile.TemporaryDirectory(dir=options.model.resolve().parent) as folder:
        for _ in range(options.rounds):
            for kind, (memory, dropped) in kinds.items():
                out = pathlib.Path(folder) / "states.safetensors"
                results[kind].append(runs.run(memory, dropped, out))
                # Every run measures the kernels with auto; near ties would compare different ones.
                options.kernels = results[kind][-1]["kernels"]
                states.add(out.read_bytes())
                print(kind, {k: v for k, v in results[kind][-1].items() if k != "log"}, file=sys.stderr)
    same = len(states) == 1
    first = results[base][0]
    text = [f"{runs.bytes / 1e6:.0f} MB of weights in {len(runs.files)} files, {options.precision}, kernels {first['kernels']}, {options.threads} threads, "
            f"{first['tokens']} tokens in packs of {options.batch_tokens}. Embeddings of all runs: {'the same bits' if same else 'DIFFERENT'}.", "",
            *table(list(kinds), results, base), "", "Log of the last run with dropped files:", ""]
    text += [f"    {line}" for line in results[list(kinds)[-1]][-1]["log"]]
    report = "\n".join(text) + "\n"
    print(report)
    if options.out:
        options.out.write_text(f"# {machine.Processor().label()}: streamed layers\n\n{machine.Processor().description()}.\n\n" + report, encoding="utf-8")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
