#!/usr/bin/env python3
"""Makes the folder of a tiny random model of one family, as transformers saves it, for the end-to-end tests.

Usage: make_family_model.py FAMILY TOKENIZER_FOLDER CHAT_TEMPLATE.jinja OUTPUT_FOLDER

The tokenizer is that of TOKENIZER_FOLDER with the turn markers of the families added, and with the given template. FAMILY is a
model_type. internlm2, which transformers lacks, is a Llama (in OUTPUT_FOLDER-llama) whose tensors are stored as that
decoder's publisher stores them, with a reward token. Needs no network.
"""

import json
import os
import pathlib
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers
from safetensors.torch import load_file, save_file

assert transformers.__version__.startswith("5.23."), transformers.__version__
MARKERS = ["<|im_start|>", "<|im_end|>", "<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "[REWARD]"]
TINY = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=1024)
GEMMA = dict(head_dim=8, query_pre_attn_scalar=8, sliding_window=16)
FAMILIES = {
    "llama": {},
    "gemma2": GEMMA,
    "gemma3_text": GEMMA | dict(sliding_window_pattern=2),
    "mistral": dict(sliding_window=16),
    "qwen2": {},
    "qwen3": dict(head_dim=16, tie_word_embeddings=True),
    "phi3": dict(pad_token_id=0),
}
VISION = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)
INTERNLM2 = {"model.embed_tokens": "model.tok_embeddings", "input_layernorm": "attention_norm", "post_attention_layernorm": "ffn_norm",
             "self_attn.o_proj": "attention.wo", "mlp.gate_proj": "feed_forward.w1", "mlp.up_proj": "feed_forward.w3",
             "mlp.down_proj": "feed_forward.w2", "lm_head": "output"}


def make_config(family, tokens):
    common = dict(vocab_size=tokens, pad_token_id=0)
    if family == "gemma3":
        text = TINY | FAMILIES["gemma3_text"] | dict(vocab_size=tokens)
        return transformers.AutoConfig.for_model("gemma3", text_config=text, vision_config=VISION, mm_tokens_per_image=4, pad_token_id=0)
    return transformers.AutoConfig.for_model(family, **(common | TINY | FAMILIES[family]))


def make_model(config):
    torch.manual_seed(5)
    auto = transformers.AutoModelForImageTextToText if config.model_type == "gemma3" else transformers.AutoModelForCausalLM
    model = auto.from_config(config, dtype=torch.float32)
    with torch.no_grad():  # larger than at the start of a training, so that every tensor shows in the score
        for name, tensor in model.named_parameters():
            tensor.normal_(1.0 if "norm" in name else 0.0, 0.3 if tensor.dim() < 2 else 1.5 / tensor.shape[1] ** 0.5)
    return model


def write_internlm2(llama, output, reward_token):
    heads, groups, size = TINY["num_attention_heads"], TINY["num_key_value_heads"], TINY["hidden_size"]
    stored, tensors = load_file(llama / "model.safetensors"), {}
    for name, tensor in stored.items():
        if name.endswith("q_proj.weight"):
            q = tensor.reshape(groups, heads // groups, -1, size)
            k, v = (stored[name.replace("q_proj", x)].reshape(groups, 1, -1, size) for x in ("k_proj", "v_proj"))
            tensors[name.replace("self_attn.q_proj", "attention.wqkv")] = torch.cat([q, k, v], dim=1).reshape(-1, size).contiguous()
        elif "k_proj" not in name and "v_proj" not in name:
            for ours, theirs in INTERNLM2.items():
                name = name.replace(ours, theirs)
            tensors[name] = tensor
    save_file(tensors, output / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((llama / "config.json").read_text())
    for field in ("attention_bias", "mlp_bias", "head_dim", "pretraining_tp"):
        config.pop(field, None)
    code = {"AutoConfig": "configuration_internlm2.InternLM2Config", "AutoModel": "modeling_internlm2.InternLM2ForRewardModel"}
    config.update(model_type="internlm2", architectures=["InternLM2ForRewardModel"], auto_map=code, bias=False, reward_token_id=reward_token)
    (output / "config.json").write_text(json.dumps(config, indent=2))


def main(family, tokenizer_folder, template, output):
    output = pathlib.Path(output)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tokenizer_folder)
    tokenizer.add_special_tokens({"additional_special_tokens": MARKERS})
    tokenizer.chat_template = pathlib.Path(template).read_text(encoding="utf-8")
    if family == "internlm2":
        llama = pathlib.Path(f"{output}-llama")
        make_model(make_config("llama", len(tokenizer))).save_pretrained(llama)
        output.mkdir()
        write_internlm2(llama, output, tokenizer.convert_tokens_to_ids("[REWARD]"))
    else:
        make_model(make_config(family, len(tokenizer))).save_pretrained(output)
    tokenizer.save_pretrained(output)


main(*sys.argv[1:])
