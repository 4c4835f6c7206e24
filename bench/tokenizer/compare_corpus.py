"""Compares ids with `tokenizers` over random texts and the real pairs, for every family; exits 1 at a difference.

Usage: compare_corpus.py BENCH_TOKENIZER [TEXTS_PER_FAMILY]
"""

import gzip
import json
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "goldens"))
import make_tokenizer_goldens as golden  # noqa: E402


def real_texts():
    for line in gzip.open(golden.SHARED / "data" / "hh_rlhf_harmless_pairs.jsonl.gz", "rt", encoding="utf-8"):
        row = json.loads(line)
        for side in ("chosen", "rejected"):
            yield "\n".join(m["content"] for m in row[side])


def main():
    program, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 120_000
    sources = {k: json.dumps(v) for k, v in golden.families().items()}
    sources["real_llama3"] = (golden.SHARED / "llama3-tokenizer" / "tokenizer.json").read_text()
    real, total, bad = list(real_texts()), 0, 0
    for seed, (name, source) in enumerate(sources.items()):
        rng = random.Random(seed)
        texts = real + [golden.random_text(rng) for _ in range(count)]
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            (folder / "t.json").write_text(source, encoding="utf-8")
            raw = [t.encode() for t in texts]
            (folder / "in").write_bytes(b"".join(struct.pack("<I", len(t)) + t for t in raw))
            subprocess.run([program, "ids", folder / "t.json", folder / "in", folder / "out"], check=True)
            out = np.fromfile(folder / "out", dtype=np.int32)
        tok, at, wrong = Tokenizer.from_str(source), 0, 0
        for begin in range(0, len(texts), 4096):
            chunk = texts[begin : begin + 4096]
            for text, enc in zip(chunk, tok.encode_batch_fast(chunk, add_special_tokens=True)):
                n = int(out[at])
                ours, at = out[at + 1 : at + 1 + n].tolist(), at + 1 + n
                if ours != enc.ids:
                    wrong += 1
                    if wrong <= 3:
                        print(f"{name}: {text!r}\n  ours {ours}\n  them {enc.ids}")
        assert at == len(out)
        print(f"{name}: {len(texts)} texts, {wrong} differ", flush=True)
        total, bad = total + len(texts), bad + wrong
    print(f"total: {total} texts, {bad} differ")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
