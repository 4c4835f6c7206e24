#!/usr/bin/env python3
"""Writes a random-weight Llama of realistic shape and, beside it, the token sequences of the preference pairs.

bench.safetensors: tokens int32 [total], cu_seqlens int64 [sequences + 1]: chosen and rejected of each pair in turn.
"""

import argparse
import gzip
import json
import pathlib

import torch
import transformers
from safetensors.torch import save_file

SHAPES = {
    "327m": dict(hidden_size=1024, intermediate_size=3584, num_hidden_layers=24, num_attention_heads=16,
                 num_key_value_heads=4),
    "1b": dict(hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32,
               num_key_value_heads=8),
    "8b": dict(hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32,
               num_key_value_heads=8),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="327m")
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True, help="folder with tokenizer.json")
    parser.add_argument("--pairs", type=pathlib.Path, required=True, help="jsonl.gz with chosen and rejected")
    parser.add_argument("--n_pairs", type=int, default=1400)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    torch.manual_seed(0)
    config = transformers.LlamaConfig(vocab_size=128257, max_position_embeddings=8192, rms_norm_eps=1e-5,
                                      rope_parameters={"rope_type": "default", "rope_theta": 500000.0},
                                      **SHAPES[options.shape])
    torch.set_default_dtype(torch.bfloat16)
    transformers.LlamaModel(config).save_pretrained(options.out)
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.tokenizer)
    tokens, starts = [], [0]
    with gzip.open(options.pairs, "rt", encoding="utf-8") as lines:
        for _, line in zip(range(options.n_pairs), lines):
            pair = json.loads(line)
            for side in ("chosen", "rejected"):
                tokens += tokenizer.apply_chat_template(pair[side], tokenize=True, return_dict=False)
                starts.append(len(tokens))
    save_file({"tokens": torch.tensor(tokens, dtype=torch.int32), "cu_seqlens": torch.tensor(starts)},
              options.out / "bench.safetensors")
    lengths = torch.tensor(starts).diff().float()
    print(f"{len(lengths)} sequences, {len(tokens)} tokens, mean {lengths.mean():.0f}, "
          f"median {lengths.median():.0f}, longest {lengths.max():.0f}")


if __name__ == "__main__":
    main()
