#!/usr/bin/env python3
"""Makes tests/goldens/model: tiny random models as transformers saves them, and the hidden states it computes.

Every folder is a model (config.json and safetensors) with golden.safetensors in the same folder:
  tokens.<i>     int32 [length]            sequence i
  fp32.<i>       float32 [length, hidden]  final-norm hidden states, weights and arithmetic in float32
  bf16.<i>       bfloat16 [length, hidden] the same model run in bfloat16
InternLM2, which transformers does not have, is computed by its publisher's modeling_internlm2.py, as its repositories
hold it, in a folder named by --internlm2 (it also needs einops). Without the option its folders stay. LlamaModel with
the same weights in its own order must agree with it.

Attention is "eager" and "sdpa" where transformers has both; the float32 states of the two must agree, and the
bfloat16 states with the smaller error are kept, so that they set the tighter bound.
"""

import argparse
import importlib.util
import json
import pathlib
import shutil
import sys
import types

import torch
import transformers
from safetensors.torch import save_file

assert transformers.__version__.startswith("5.23."), transformers.__version__
assert torch.__version__.startswith("2.11."), torch.__version__

VOCAB = 128
LENGTHS = (1, 2, 7, 33, 64)
TINY = dict(vocab_size=VOCAB, hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=256, bos_token_id=1, eos_token_id=2)


SMALL = {**TINY, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2}


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
    if make.only and name not in make.only:
        return
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


make.only = ()  # all


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


YARN = {"rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0, "original_max_position_embeddings": 32}


def make_yarn(root):
    from transformers import LlamaModel, Qwen2Config, Qwen2Model
    make(root, "llama_yarn", LlamaModel(llama(**{**SMALL, "head_dim": 16}, rope_parameters={
        **YARN, "truncate": False, "beta_fast": 8.0, "mscale": 2.0, "mscale_all_dim": 1.0})), seed=130,
         lengths=(3, 60))
    make(root, "qwen2_yarn", Qwen2Model(Qwen2Config(**SMALL, rope_parameters=YARN)), seed=140, lengths=(3, 60),
         edit=old_style_rope({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}))


def make_qwen3(root):
    from transformers import Qwen3Config, Qwen3ForCausalLM, Qwen3ForSequenceClassification, Qwen3Model
    make(root, "qwen3", Qwen3ForSequenceClassification(Qwen3Config(**SMALL, head_dim=16, num_labels=1,
                                                                   pad_token_id=0)),
         seed=150, edit=old_style_rope())
    window = Qwen3Config(**{**SMALL, "num_hidden_layers": 3, "num_attention_heads": 3, "num_key_value_heads": 1},
                         head_dim=20, attention_bias=True, use_sliding_window=True, sliding_window=9,
                         max_window_layers=1)
    make(root, "qwen3_window", Qwen3Model(window), seed=160, stored=torch.float16, lengths=(5, 40))
    tied = Qwen3Config(**SMALL, head_dim=8, tie_word_embeddings=True, rope_parameters=YARN)
    make(root, "qwen3_tied_yarn", Qwen3ForCausalLM(tied), seed=170, shard="16KB", lengths=(3, 60))


def longrope(rotary_dim, **others):
    pairs = range(rotary_dim // 2)
    return {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0 + 0.05 * i for i in pairs],
            "long_factor": [1.5 + 0.7 * i for i in pairs], **others}


def make_phi3(root):
    from transformers import Phi3Config, Phi3ForCausalLM, Phi3ForSequenceClassification, Phi3Model
    # Only the special tokens must lie within the vocabulary.
    phi = {**SMALL, "pad_token_id": 0}
    make(root, "phi3", Phi3ForSequenceClassification(Phi3Config(**{**phi, "num_key_value_heads": 4,
                                                                   "sliding_window": 11}, num_labels=1)),
         seed=180, edit=old_style_rope())

    scaling = {"type": "longrope", **{k: longrope(8)[k] for k in ("short_factor", "long_factor")}}
    make(root, "phi3_longrope", Phi3ForCausalLM(Phi3Config(
        **{**phi, "max_position_embeddings": 96}, original_max_position_embeddings=24, rope_parameters=longrope(8))),
        seed=190, lengths=(3, 24, 25, 60), edit=old_style_rope(scaling))
    partial = Phi3Config(**{**phi, "max_position_embeddings": 96, "tie_word_embeddings": True},
                         original_max_position_embeddings=24,
                         rope_parameters=longrope(6, partial_rotary_factor=0.75))
    make(root, "phi3_partial", Phi3Model(partial), seed=200, lengths=(3, 40))


def make_gemma3(root):
    from transformers import (Gemma3Config, Gemma3ForCausalLM, Gemma3ForConditionalGeneration, Gemma3TextConfig,
                              Gemma3TextModel)
    text = {**SMALL, "head_dim": 16, "num_hidden_layers": 4, "sliding_window": 12, "query_pre_attn_scalar": 24}

    def published(config):
        """The fields as gemma-3-1b-it has them."""
        for key in ("layer_types", "rope_parameters"):
            del config[key]
        config.update(rope_theta=1000000, rope_local_base_freq=10000, rope_scaling=None, sliding_window_pattern=3,
                      cache_implementation="hybrid")
    kinds = ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"]
    make(root, "gemma3", Gemma3ForCausalLM(Gemma3TextConfig(**text, layer_types=kinds)), seed=210, edit=published)
    rope = {"full_attention": {**YARN, "rope_theta": 1e6}, "sliding_attention": {"rope_type": "linear", "factor": 2.0,
                                                                                "rope_theta": 1e4}}
    make(root, "gemma3_ropes", Gemma3TextModel(Gemma3TextConfig(
        **{**text, "num_attention_heads": 2, "num_key_value_heads": 1}, layer_types=kinds, attention_bias=True,
        rope_parameters=rope)), seed=220, lengths=(5, 40))
    rope = {"full_attention": {"rope_type": "linear", "factor": 8.0}, "sliding_attention": {"rope_type": "default"}}
    vision = {"model_type": "siglip_vision_model", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
              "num_attention_heads": 2, "image_size": 8, "patch_size": 4, "vision_use_head": False}
    nested = Gemma3Config(text_config={**text, "layer_types": kinds, "rope_parameters": rope}, vision_config=vision,
                          mm_tokens_per_image=4)
    make(root, "gemma3_nested", Gemma3ForConditionalGeneration(nested), seed=230, lengths=(5, 40))


class InternLM2Config(transformers.PreTrainedConfig):
    """The fields of the publisher's configuration_internlm2.py that its model reads."""
    model_type = "internlm2"
    initializer_range = 0.02
    rope_scaling = None  # as in the file, which the base class would rewrite

    def __init__(self, **fields):
        for key, value in fields.items():
            object.__setattr__(self, key, value)
        super().__init__(pad_token_id=fields["pad_token_id"])
        object.__setattr__(self, "rope_scaling", fields.get("rope_scaling"))
        object.__setattr__(self, "attn_implementation", "eager")


def internlm2_class(folder):
    """InternLM2Model of the publisher's code."""
    package = types.ModuleType("internlm2")
    package.__path__ = [str(folder)]
    configuration = types.ModuleType("internlm2.configuration_internlm2")
    configuration.InternLM2Config = InternLM2Config
    sys.modules.update({"internlm2": package, "internlm2.configuration_internlm2": configuration})
    spec = importlib.util.spec_from_file_location("internlm2.modeling_internlm2", folder / "modeling_internlm2.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.InternLM2Model


def llama_of_internlm2(fields, weights):
    """LlamaModel with the weights of an InternLM2 model."""
    heads, kv_heads = fields["num_attention_heads"], fields["num_key_value_heads"]
    groups = heads // kv_heads
    names = {"tok_embeddings": "embed_tokens", "attention_norm": "input_layernorm",
             "ffn_norm": "post_attention_layernorm", "attention.wo": "self_attn.o_proj",
             "feed_forward.w1": "mlp.gate_proj", "feed_forward.w3": "mlp.up_proj", "feed_forward.w2": "mlp.down_proj"}
    renamed = {}
    for name, value in weights.items():
        for old, new in names.items():
            name = name.replace(old, new)
        if "wqkv" not in name:
            renamed[name] = value
            continue
        rows = value.unflatten(0, (kv_heads, groups + 2, -1))
        for letter, part in (("q", rows[:, :groups]), ("k", rows[:, groups]), ("v", rows[:, groups + 1])):
            renamed[name.replace("attention.wqkv", f"self_attn.{letter}_proj")] = part.flatten(0, part.dim() - (
                1 if name.endswith("bias") else 2))
    scaling = fields.get("rope_scaling") or {"type": "default"}
    rope = {**scaling, "rope_type": scaling["type"], "rope_theta": fields["rope_theta"]}
    model = transformers.LlamaModel(transformers.LlamaConfig(
        **{**fields, "rope_scaling": None, "rope_parameters": rope, "attention_bias": fields["bias"]}))
    model.load_state_dict(renamed)
    return model.eval()


def make_internlm2_folder(root, code, name, fields, *, seed, lengths=LENGTHS):
    if make.only and name not in make.only:
        return
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    fields = {**SMALL, "rms_norm_eps": 1e-5, "rope_theta": 1000000.0, "hidden_act": "silu", "pad_token_id": 2,
              "use_cache": False, "bias": False, **fields}

    def model():
        return internlm2_class(code)(InternLM2Config(**fields)).eval()
    reference = model()
    randomise(reference, seed)
    reference.to(torch.bfloat16)
    weights = {key: value.contiguous() for key, value in reference.state_dict().items()}

    def states(dtype):
        out = []
        for ids in tokens:
            fresh = model()  # dynamic scaling remembers the longest sequence
            fresh.load_state_dict(weights)
            with torch.no_grad():
                out.append(fresh.to(dtype)(input_ids=ids.long()[None]).last_hidden_state[0])
        return out
    tokens = sequences(seed + 1, lengths)
    exact, rounded = states(torch.float32), states(torch.bfloat16)
    for ids, state in zip(tokens, exact):
        with torch.no_grad():
            twin = llama_of_internlm2(fields, {k: v.float() for k, v in weights.items()})(ids.long()[None])
        assert float((twin.last_hidden_state[0] - state).abs().max()) < 2e-5, name
    generator = torch.Generator().manual_seed(seed + 2)
    head = torch.randn((1, fields["hidden_size"]), generator=generator).to(torch.bfloat16)
    save_file({**{"model." + key: value for key, value in weights.items()}, "v_head.weight": head},
              folder / "model.safetensors", metadata={"format": "pt"})
    published = {"architectures": ["InternLM2ForRewardModel"], "attn_implementation": "eager", "auto_map": {
        "AutoConfig": "configuration_internlm2.InternLM2Config",
        "AutoModel": "modeling_internlm2.InternLM2ForRewardModel"}, "initializer_range": 0.02, "model_type": "internlm2",
        "pretraining_tp": 1, "rope_scaling": None, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
        "transformers_version": "4.41.0"}
    (folder / "config.json").write_text(json.dumps({**published, **fields}, indent=2) + "\n")
    tensors = {}
    for i, ids in enumerate(tokens):
        tensors.update({f"tokens.{i}": ids, f"fp32.{i}": exact[i].contiguous(), f"bf16.{i}": rounded[i].contiguous()})
    save_file(tensors, folder / "golden.safetensors", metadata={"torch": torch.__version__})
    print(f"{name}: bf16 rms error {error(rounded, exact):.3e}")


def make_internlm2(root, code):
    make_internlm2_folder(root, code, "internlm2", {}, seed=240)
    make_internlm2_folder(root, code, "internlm2_dynamic", {
        "rope_scaling": {"type": "dynamic", "factor": 2.0}, "max_position_embeddings": 24}, seed=250,
        lengths=(3, 24, 40))
    make_internlm2_folder(root, code, "internlm2_bias", {
        "rope_scaling": {"type": "linear", "factor": 4.0}, "bias": True, "num_attention_heads": 8,
        "num_key_value_heads": 2}, seed=260, lengths=(5, 40))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    default = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "model"
    parser.add_argument("--out", type=pathlib.Path, default=default)
    parser.add_argument("--only", nargs="+", default=(), help="names of folders; the others stay")
    parser.add_argument("--internlm2", type=pathlib.Path, help="folder with the publisher's modeling_internlm2.py")
    arguments = parser.parse_args()
    root, make.only = arguments.out, arguments.only
    torch.manual_seed(0)
    torch.set_num_threads(1)
    make_llama(root)
    make_rope(root)
    make_others(root)
    make_yarn(root)
    make_qwen3(root)
    make_phi3(root)
    make_gemma3(root)
    if arguments.internlm2:
        make_internlm2(root, arguments.internlm2)


if __name__ == "__main__":
    main()
