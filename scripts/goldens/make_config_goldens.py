#!/usr/bin/env python3
"""Makes tests/goldens/model/config_keys.json.gz: what transformers computes when one key of config.json differs.

For a tiny model of each architecture (tests/goldens/model), every key of its configuration class, every key that
transformers reads beside them, and combinations get neighbouring values. Each case holds the changes to config.json
(null stands for JSON's null, "absent" lists keys that are taken out) and either the first values of the last final-norm
hidden state in float32 or the error that transformers raises. Models run as a user runs them: default cache, eager or sdpa attention as
transformers chooses.
"""

import argparse
import gzip
import json
import multiprocessing
import os
import pathlib
import shutil
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

import torch
import transformers

transformers.utils.logging.disable_progress_bar()
assert transformers.__version__.startswith("5.23."), transformers.__version__

MODELS = {"llama": "llama_gqa", "gemma2": "gemma2", "mistral": "mistral_window", "qwen2": "qwen2_window",
          "qwen3": "qwen3_window", "phi3": "phi3", "gemma3_text": "gemma3", "gemma3": "gemma3_nested"}
LENGTH = 40
SHOWN = 6

LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}
LINEAR = {"rope_type": "linear", "factor": 4.0}
DYNAMIC = {"rope_type": "dynamic", "factor": 2.0}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
DEFAULT = {"rope_type": "default", "rope_theta": 500.0}
# Half of the elements of a head, in the model of each architecture.
PAIRS = {"llama": 6, "gemma2": 8, "mistral": 6, "qwen2": 6, "qwen3": 10, "phi3": 4, "gemma3_text": 8, "gemma3": 8}


def longrope(pairs, **others):
    return {"rope_type": "longrope", "short_factor": [1.0 + 0.1 * i for i in range(pairs)],
            "long_factor": [2.0 + 0.5 * i for i in range(pairs)], "original_max_position_embeddings": 32, **others}


def scalings(architecture):
    """The kinds that stretch: short sequences, long ones, and each key."""
    pairs = PAIRS[architecture]
    yarn = [{**YARN, **more} for more in (
        {"attention_factor": 0.5}, {"attention_factor": None}, {"beta_fast": 8.0, "beta_slow": 2}, {"beta_fast": 0},
        {"beta_slow": None}, {"truncate": False}, {"truncate": None}, {"mscale": 2.0},
        {"mscale": 2.0, "mscale_all_dim": 0.5}, {"mscale": 0, "mscale_all_dim": 1.0}, {"factor": None},
        {"factor": 0.5}, {"rope_theta": 300.0}, {"original_max_position_embeddings": 16})]
    long = [longrope(pairs, **more) for more in (
        {}, {"original_max_position_embeddings": 64}, {"original_max_position_embeddings": 40}, {"factor": 4.0},
        {"factor": 0.5}, {"attention_factor": 1.5}, {"attention_factor": None}, {"rope_theta": 300.0},
        {"short_factor": [1.0]}, {"long_factor": [1.0] * (pairs + 1)}, {"short_factor": None}, {"type": "su"})]
    absent = [{k: v for k, v in scaling.items() if k != missing} for scaling, missing in (
        (YARN, "factor"), (YARN, "original_max_position_embeddings"),
        (longrope(pairs), "original_max_position_embeddings"), (longrope(pairs), "long_factor"))]
    named = [{k: v for k, v in {**longrope(pairs), "type": kind}.items() if k != "rope_type"}
             for kind in ("longrope", "su", "yarn")]
    kinds = [{"full_attention": a, "sliding_attention": b} for a, b in (
        (LINEAR, DEFAULT), (DEFAULT, LINEAR), ({**YARN, "rope_theta": 1000.0}, DEFAULT), (longrope(pairs), DYNAMIC),
        (LLAMA3, LINEAR), (None, DEFAULT), ({**YARN, "truncate": False}, DEFAULT))]
    outer = [{"rope_scaling": longrope(pairs), "original_max_position_embeddings": 16},
             {"rope_scaling": {**YARN}, "original_max_position_embeddings": 16},
             {"rope_scaling": longrope(pairs), "max_position_embeddings": 64},
             {"rope_scaling": {**DYNAMIC}, "max_position_embeddings": 20},
             {"rope_scaling": {"rope_type": "proportional"}}, {"rope_scaling": {"rope_type": "unheard_of"}},
             {"rope_scaling": {**longrope(pairs // 2), "partial_rotary_factor": 0.5}},
             {"rope_scaling": longrope(pairs // 2), "partial_rotary_factor": 0.5},
             {"rope_local_base_freq": 300.0}, {"rope_local_base_freq": None}, {"sliding_window_pattern": 2},
             {"sliding_window_pattern": None}, {"rope_theta": 300.0, "rope_local_base_freq": 50.0}]
    return ([{"rope_scaling": v} for v in yarn + long + absent + named] +
            [{"rope_parameters": v} for v in kinds + [{"full_attention": LINEAR}, {**YARN, "rope_theta": 50.0}]] +
            outer)

ROPE = [
    {"rope_theta": v} for v in (500.0, 10000, 1, None)
] + [
    {"rope_scaling": v} for v in (None, {}, LINEAR, DYNAMIC, LLAMA3, YARN, DEFAULT, {"type": "linear", "factor": 4.0},
                                  {"type": "linear", "rope_type": "default", "factor": 4.0}, {**LINEAR, "factor": 1},
                                  {**LINEAR, "rope_theta": 300.0}, {**LINEAR, "rope_theta": None}, {"factor": 4.0},
                                  {"rope_type": None, "factor": 4.0},
                                  {**LLAMA3, "original_max_position_embeddings": 16},
                                  {**DYNAMIC, "original_max_position_embeddings": 16},
                                  {**LINEAR, "partial_rotary_factor": 1.0}, {**LINEAR, "partial_rotary_factor": 0.5},
                                  {**LINEAR, "attention_factor": 0.5}, {**LINEAR, "unheard_of": 2},
                                  {"full_attention": LINEAR, "sliding_attention": DEFAULT})
] + [
    {"rope_parameters": v} for v in (None, {}, LINEAR, DEFAULT, {"rope_theta": 300.0})
] + [
    {"rope_scaling": scaling, "rope_parameters": parameters}
    for scaling in (None, {}, LINEAR, YARN, LLAMA3, DEFAULT) for parameters in (None, DEFAULT, LINEAR, {"rope_theta": 300.0})
] + [
    {"rope_scaling": LINEAR, "rope_parameters": DEFAULT, "rope_theta": 300.0},
    {"rope_scaling": LLAMA3, "original_max_position_embeddings": 16},
    {"rope_scaling": LLAMA3, "original_max_position_embeddings": None},
    {"rope_scaling": DYNAMIC, "original_max_position_embeddings": 16},
    {"original_max_position_embeddings": 16},
    {"rope_scaling": DYNAMIC, "max_position_embeddings": 24},
    {"max_position_embeddings": 24}, {"max_position_embeddings": 24, "rope_scaling": LLAMA3},
    {"partial_rotary_factor": 0.5}, {"partial_rotary_factor": 1.0},
]

SIZES = [{key: value} for key, values in {
    "vocab_size": (127, 129, None), "hidden_size": (47, 24, None, 48.0), "intermediate_size": (79, 40, None),
    "num_hidden_layers": (1, 2, 5, None), "num_attention_heads": (2, 8, None), "num_key_value_heads": (1, 4, None),
    "head_dim": (6, 8, 12, 16, 24, None)}.items() for value in values]

NUMBERS = [{key: value} for key, values in {
    "rms_norm_eps": (1e-5, 0.1, None), "hidden_act": ("silu", "swish", "gelu_pytorch_tanh", "relu", "gelu", None),
    "hidden_activation": ("gelu_pytorch_tanh", "silu", "gelu", None),
    "attention_bias": (False, True, None), "mlp_bias": (False, True, None), "is_causal": (True, False, None, 0, 1),
    "use_bidirectional_attention": (False, True, None), "is_decoder": (True, False),
    "is_encoder_decoder": (False, True), "chunk_size_feed_forward": (0, 2), "pretraining_tp": (1, 2, None),
    "attention_dropout": (0.0, 0.5), "use_cache": (True, False), "tie_word_embeddings": (True, False),
    "output_hidden_states": (True, False), "output_attentions": (True, False), "return_dict": (True,),
    "dtype": ("bfloat16", "float32", None), "torch_dtype": ("float16",), "initializer_range": (0.5,),
    "pad_token_id": (5, None), "eos_token_id": (5, [5, 6], None), "bos_token_id": (5, None),
    "architectures": (["Other"], None), "num_labels": (1, 3), "problem_type": ("regression",),
    "final_logit_softcapping": (10.0, None), "attn_logit_softcapping": (10.0, 50.0, None),
    "query_pre_attn_scalar": (16, 144), "tie_last_hidden_states": (True, False),
    "attn_implementation": ("eager",), "attention_chunk_size": (8,), "pruned_heads": ({}, {"0": [1]}),
    "cross_attention_hidden_size": (12,), "add_cross_attention": (True,), "temperature": (0.5,), "top_k": (5,),
    "per_layer_config": ({"0": {"rms_norm_eps": 0.1}}, {}, None), "transformers_weights": ("other.safetensors", None),
    "text_config": ({"hidden_size": 12},), "unheard_of": (1,), "num_local_experts": (8,), "use_qk_norm": (True,),
    "cache_implementation": ("hybrid",)}.items() for value in values]

FULL, SLIDING = "full_attention", "sliding_attention"
WINDOWS = [
    {"sliding_window": v} for v in (None, 4, 9, 100)
] + [
    {"use_sliding_window": v} for v in (True, False)
] + [
    {"use_sliding_window": True, "sliding_window": v, "max_window_layers": m} for v in (None, 4) for m in (0, 2, 28)
] + [
    {"layer_types": v} for v in (None, [FULL] * 3, [SLIDING] * 3, [FULL, SLIDING, FULL], ["attention"] * 3, [FULL],
                                 ["other"] * 3, [FULL] * 4, [SLIDING] * 4, [SLIDING, FULL, FULL, SLIDING])
] + [
    {"layer_types": [SLIDING] * 3, "sliding_window": 4}, {"layer_types": [SLIDING] * 4, "sliding_window": None},
    {"layer_types": [SLIDING] * 3, "use_sliding_window": False},
    {"layer_types": [SLIDING] * 3, "use_sliding_window": True, "sliding_window": None},
    {"layer_types": [FULL] * 3, "sliding_window": None},
]

# Keys without which transformers takes a default that a folder may rely on.
ABSENT = ("rms_norm_eps", "hidden_act", "hidden_activation", "attention_bias", "mlp_bias", "head_dim", "rope_theta",
          "rope_scaling", "rope_parameters", "max_position_embeddings", "num_key_value_heads", "num_hidden_layers",
          "hidden_size", "vocab_size", "intermediate_size", "num_attention_heads", "sliding_window", "layer_types",
          "use_sliding_window", "max_window_layers", "query_pre_attn_scalar", "attn_logit_softcapping")


def compute(folder):
    model, info = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    if info["missing_keys"]:
        raise LookupError("transformers would make these up")
    model.eval()
    ids = (torch.arange(LENGTH) * 37 + 11) % 100 + 1
    with torch.no_grad():
        states = model(input_ids=ids[None]).last_hidden_state[0]
    assert bool(torch.isfinite(states).all())
    return [round(float(x), 6) for x in states[-1, :SHOWN]]


def decoder_of(config):
    """The decoder's own keys."""
    return config["text_config"] if "vision_config" in config else config


def case(source, changes, absent=()):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        shutil.copy(source / "model.safetensors", folder)
        config = json.loads((source / "config.json").read_text())
        for key in absent:
            decoder_of(config).pop(key, None)
        decoder_of(config).update(changes)
        (folder / "config.json").write_text(json.dumps(config))
        entry = {"changes": changes}
        if absent:
            entry["absent"] = list(absent)
        try:
            entry["state"] = compute(folder)
        except Exception as error:  # whatever it is, no number comes out
            entry["error"] = type(error).__name__
        return entry


def make(item):
    architecture, source = item
    torch.set_num_threads(1)
    common = [{}] + ROPE + SIZES + NUMBERS + WINDOWS
    cases = [case(source, changes) for changes in common + scalings(architecture)]
    return architecture, cases + [case(source, {}, (key,)) for key in ABSENT]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    root = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "model"
    parser.add_argument("--out", type=pathlib.Path, default=root / "config_keys.json.gz")
    out = parser.parse_args().out
    result = {"transformers": transformers.__version__, "length": LENGTH}
    with multiprocessing.Pool(2) as pool:
        for architecture, cases in pool.imap(make, [(a, root / name) for a, name in MODELS.items()]):
            result[architecture] = {"model": MODELS[architecture], "cases": cases}
            print(architecture, len(cases), sum("error" in c for c in cases), flush=True)
    lines = json.dumps(result, separators=(",", ":")).replace('{"changes"', '\n{"changes"')
    with out.open("wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
        packed.write(lines.encode() + b"\n")


if __name__ == "__main__":
    main()
