#!/usr/bin/env python3
"""Makes the folder of a tiny random model of one family, as transformers saves it, for the end-to-end tests.

Usage: make_family_model.py MODEL_TYPE TOKENIZER_FOLDER CHAT_TEMPLATE.jinja OUTPUT_FOLDER

The tokenizer is that of TOKENIZER_FOLDER with the turn markers of the families added, and with the given template. Needs no
network.
"""

import os
import pathlib
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers

assert transformers.__version__.startswith("5.23."), transformers.__version__
MARKERS = ["<|im_start|>", "<|im_end|>", "<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]"]
TINY = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=1024)
SPECIAL = {
    "llama": {},
    "gemma2": dict(head_dim=8, query_pre_attn_scalar=8, sliding_window=16),
    "mistral": dict(sliding_window=16),
    "qwen2": {},
}


def main(model_type, tokenizer_folder, template, output):
    tokenizer = transformers.AutoTokenizer.from_pretrained(tokenizer_folder)
    tokenizer.add_special_tokens({"additional_special_tokens": MARKERS})
    tokenizer.chat_template = pathlib.Path(template).read_text(encoding="utf-8")
    config = transformers.AutoConfig.for_model(model_type, vocab_size=len(tokenizer), pad_token_id=0, **TINY, **SPECIAL[model_type])
    torch.manual_seed(5)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():  # larger than at the start of a training, so that every tensor shows in the score
        for name, tensor in model.named_parameters():
            tensor.normal_(1.0 if "norm" in name else 0.0, 0.3 if tensor.dim() < 2 else 1.5 / tensor.shape[1] ** 0.5)
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)


main(*sys.argv[1:])
