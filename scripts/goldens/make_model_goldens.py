#!/usr/bin/env python3
"""Makes tests/goldens/model: tiny random models as transformers saves them, and the hidden states it computes.

Every folder is a model (config.json and safetensors) with golden.safetensors in the same folder:
  tokens.<i>     int32 [length]            sequence i
  fp32.<i>       float32 [length, hidden]  final-norm hidden states, weights and arithmetic in float32
  bf16.<i>       bfloat16 [length, hidden] the same model run in bfloat16
Attention is "eager" and "sdpa" where transformers has both; the float32 states of the two must agree, and the
bfloat16 states with the smaller error are kept, so that they set the tighter bound.
"""

import argparse
import json
import pathlib
import shutil

import torch
import transformers
from safetensors.torch import save_file

assert transformers.__version__.startswith("5.23."), transformers.__version__
assert torch.__version__.startswith("2.11."), torch.__version__

VOCAB = 128
LENGTHS = (1, 2, 7, 33, 64)
TINY = dict(vocab_size=VOCAB, hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=256, bos_token_id=1, eos_token_id=2)


def llama(**changes):
    return transformers.LlamaConfig(**{**TINY, **changes})


def randomise(model, seed):
    """Weights large enough that every operation affects the result visibly."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "norm" in name:
            centre = 0.0 if "Gemma" in type(model).__name__ else 1.0
            parameter.data = centre + 0.2 * noise
        elif name.endswith("bias"):
            parameter.data = 0.3 * noise
        elif "embed_tokens" in name:
            parameter.data = noise
        else:
            parameter.data = noise * (1.5 / parameter.shape[1] ** 0.5)


def sequences(seed, lengths):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, VOCAB, (n,), generator=generator, dtype=torch.int32) for n in lengths]


def body(model):
    return getattr(model, model.base_model_prefix, model)


def hidden_states(folder, implementation, dtype, tokens):
    states = []
    for ids in tokens:
        # A new model for each sequence: dynamic rope scaling remembers the longest one it has seen.
        model = transformers.AutoModel.from_pretrained(folder, dtype=dtype, attn_implementation=implementation)
        model.eval()
        with torch.no_grad():
            states.append(model(input_ids=ids.long()[None], use_cache=False).last_hidden_state[0])
    return states


def error(states, reference):
    total = sum((a.double() - b.double()).square().sum() for a, b in zip(states, reference))
    return float(torch.sqrt(total / sum(b.numel() for b in reference)))


def make(root, name, model, *, seed, stored=torch.bfloat16, lengths=LENGTHS, shard=None, edit=None,
         implementations=("eager", "sdpa")):
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    randomise(model, seed)
    model.to(stored).save_pretrained(folder, max_shard_size=shard or "5GB")
    (folder / "generation_config.json").unlink(missing_ok=True)
    if edit:
        path = folder / "config.json"
        config = json.loads(path.read_text())
        edit(config)
        path.write_text(json.dumps(config, indent=2) + "\n")
    tokens = sequences(seed + 1, lengths)
    exact = {i: hidden_states(folder, i, torch.float32, tokens) for i in implementations}
    for states in exact.values():
        assert max(float((a - b).abs().max()) for a, b in zip(states, exact["eager"])) < 2e-5, name
    rounded = [hidden_states(folder, i, torch.bfloat16, tokens) for i in implementations]
    best = min(rounded, key=lambda states: error(states, exact["eager"]))
    tensors = {}
    for i, ids in enumerate(tokens):
        tensors[f"tokens.{i}"] = ids
        tensors[f"fp32.{i}"] = exact["eager"][i].contiguous()
        tensors[f"bf16.{i}"] = best[i].contiguous()
    save_file(tensors, folder / "golden.safetensors", metadata={"transformers": transformers.__version__})
    print(f"{name}: bf16 rms error {error(best, exact['eager']):.3e}, files "
          f"{sum(f.stat().st_size for f in folder.iterdir()) // 1024} KiB")


def old_style_rope(scaling=None):
    """The fields as transformers 4 wrote them."""
    def edit(config):
        rope = config.pop("rope_parameters")
        config["rope_theta"] = rope.pop("rope_theta")
        config["rope_scaling"] = scaling
    return edit


def make_llama(root):
    from transformers import LlamaForCausalLM, LlamaForSequenceClassification, LlamaModel
    make(root, "llama_gqa", LlamaForSequenceClassification(llama(num_labels=1, pad_token_id=0)), seed=10,
         edit=old_style_rope())
    make(root, "llama_tied", LlamaForCausalLM(llama(tie_word_embeddings=True, num_key_value_heads=4,
                                                    rope_parameters={"rope_type": "default", "rope_theta": 500000.0})),
         seed=20, stored=torch.float32)
    make(root, "llama_odd_heads", LlamaModel(llama(head_dim=20, num_attention_heads=3, num_key_value_heads=1,
                                                   attention_bias=True, mlp_bias=True, intermediate_size=72)),
         seed=30, stored=torch.float16)
    make(root, "llama_sharded", LlamaForCausalLM(llama()), seed=40, shard="40KB")


def make_rope(root):
    from transformers import LlamaModel
    llama3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
              "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
    make(root, "llama31_rope", LlamaModel(llama(rope_parameters=llama3, head_dim=16)), seed=50, lengths=(3, 90))
    linear = {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}
    make(root, "llama_linear_rope", LlamaModel(llama(rope_parameters=linear)), seed=60, lengths=(3, 40),
         edit=old_style_rope({"type": "linear", "factor": 4.0}))
    dynamic = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    make(root, "llama_dynamic_rope", LlamaModel(llama(rope_parameters=dynamic, max_position_embeddings=24)), seed=70,
         lengths=(3, 24, 40, 61))


def make_others(root):
    from transformers import (Gemma2Config, Gemma2ForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config,
                              Qwen2ForCausalLM)
    gemma = Gemma2Config(**{**TINY, "head_dim": 16, "num_hidden_layers": 4, "sliding_window": 12,
                            "query_pre_attn_scalar": 24, "attn_logit_softcapping": 5.0})
    make(root, "gemma2", Gemma2ForCausalLM(gemma), seed=80, implementations=("eager",))
    make(root, "mistral_window", MistralForCausalLM(MistralConfig(**{**TINY, "sliding_window": 10})), seed=90)
    make(root, "mistral_full", MistralForCausalLM(MistralConfig(**{**TINY, "sliding_window": None})), seed=100,
         lengths=(5, 40))
    make(root, "qwen2", Qwen2ForCausalLM(Qwen2Config(**TINY)), seed=110)
    window = Qwen2Config(**{**TINY, "use_sliding_window": True, "sliding_window": 9, "max_window_layers": 1})
    make(root, "qwen2_window", Qwen2ForCausalLM(window), seed=120, lengths=(5, 40))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    default = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "model"
    parser.add_argument("--out", type=pathlib.Path, default=default)
    root = parser.parse_args().out
    torch.manual_seed(0)
    torch.set_num_threads(1)
    make_llama(root)
    make_rope(root)
    make_others(root)


if __name__ == "__main__":
    main()
