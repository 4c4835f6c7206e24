#!/usr/bin/env python3
"""Makes tests/goldens/io: safetensors files written by the `safetensors` package itself."""

import json
import pathlib

import safetensors
import safetensors.numpy
import safetensors.torch
import torch

assert safetensors.__version__ == "0.8.0", safetensors.__version__
assert torch.__version__.startswith("2.11.0"), torch.__version__

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "io"

DTYPES = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "U16": torch.uint16, "I16": torch.int16,
    "U32": torch.uint32, "I32": torch.int32, "U64": torch.uint64, "I64": torch.int64, "F16": torch.float16,
    "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64, "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}


def raw_hex(tensor):
    return tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes().hex() if tensor.numel() else ""


def describe(tensors):
    names = {dtype: name for name, dtype in DTYPES.items()}
    return {
        name: {"dtype": names[t.dtype], "shape": list(t.shape), "hex": raw_hex(t)} for name, t in tensors.items()
    }


def all_dtypes():
    generator = torch.Generator().manual_seed(1)
    tensors = {}
    for name, dtype in DTYPES.items():
        raw = torch.randint(0, 256, (2, 3 * dtype.itemsize), dtype=torch.uint8, generator=generator)
        if dtype == torch.bool:
            raw %= 2
        tensors[f"t.{name}"] = raw.view(dtype)
    return tensors


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    expected = {}
    cases = {
        "all_dtypes": (all_dtypes(), None),
        "edge_shapes": (
            {
                "scalar": torch.tensor(2.5),
                "empty": torch.zeros(0),
                "empty_rows": torch.zeros(0, 7, dtype=torch.bfloat16),
                "empty_columns": torch.zeros(3, 0, 5, dtype=torch.int64),
                "snow \u2603 name": torch.arange(3, dtype=torch.int64),
                "five_dims": torch.arange(24, dtype=torch.int32).reshape(1, 2, 3, 2, 2),
            },
            None,
        ),
        "metadata": ({"w": torch.tensor([1.0, -2.0])}, {"format": "pt", "note": "quote \" newline \n \u00e9", "": ""}),
        "no_tensors": ({}, {"format": "pt"}),
    }
    for name, (tensors, metadata) in cases.items():
        safetensors.torch.save_file(tensors, OUT / f"{name}.safetensors", metadata=metadata)
        expected[name] = {"tensors": describe(tensors), "metadata": metadata or {}}

    # A model folder in two shards with the index that transformers writes.
    folder = OUT / "sharded"
    folder.mkdir(exist_ok=True)
    tensors = {
        "model.embed_tokens.weight": torch.arange(12, dtype=torch.float32).reshape(4, 3),
        "model.norm.weight": torch.ones(3, dtype=torch.bfloat16),
        "score.weight": torch.tensor([[0.5, -0.25, 8.0]]),
    }
    shards = [["model.embed_tokens.weight"], ["model.norm.weight", "score.weight"]]
    weight_map = {}
    for i, names in enumerate(shards):
        file = f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors"
        safetensors.torch.save_file({n: tensors[n] for n in names}, folder / file, metadata={"format": "pt"})
        weight_map |= {n: file for n in names}
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2, sort_keys=True) + "\n")
    expected["sharded"] = {"tensors": describe(tensors), "metadata": {}}

    (OUT / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
