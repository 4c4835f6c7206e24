#!/usr/bin/env python3
"""Makes tests/goldens/weight_files: tests/goldens/model/llama_gqa as PyTorch files and under the names of wrappers.

The hidden states of every folder are those of llama_gqa, unless noted; transformers is asked for them where it reads
the folder.
  bin          pytorch_model.bin of parameters, with the metadata of a module's state_dict; one of them is stored
               transposed, and three are views of one tensor
  bin_sharded  two shards and pytorch_model.bin.index.json
  legacy       PyTorch's format before 1.6, which is refused
  negated      a tensor that torch.load negates, which is refused
  reward_model the tensors of tests/goldens/reward_model/llama; the other files are there
  wrapped      the bin file under names of torch.compile, DataParallel and TRL
"""

import collections
import json
import pathlib
import shutil

import torch
import transformers
from safetensors.torch import load_file

assert transformers.__version__.startswith("5.23."), transformers.__version__

GOLDENS = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens"
SOURCE = GOLDENS / "model/llama_gqa"
OUT = GOLDENS / "weight_files"


def folder_of(name):
    folder = OUT / name
    folder.mkdir(parents=True)
    shutil.copy(SOURCE / "config.json", folder)
    return folder


def wrapped(name):
    inner = name.replace("layers.1.", "layers.1._orig_mod.")
    return ("module.pretrained_model." if "layers" in name else "module._orig_mod.pretrained_model.") + inner


def check(folder):
    states = load_file(SOURCE / "golden.safetensors")
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        found = model(input_ids=states["tokens.3"][None].long(), use_cache=False).last_hidden_state[0]
    torch.testing.assert_close(found, states["fp32.3"], rtol=1e-5, atol=1e-5)


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    weights = load_file(SOURCE / "model.safetensors")
    state = collections.OrderedDict((name, torch.nn.Parameter(value)) for name, value in weights.items())
    name = next(name for name in state if name.endswith("layers.0.mlp.down_proj.weight"))
    state[name] = weights[name].T.contiguous().T
    assert not state[name].is_contiguous()
    views = [name for name in state if "layers.1.self_attn" in name and "o_proj" not in name]
    flat = torch.cat([weights[name].flatten() for name in views])
    for name, part in zip(views, flat.split([weights[name].numel() for name in views])):
        state[name] = part.view(weights[name].shape)
    model = transformers.AutoModelForCausalLM.from_pretrained(SOURCE)
    state._metadata = model.state_dict()._metadata
    folder = folder_of("bin")
    torch.save(state, folder / "pytorch_model.bin")
    check(folder)

    folder = folder_of("bin_sharded")
    halves = [dict(list(weights.items())[i::2]) for i in range(2)]
    files = [f"pytorch_model-{i:05d}-of-00002.bin" for i in (1, 2)]
    for half, file in zip(halves, files):
        torch.save(half, folder / file)
    index = {"metadata": {}, "weight_map": {name: file for half, file in zip(halves, files) for name in half}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=1) + "\n")
    check(folder)

    torch.save({"model.norm.weight": weights["model.norm.weight"]}, folder_of("legacy") / "pytorch_model.bin",
               _use_new_zipfile_serialization=False)
    negated = torch.complex(torch.zeros(4), torch.arange(4.0)).conj().imag
    assert negated.is_neg()
    torch.save({"model.norm.weight": negated}, folder_of("negated") / "pytorch_model.bin")
    reward_model = {}
    for file in sorted((GOLDENS / "reward_model/llama").glob("*.safetensors")):
        reward_model.update(load_file(file))
    (OUT / "reward_model").mkdir()
    torch.save(reward_model, OUT / "reward_model/pytorch_model.bin")
    torch.save({wrapped(name): value for name, value in weights.items()}, folder_of("wrapped") / "pytorch_model.bin")


if __name__ == "__main__":
    main()
