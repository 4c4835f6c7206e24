#!/usr/bin/env python3
"""Loads artefacts with the same software as users, and prints their content.

Usage: check_artifacts.py FILE... (.safetensors through `safetensors`, .pt through torch.load(weights_only=True)).
For developers; the toolchain itself needs no Python. Exits 1 at the first file that does not load.
"""

import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file


def check_safetensors(path):
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        assert sorted(file.keys()) == sorted(tensors)
    return tensors, metadata


def check_pt(path):
    loaded = torch.load(path, weights_only=True, map_location="cpu")
    return dict(loaded), None


def main(paths):
    for path in paths:
        try:
            tensors, metadata = (check_pt if path.endswith(".pt") else check_safetensors)(path)
        except Exception as error:  # any exception of the reader is the finding
            print(f"{path}: FAILED: {error}")
            return 1
        print(f"{path}: ok" + (f", metadata {metadata}" if metadata else ""))
        for name, tensor in sorted(tensors.items()):
            values = tensor.flatten()[:4].tolist()
            print(f"  {name}: {str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)} {values}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
