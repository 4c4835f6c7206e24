#!/usr/bin/env python3
"""Compares extraction with transformers and llama.cpp on the same sequences and prints a table of ratios.

    python bench/extraction/compare.py MODEL_FOLDER --bin build/release/bin [--llama_cpp SOURCE_TREE]

MODEL_FOLDER comes from make_model.py. With --llama_cpp, its own converter writes a bf16 GGUF of the model (this needs the
tokenizer folder) and its CPU libraries are built under --work. Runs are sequential; each warms up before it is timed.
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
        self.options, self.rows, self.reference = options, [], None

    def add(self, name, result, states=None):
        if self.reference is None:
            self.reference = states
        result["lowest cosine"] = cosine(states, self.reference) if states is not None else None
        self.rows.append((name, result))
        print(name, json.dumps(result), flush=True)

    def ours(self, name, **flags):
        out = self.options.work / "ours.safetensors"
        command = [self.options.bin / "extraction_bench", self.options.model, "--n_sequences", self.options.n_sequences,
                   "--threads", self.options.threads, "--device", self.options.device, "--out", out]
        for flag, value in flags.items():
            command += [f"--{flag}", value]
        self.add(name, last_json(run(command)), states_of(out))

    def transformers(self, batch_size, dtype="bfloat16"):
        out = self.options.work / "theirs.safetensors"
        device = "cpu" if self.options.device < 0 else f"cuda:{self.options.device}"
        result = last_json(run([sys.executable, HERE / "transformers_loop.py", self.options.model, "--n_sequences",
                                self.options.n_sequences, "--threads", self.options.threads, "--batch_size", batch_size,
                                "--dtype", dtype, "--device", device, "--out", out], stderr=subprocess.DEVNULL))
        self.add(f"transformers, batch {batch_size}, {dtype}", result, states_of(out))

    def llama_cpp(self, built, batch_tokens):
        program, gguf, sequences = built
        out = self.options.work / "llama.bin"
        result = last_json(run([program, gguf, sequences, self.options.threads, batch_tokens, out]))
        self.add(f"llama.cpp, bf16, batches of {batch_tokens} tokens", result,
                 np.fromfile(out, dtype=np.float32).reshape(self.reference.shape))

    def table(self):
        base = next(result for name, result in self.rows if name.startswith("transformers, batch 1,"))
        lines = ["| run | tokens/s | tokens/s of a core | times batch 1, processor time | wall | peak MiB | lowest cosine |",
                 "|---|---:|---:|---:|---:|---:|---:|"]
        for name, r in self.rows:
            lines.append(f"| {name} | {r['tokens'] / r['seconds']:.0f} | {r['tokens'] / r['cpu_seconds']:.0f} | "
                         f"{base['cpu_seconds'] / r['cpu_seconds']:.2f} | {base['seconds'] / r['seconds']:.2f} | "
                         f"{r['peak_rss_mib']} | {r['lowest cosine']:.5f} |")
        return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--n_sequences", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", type=int, default=-1)
    parser.add_argument("--batch_sizes", default="1,4,16")
    parser.add_argument("--llama_cpp", type=pathlib.Path)
    parser.add_argument("--tokenizer", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/tmp/armorm-compare"))
    parser.add_argument("--out", type=pathlib.Path, help="where to append the table, as markdown")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    comparison = Comparison(options)
    comparison.ours("here, bf16", precision="bf16")
    comparison.ours("here, bf16, no prefix shared", precision="bf16", share=0)
    for batch_size in options.batch_sizes.split(","):
        comparison.transformers(int(batch_size))
    if options.llama_cpp:
        built = build_llama_cpp(options)
        for batch_tokens in (512, 2048):
            comparison.llama_cpp(built, batch_tokens)
    comparison.ours("here, bf16, again", precision="bf16")
    text = (f"\n{datetime.date.today()}, {platform.processor() or platform.machine()}, {options.threads} threads, "
            f"{options.n_sequences} sequences of {options.model.name}\n\n{comparison.table()}\n")
    print(text)
    if options.out:
        with options.out.open("a") as file:
            file.write(text)


if __name__ == "__main__":
    main()
