"""Compares the speed with `tokenizers` on the shared pairs with the real Llama-3 tokenizer; prints ratios.

Usage: run.py BENCH_TOKENIZER [REPEATS]
"""

import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import struct  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

from compare_corpus import golden, real_texts  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402


def main():
    program, repeats = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
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
    print(f"{len(texts)} texts, {size / 1e6:.2f} MB, {tokens} tokens")
    print(f"tokenizers, 1 thread: encode {size / best_one / 1e6:.2f} MB/s, encode_batch_fast {size / best_batch / 1e6:.2f} MB/s")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "in"
        file.write_bytes(b"".join(struct.pack("<I", len(t.encode())) + t.encode() for t in texts))
        for threads in sorted({1, 2, os.cpu_count()}):
            out = subprocess.run([program, "time", path, file, str(threads), str(4 * repeats)], check=True,
                                 capture_output=True, text=True).stdout.split()
            assert int(out[1]) == tokens, (out, tokens)
            print(f"armorm, {threads} threads: {size / float(out[0]) / 1e6:.2f} MB/s, ratio {theirs / float(out[0]):.2f}")


if __name__ == "__main__":
    main()
