#!/usr/bin/env python3
"""The Python loop that extraction is compared with: transformers, one sequence at a time.

Reads the folder of make_model.py; prints tokens/s and, with --out, saves the last hidden state of each sequence.
"""

import argparse
import pathlib
import time

import torch
import transformers
from safetensors.torch import load_file, save_file


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--n_sequences", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data = load_file(options.model / "bench.safetensors")
    starts = data["cu_seqlens"][: options.n_sequences + 1].tolist()
    model = transformers.AutoModel.from_pretrained(options.model, dtype=getattr(torch, options.dtype)).to(options.device)
    model.eval()
    states = []
    with torch.inference_mode():
        model(input_ids=data["tokens"][: starts[1]].long()[None].to(options.device))
        begin = time.perf_counter()
        for first, last in zip(starts, starts[1:]):
            ids = data["tokens"][first:last].long()[None].to(options.device)
            states.append(model(input_ids=ids).last_hidden_state[0, -1].float().cpu())
        seconds = time.perf_counter() - begin
    print(f"transformers {transformers.__version__} {options.dtype} batch 1: {starts[-1]} tokens in {seconds:.2f} s, "
          f"{starts[-1] / seconds:.0f} tokens/s")
    if options.out:
        save_file({"states": torch.stack(states)}, options.out)


if __name__ == "__main__":
    main()
