#!/usr/bin/env python3
"""Writes a random-weight ArmoRM in the released layout for benchmarks; decoder shapes are those of bench/extraction/shapes.py.

Usage: make_model.py --shape 327m --tokenizer FOLDER --code src/stages/reward_model/modeling_armorm.py
           --pairs PAIRS.jsonl.gz [--n_pairs 100] --out FOLDER
Both sides of the pairs are written to FOLDER/conversations.jsonl.
"""

import argparse
import gzip
import json
import pathlib
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench/extraction"))
import make_model as decoder  # noqa: E402

K, HIDDEN, N_HIDDEN = 19, 1024, 3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=decoder.SHAPES, default="327m")
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True)
    parser.add_argument("--code", type=pathlib.Path, default=ROOT / "src/stages/reward_model/modeling_armorm.py")
    parser.add_argument("--pairs", type=pathlib.Path, required=True)
    parser.add_argument("--n_pairs", type=int, default=100)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    out, shape = options.out, decoder.SHAPES[options.shape]
    decoder.write_model(shape, "cpu", out)
    # The names of the head, and of the decoder inside a reward model.
    index = json.loads((out / "model.safetensors.index.json").read_text())
    files = sorted(set(index["weight_map"].values()))
    weight_map = {}
    for name in files:
        tensors = {"model." + key: value for key, value in load_file(out / name).items()}
        save_file(tensors, out / name, {"format": "pt"})
        weight_map |= dict.fromkeys(tensors, name)
    generator = torch.Generator().manual_seed(1)
    sizes = [shape["hidden_size"]] + [HIDDEN] * N_HIDDEN + [K]
    head = {"regression_layer.weight": torch.randn(K, shape["hidden_size"], generator=generator) * 0.02,
            "reward_transform_matrix": torch.eye(K), "gating.logit_scale": torch.ones(1)}
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        head[f"gating.layers.{i}.weight"] = torch.randn(b, a, generator=generator) / a ** 0.5
        head[f"gating.layers.{i}.bias"] = torch.zeros(b)
    save_file(head, out / "model-head.safetensors", {"format": "pt"})
    weight_map |= dict.fromkeys(head, "model-head.safetensors")
    (out / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))

    for file in options.tokenizer.iterdir():
        shutil.copyfile(file, out / file.name)
    tokenizer = AutoTokenizer.from_pretrained(out)
    name = "LlamaForRewardModelWithGating"
    config = json.loads((out / "config.json").read_text())
    config |= {"architectures": [name], "auto_map": {"AutoModelForSequenceClassification": f"{options.code.stem}.{name}"},
               "num_objectives": K, "gating_hidden_dim": HIDDEN, "gating_n_hidden": N_HIDDEN, "gating_temperature": 10.0,
               "pad_token_id": tokenizer.pad_token_id}
    (out / "config.json").write_text(json.dumps(config, indent=2))
    shutil.copyfile(options.code, out / options.code.name)
    with gzip.open(options.pairs, "rt", encoding="utf-8") as pairs, open(out / "conversations.jsonl", "w", encoding="utf-8") as file:
        for _, line in zip(range(options.n_pairs), pairs):
            for side in ("chosen", "rejected"):
                file.write(json.dumps({"messages": json.loads(line)[side]}) + "\n")


if __name__ == "__main__":
    main()
