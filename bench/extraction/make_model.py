#!/usr/bin/env python3
"""Writes a random-weight Llama and, in the same folder, the token sequences that the benchmarks embed.

bench.safetensors: tokens int32 [total], cu_seqlens int64 [sequences + 1]. Either the chosen and rejected side of each
preference pair in turn (--pairs and --tokenizer), or random tokens: --lengths MIN-MAX with --n_sequences, log-uniform.
The weights are written one shard after another, so that the 8B shape needs little memory.
"""

import argparse
import gzip
import json
import math
import pathlib
import random

import torch
from safetensors.torch import save_file

from shapes import SHAPES

VOCAB_SIZE = 128257
LAYERS_PER_FILE = 8


def layer_tensors(shape, index, generator):
    hidden, inner = shape["hidden_size"], shape["intermediate_size"]
    kv = hidden // shape["num_attention_heads"] * shape["num_key_value_heads"]
    matrices = {"self_attn.q_proj": (hidden, hidden), "self_attn.k_proj": (kv, hidden), "self_attn.v_proj": (kv, hidden),
                "self_attn.o_proj": (hidden, hidden), "mlp.gate_proj": (inner, hidden), "mlp.up_proj": (inner, hidden),
                "mlp.down_proj": (hidden, inner)}
    at = f"layers.{index}."
    tensors = {f"{at}{name}.weight": normal(size, generator) for name, size in matrices.items()}
    for norm in ("input_layernorm", "post_attention_layernorm"):
        tensors[f"{at}{norm}.weight"] = torch.ones(hidden, dtype=torch.bfloat16)
    return tensors


def normal(size, generator):
    return torch.empty(size, dtype=torch.bfloat16, device=generator.device).normal_(0.0, 0.02, generator=generator).cpu()


def write_model(shape, device, out):
    out.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator(device).manual_seed(0)
    weight_map = {}

    def write(number, tensors):
        name = f"model-{number:05d}.safetensors"
        save_file(tensors, out / name, {"format": "pt"})
        weight_map.update(dict.fromkeys(tensors, name))

    write(0, {"embed_tokens.weight": normal((VOCAB_SIZE, shape["hidden_size"]), generator),
              "norm.weight": torch.ones(shape["hidden_size"], dtype=torch.bfloat16)})
    for first in range(0, shape["num_hidden_layers"], LAYERS_PER_FILE):
        tensors = {}
        for index in range(first, min(first + LAYERS_PER_FILE, shape["num_hidden_layers"])):
            tensors |= layer_tensors(shape, index, generator)
        write(1 + first // LAYERS_PER_FILE, tensors)
    (out / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    (out / "config.json").write_text(json.dumps(
        dict(architectures=["LlamaModel"], model_type="llama", dtype="bfloat16", vocab_size=VOCAB_SIZE,
             max_position_embeddings=8192, rms_norm_eps=1e-5, hidden_act="silu", attention_bias=False, mlp_bias=False,
             head_dim=shape["hidden_size"] // shape["num_attention_heads"], tie_word_embeddings=False,
             rope_theta=500000.0, rope_scaling=None, bos_token_id=128000, eos_token_id=128009, **shape), indent=1))


def pair_sequences(options):
    import transformers
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.tokenizer)
    with gzip.open(options.pairs, "rt", encoding="utf-8") as lines:
        for _, line in zip(range(options.n_sequences // 2), lines):
            pair = json.loads(line)
            for side in ("chosen", "rejected"):
                yield tokenizer.apply_chat_template(pair[side], tokenize=True, return_dict=False)


def random_sequences(options):
    shortest, longest = map(int, options.lengths.split("-"))
    source = random.Random(0)
    for _ in range(options.n_sequences):
        length = round(math.exp(source.uniform(math.log(shortest), math.log(longest))))
        yield [source.randrange(128000) for _ in range(length)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="327m")
    parser.add_argument("--tokenizer", type=pathlib.Path, help="folder with tokenizer.json")
    parser.add_argument("--pairs", type=pathlib.Path, help="jsonl.gz with chosen and rejected")
    parser.add_argument("--lengths", help="MIN-MAX tokens of random sequences, instead of pairs")
    parser.add_argument("--n_sequences", type=int, default=2800)
    parser.add_argument("--device", default="cpu", help="where the weights are drawn; they differ between devices")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    if not (options.out / "config.json").exists():
        write_model(SHAPES[options.shape], options.device, options.out)
    tokens, starts = [], [0]
    for sequence in random_sequences(options) if options.lengths else pair_sequences(options):
        tokens += sequence
        starts.append(len(tokens))
    save_file({"tokens": torch.tensor(tokens, dtype=torch.int32), "cu_seqlens": torch.tensor(starts)},
              options.out / "bench.safetensors")
    lengths = torch.tensor(starts).diff().float()
    print(f"{len(lengths)} sequences, {len(tokens)} tokens, mean {lengths.mean():.0f}, "
          f"median {lengths.median():.0f}, longest {lengths.max():.0f}")


if __name__ == "__main__":
    main()
