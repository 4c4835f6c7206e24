#!/usr/bin/env python3
"""Compares extraction with transformers and llama.cpp on the same sequences and prints a table of ratios.

    python bench/extraction/compare.py MODEL_FOLDER --bin build/release/bin [--llama_cpp SOURCE_TREE]

MODEL_FOLDER comes from make_model.py. Of extraction_bench, every precision and with it every name of --kernels is run that it accepts here;
what it refuses (exit code 2) is listed. With --llama_cpp, its own converter writes a bf16 GGUF of the model (this needs the
tokenizer folder) and its CPU libraries are built under --work. Runs are sequential; each warms up before it is timed. A run that fails is named,
and the exit code is then 1. Of --rounds runs of one name, in turns with the others, the fastest counts. GFLOP/s counts the products with the layers' weights for the tokens that were computed (not attention).
Ratios are given for processor time, which varies less on a machine with other work, and for the wall clock.
"""

import argparse
import datetime
import json
import pathlib
import platform
import shutil
import subprocess
import sys

import numpy as np
from safetensors.numpy import load_file

from contenders import COMPUTE_TYPES, KERNELS, PRECISIONS, layer_weights, run_or_refuse

HERE = pathlib.Path(__file__).resolve().parent


def run(command, **kwargs):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, text=True, check=True, **kwargs)
    return done.stdout


def last_json(text):
    return json.loads(text.strip().splitlines()[-1])


def build_llama_cpp(options):
    """Builds the embedding program and the GGUF of the model, each once."""
    build, source = options.work / "llama.cpp", options.llama_cpp
    program, gguf, sequences = options.work / "llama_cpp_embed", options.work / "model.gguf", options.work / "sequences.bin"
    if not (build / "bin" / "libllama.so").exists():
        run(["cmake", "-S", source, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON",
             "-DLLAMA_CURL=OFF", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_TOOLS=OFF", "-DLLAMA_BUILD_SERVER=OFF"])
        run(["cmake", "--build", build, "--target", "llama"])
    run(["g++", "-O2", "-std=c++20", "-I", source / "include", "-I", source / "ggml/include", HERE / "llama_cpp_embed.cpp",
         f"-L{build}/bin", "-lllama", "-lggml", "-lggml-base", f"-Wl,-rpath,{build}/bin", "-o", program])
    if not gguf.exists():
        folder = options.work / "for_gguf"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for path in [*options.model.glob("*.safetensors"), *options.model.glob("*.index.json"), *options.tokenizer.glob("*.json")]:
            if path.name != "bench.safetensors":
                (folder / path.name).symlink_to(path.resolve())
        # The architecture for embeddings: no cache, and no logits for every token.
        config = json.loads((options.model / "config.json").read_text()) | {"architectures": ["LlamaBidirectionalModel"]}
        (folder / "config.json").write_text(json.dumps(config))
        run([sys.executable, source / "convert_hf_to_gguf.py", folder, "--outtype", "bf16", "--outfile", gguf],
            env={"PYTHONPATH": str(source / "gguf-py"), "PATH": "/usr/bin:/bin"}, stderr=subprocess.DEVNULL)
    data = load_file(options.model / "bench.safetensors")
    starts = data["cu_seqlens"][: options.n_sequences + 1]
    np.concatenate([[len(starts) - 1], np.diff(starts), data["tokens"][: starts[-1]]]).astype(np.int32).tofile(sequences)
    return program, gguf, sequences


def states_of(path):
    return load_file(path)["states"]


def cosine(a, b):
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


class Comparison:
    def __init__(self, options):
        self.options, self.rows, self.reference, self.refused, self.failed = options, [], None, [], []
        self.flops = 2 * layer_weights(options.model)

    def add(self, name, result, states=None):
        if self.reference is None:
            self.reference = states
        result["lowest cosine"] = cosine(states, self.reference) if states is not None else None
        result["gflops"] = self.flops * result.get("computed_tokens", result["tokens"]) / result["seconds"] / 1e9
        before = dict(self.rows).get(name)
        if before is None:
            self.rows.append((name, result | {"slowest": result["seconds"]}))
        else:
            slowest = max(before["slowest"], result["seconds"])
            before |= min(before, result, key=lambda r: r["seconds"]) | {"slowest": slowest}
        print(name, json.dumps(result), file=sys.stderr, flush=True)

    def try_to(self, name, method, *arguments, **flags):
        """Whether it ran; names what failed instead of stopping."""
        try:
            return method(*arguments, **flags)
        except (OSError, ValueError, IndexError, subprocess.CalledProcessError) as error:
            self.failed.append(f"{name}: {error}")
            print(self.failed[-1], file=sys.stderr, flush=True)
            return False

    def ours(self, name, **flags):
        out = self.options.work / "ours.safetensors"
        command = [self.options.bin / "extraction_bench", self.options.model, "--n_sequences", self.options.n_sequences,
                   "--threads", self.options.threads, "--device", self.options.device, "--out", out]
        for flag, value in flags.items():
            command += [f"--{flag}", value]
        said, refusal = run_or_refuse(command)
        if refusal:
            self.refused.append(f"{name} ({refusal})")
            return False
        self.add(name, last_json(said) | {"type": COMPUTE_TYPES[flags["precision"]]}, states_of(out))
        return True

    def kernels(self, precision):
        """Each of them by name; the run without a name uses the program's choice."""
        for kernels in KERNELS:
            name = f"here, {precision}, kernels {kernels}"
            self.try_to(name, self.ours, name, precision=precision, kernels=kernels)
            if self.refused and "no such flag" in self.refused[-1]:
                return

    def transformers(self, batch_size, dtype="bfloat16"):
        out = self.options.work / "theirs.safetensors"
        device = "cpu" if self.options.device < 0 else f"cuda:{self.options.device}"
        result = last_json(run([sys.executable, HERE / "transformers_loop.py", self.options.model, "--n_sequences",
                                self.options.n_sequences, "--threads", self.options.threads, "--batch_size", batch_size,
                                "--dtype", dtype, "--device", device, "--out", out], stderr=subprocess.DEVNULL))
        self.add(f"transformers, batch {batch_size}, {dtype}", result | {"type": dtype}, states_of(out))
        return True

    def llama_cpp(self, built, batch_tokens):
        program, gguf, sequences = built
        out = self.options.work / "llama.bin"
        result = last_json(run([program, gguf, sequences, self.options.threads, batch_tokens, out]))
        self.add(f"llama.cpp, bf16, batches of {batch_tokens} tokens", result,
                 np.fromfile(out, dtype=np.float32).reshape(self.reference.shape))
        return True

    def base(self):
        return next(result for name, result in self.rows if name.startswith("transformers, batch 1,"))

    def figures(self):
        """Ratios of wall time and of processor time, and the rows."""
        return self.ratios("seconds") | {
            "processor_time": self.ratios("cpu_seconds"),
            "rows": [{"name": name, "kernels": r.get("kernels"), "type": r.get("type"), "gflops": round(r["gflops"], 1),
                      "tokens_s": round(r["tokens"] / r["seconds"], 1), "seconds": r["seconds"], "slowest_seconds": r["slowest"],
                      "cpu_seconds": r["cpu_seconds"], "cosine": r["lowest cosine"]} for name, r in self.rows]}

    def ratios(self, clock):
        """The best of ours are those that users get without naming kernels or int8."""
        base = self.base()[clock]
        seconds = {name: r[clock] for name, r in self.rows}
        theirs = min(value for name, value in seconds.items() if name.startswith("transformers"))
        ours = min(value for name, value in seconds.items() if name in ("here, bf16", "here, fp32"))
        times = {name: round(base / value, 3) for name, value in (seconds | {"best of ours": ours}).items()}
        return {"times_batch_1": times, "best_against_best": round(theirs / ours, 3)}

    def table(self):
        base = self.base()
        lines = ["| run | kernels | tokens/s | the slowest run | tokens/s of a core | times batch 1, processor time | wall | peak MiB | lowest cosine |",
                 "|---|---|---:|---:|---:|---:|---:|---:|---:|"]
        for name, r in self.rows:
            lines.append(f"| {name} | {r.get('kernels', '')} | {r['tokens'] / r['seconds']:.0f} | {r['tokens'] / r['slowest']:.0f} | {r['tokens'] / r['cpu_seconds']:.0f} | "
                         f"{base['cpu_seconds'] / r['cpu_seconds']:.2f} | {base['seconds'] / r['seconds']:.2f} | "
                         f"{r['peak_rss_mib']} | {r['lowest cosine']:.5f} |")
        for title, names in (("Not offered here", self.refused), ("Failed", self.failed)):
            if names:
                lines += ["", f"{title}: {'; '.join(names)}."]
        return "\n".join(lines)


def run_ours(comparison, precisions, kernels):
    """The precisions that are offered."""
    offered = []
    for precision in precisions:
        name = f"here, {precision}"
        if comparison.try_to(name, comparison.ours, name, precision=precision):
            offered.append(precision)
            comparison.try_to(name, comparison.ours, f"{name}, no prefix shared", precision=precision, share=0)
            if kernels:
                comparison.kernels(precision)
    return offered


def run_transformers(comparison, options):
    for dtype in options.dtypes.split(","):
        for batch_size in options.batch_sizes.split(","):
            comparison.try_to(f"transformers, {dtype}", comparison.transformers, int(batch_size), dtype)


def run_all(comparison, options):
    offered = run_ours(comparison, options.precisions.split(","), options.kernels)
    run_transformers(comparison, options)
    for _ in range(options.rounds - 1):
        run_ours(comparison, offered, False)
        run_transformers(comparison, options)
    if options.llama_cpp:
        built = build_llama_cpp(options)
        for batch_tokens in (512, 2048):
            comparison.try_to("llama.cpp", comparison.llama_cpp, built, batch_tokens)
    if options.rounds == 1:
        comparison.try_to("here, again", comparison.ours, "here, bf16, again", precision="bf16")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--n_sequences", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", type=int, default=-1)
    parser.add_argument("--batch_sizes", default="1,4,16")
    parser.add_argument("--dtypes", default="bfloat16", help="of transformers; the first one at batch 1 is the base of the ratios")
    parser.add_argument("--precisions", default="bf16", help=f"of ours, among {','.join(PRECISIONS)}")
    parser.add_argument("--kernels", action="store_true", help="also run every kernel by name, once; the other runs take the measured choice")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--llama_cpp", type=pathlib.Path)
    parser.add_argument("--tokenizer", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/tmp/armorm-compare"))
    parser.add_argument("--out", type=pathlib.Path, help="where to append the table, as markdown")
    parser.add_argument("--figures", type=pathlib.Path, help="where to write the figures, as JSON")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    comparison = Comparison(options)
    run_all(comparison, options)
    text = (f"\n{datetime.date.today()}, {platform.processor() or platform.machine()}, {options.threads} threads, "
            f"{options.n_sequences} sequences of {options.model.name}\n\n{comparison.table()}\n")
    print(text)
    if options.out:
        with options.out.open("a") as file:
            file.write(text)
    if options.figures:
        options.figures.write_text(json.dumps(comparison.figures()))
    return 1 if comparison.failed else 0


if __name__ == "__main__":
    sys.exit(main())
