#!/usr/bin/env python3
"""The Python loop that extraction is compared with: transformers, one sequence at a time or in padded batches.

Reads the folder of make_model.py; prints one line of JSON, with the versions that ran, and, with --out, saves the last hidden state of
each sequence. Any transformers of version 5 will do: the goldens' is pinned in scripts/goldens/requirements.txt, and a machine without
network has its own.
"""

import argparse
import json
import pathlib
import resource
import sys
import time

import torch
import transformers
from safetensors.torch import load_file, save_file


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--n_sequences", type=int, default=1000000)
    parser.add_argument("--batch_size", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    if transformers.__version__.split(".")[0] != "5":
        sys.exit(f"transformers_loop.py: transformers {transformers.__version__} is installed, and version 5 is needed")
    torch.set_num_threads(options.threads)
    data = load_file(options.model / "bench.safetensors")
    starts = data["cu_seqlens"][: options.n_sequences + 1].tolist()
    model = transformers.AutoModel.from_pretrained(options.model, dtype=getattr(torch, options.dtype)).to(options.device)
    model.eval()
    sequences = [data["tokens"][a:b].long() for a, b in zip(starts, starts[1:])]
    # Batches hold sequences of similar length, as a careful user would arrange them; the padding is masked.
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i])) if options.batch_size > 1 else range(len(sequences))
    batches = [order[i: i + options.batch_size] for i in range(0, len(order), options.batch_size)]
    states = [None] * len(sequences)
    with torch.inference_mode():
        model(input_ids=sequences[0][None].to(options.device))
        begin, cpu_begin = time.perf_counter(), time.process_time()
        for batch in batches:
            ids = torch.nn.utils.rnn.pad_sequence([sequences[i] for i in batch], batch_first=True).to(options.device)
            lengths = torch.tensor([len(sequences[i]) for i in batch])
            mask = (torch.arange(ids.shape[1]) < lengths[:, None]).to(options.device)
            hidden = model(input_ids=ids, attention_mask=mask if len(batch) > 1 else None, use_cache=False).last_hidden_state
            for row, i in enumerate(batch):
                states[i] = hidden[row, len(sequences[i]) - 1].float().cpu()
        seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - cpu_begin
    print(json.dumps({"tokens": starts[-1], "seconds": round(seconds, 4), "cpu_seconds": round(cpu_seconds, 4),
                      "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                      "versions": f"transformers {transformers.__version__}, torch {torch.__version__}, "
                                  f"attention {getattr(model.config, '_attn_implementation', 'unknown')}"}))
    if options.out:
        save_file({"states": torch.stack(states)}, options.out)


if __name__ == "__main__":
    main()
