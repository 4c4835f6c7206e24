"""Compares the speed with `tokenizers` on the shared pairs with the real Llama-3 tokenizer; prints ratios.

Usage: run.py BENCH_TOKENIZER [REPEATS] [--figures FILE]
"""

import argparse
import json
import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import struct  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

from compare_corpus import golden, real_texts  # noqa: E402
from tokenizers import Tokenizer, __version__ as tokenizers_version  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("repeats", type=int, nargs="?", default=5)
    parser.add_argument("--figures", help="where to write the figures, as JSON")
    options = parser.parse_args()
    program, repeats, ratios = options.program, options.repeats, {}
    path = golden.SHARED / "llama3-tokenizer" / "tokenizer.json"
    tok, texts = Tokenizer.from_file(str(path)), list(real_texts())
    size = sum(len(t.encode()) for t in texts)
    best_one = best_batch = float("inf")
    for _ in range(repeats):
        begin = time.perf_counter()
        tokens = sum(len(tok.encode(t).ids) for t in texts)
        best_one = min(best_one, time.perf_counter() - begin)
        begin = time.perf_counter()
        tok.encode_batch_fast(texts)
        best_batch = min(best_batch, time.perf_counter() - begin)
    theirs = min(best_one, best_batch)
    print(f"{len(texts)} texts, {size / 1e6:.2f} MB, {tokens} tokens, tokenizers {tokenizers_version}\n")
    print(f"tokenizers, 1 thread: encode {size / best_one / 1e6:.2f} MB/s, encode_batch_fast {size / best_batch / 1e6:.2f} MB/s\n")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "in"
        file.write_bytes(b"".join(struct.pack("<I", len(t.encode())) + t.encode() for t in texts))
        for threads in sorted({1, 2, os.cpu_count()}):
            out = subprocess.run([program, "time", path, file, str(threads), str(4 * repeats)], check=True,
                                 capture_output=True, text=True).stdout.split()
            assert int(out[1]) == tokens, (out, tokens)
            ratios[str(threads)] = round(theirs / float(out[0]), 2)
            print(f"armorm, {threads} threads: {size / float(out[0]) / 1e6:.2f} MB/s, ratio {theirs / float(out[0]):.2f}\n")
    if options.figures:
        Path(options.figures).write_text(json.dumps({"ratio": ratios}))


if __name__ == "__main__":
    main()
