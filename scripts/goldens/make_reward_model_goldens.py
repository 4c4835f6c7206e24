#!/usr/bin/env python3
"""Makes tests/goldens/reward_model: tiny random ArmoRM folders in the layout of the released model, and their scores.

Decoder and tokenizer are those of transformers; the head (regression, debiasing matrix, gate) and the search for the last
token and for the gating pattern are implemented here with PyTorch only. Besides the model, each folder holds
  conversations.jsonl   the input of `score`
  expected.json         with the decoder in float32: score [N], rewards, gate, contributions, coefficients [N, K]; tokens [N];
                        bf16_rms: how far each of them lies from that with the decoder in bfloat16
"""

import json
import pathlib
import random
import shutil

import torch
import transformers
from make_tokenizer_goldens import LLAMA_REGEX, added, byte_level, sentencepiece, template
from safetensors.torch import save_file

assert transformers.__version__.startswith("5.23."), transformers.__version__
assert torch.__version__.startswith("2.11."), torch.__version__

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/goldens/reward_model"
TEMPLATES = ROOT / "tests/goldens/text/template"
TINY = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
            max_position_embeddings=1024)


def conversations(system):
    def turns(*texts):
        return [{"role": "user" if i % 2 == 0 else "assistant", "content": text} for i, text in enumerate(texts)]
    rows = [
        turns("What is 2 + 2?", "4"),
        turns("What is 2 + 2?", "It is 5, as everyone knows: def f(x):\n    return x\n"),
        turns("Write a haiku.", "An old silent pond\nA frog jumps into the pond\nSplash! Silence again.", "Another?", "No."),
        turns("¿Qué tal? Größe — 敏捷的棕色狐狸", "नमस्ते दुनिया 😀👍🏽 مرحبا"),
        turns("  spaces around  ", "\n\nand lines\n\n"),
        turns("Tell me everything. " * 12, "Once upon a time there was a lazy dog. " * 15),
        turns("a", "b"),
    ]
    source = random.Random(0)
    words = " ".join(sum((row[0]["content"].split() + row[1]["content"].split() for row in rows), [])).split()
    rows += [turns(*(" ".join(source.choices(words, k=source.randrange(3, 40))) for _ in range(2))) for _ in range(24)]
    return rows + ([[{"role": "system", "content": "Be brief."}] + rows[0]] if system else [])


def write_tokenizer(folder, doc, chat_template, **tokens):
    path = folder / "raw.json"
    path.write_text(json.dumps(doc))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(path), **tokens)
    path.unlink()
    tokenizer.chat_template = (TEMPLATES / chat_template).read_text().rstrip("\n")
    tokenizer.save_pretrained(folder)


def llama_tokenizer(folder):
    names = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "[PAD]"]
    doc = byte_level(LLAMA_REGEX, None, [dict(content=name) for name in names])
    bos = doc["added_tokens"][0]["id"]
    doc["post_processor"] = template(names[0], bos)
    write_tokenizer(folder, doc, "llama3.jinja", bos_token=names[0], eos_token=names[3], pad_token=names[4])


def gemma2_tokenizer(folder):
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    split = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    doc = sentencepiece(replace, split, ["<start_of_turn>", "<end_of_turn>"])
    write_tokenizer(folder, doc, "gemma2.jinja", bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>")


def random_tensors(shapes, generator):
    """Large enough that every tensor affects the score visibly."""
    return {name: torch.randn(shape, generator=generator) * (0.3 if len(shape) < 2 else 1.5 / shape[1] ** 0.5)
            for name, shape in shapes.items()}


def make_head(hidden_size, k, hidden_dim, n_hidden, bias, generator):
    sizes = [hidden_size] + [hidden_dim] * n_hidden + [k]
    shapes = {"regression_layer.weight": (k, hidden_size)} | ({"regression_layer.bias": (k,)} if bias else {})
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        shapes |= {f"gating.layers.{i}.weight": (b, a), f"gating.layers.{i}.bias": (b,)}
    head = random_tensors(shapes, generator)
    head["gating.logit_scale"] = torch.tensor([1.75])
    transform = torch.eye(k)
    transform[2] -= torch.rand(k, generator=generator)
    head["reward_transform_matrix"] = transform
    return head


def score(head, config, last, prompt):
    """hidden states [D] of the last token and of the prompt's end, in float32, to all outputs of `score`."""
    rewards = head["regression_layer.weight"] @ last
    if "regression_layer.bias" in head:
        rewards = rewards + head["regression_layer.bias"]
    x = prompt
    n = config["gating_n_hidden"]
    for i in range(n + 1):
        x = head[f"gating.layers.{i}.weight"] @ x + head[f"gating.layers.{i}.bias"]
        x = torch.relu(x) if i < n else x
    gate = torch.softmax(x / config["gating_temperature"], 0) * head["gating.logit_scale"]
    transform = head["reward_transform_matrix"]
    contributions = gate * (transform.T @ rewards)
    return {"score": contributions.sum(), "rewards": rewards, "gate": gate, "contributions": contributions,
            "coefficients": transform @ gate}


def last_start(ids, pattern):
    starts = [i for i in range(len(ids) - len(pattern) + 1) if ids[i:i + len(pattern)] == pattern]
    return starts[-1]


def expected(folder, config, head, rows, pattern_text, dtype):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    pattern = tokenizer.encode(pattern_text, add_special_tokens=False)
    model = transformers.AutoModel.from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()
    results = []
    for messages in rows:
        ids = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)
        with torch.no_grad():
            states = model(input_ids=torch.tensor([ids]), use_cache=False).last_hidden_state[0].float()
        result = score(head, config, states[-1], states[last_start(ids, pattern)])
        results.append({name: value.tolist() for name, value in result.items()} | {"tokens": len(ids)})
    return {name: [r[name] for r in results] for name in results[0]}, pattern


def shortened(value):
    """Nine digits distinguish any two float32 numbers."""
    return [shortened(v) for v in value] if isinstance(value, list) else float(f"{value:.9g}")


def make(name, model_class, config_class, write_tokenizer_files, architecture, pattern_text, *, seed, k, head_dtype, shards,
         keys, decoder, attributes=None, bias=False, system=True):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_tokenizer_files(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    generator = torch.Generator().manual_seed(seed)
    config = config_class(**TINY, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id,
                          bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, **decoder)
    body = model_class(config)
    norm = 0.0 if "Gemma" in architecture else 1.0
    weights = {}
    for key, parameter in body.state_dict().items():
        noise = torch.randn(parameter.shape, generator=generator)
        value = norm + 0.2 * noise if "norm" in key else noise if "embed" in key else noise * 1.5 / parameter.shape[1] ** 0.5
        weights["model." + key] = value.to(torch.bfloat16)
    head = make_head(config.hidden_size, k, keys["gating_hidden_dim"], keys["gating_n_hidden"], bias, generator)
    head = {key: value.to(head_dtype) for key, value in head.items()}
    parts = [weights | head] if shards == 1 else [weights, head]
    names = ["model.safetensors"] if shards == 1 else [f"model-{i:05d}-of-00002.safetensors" for i in (1, 2)]
    for part, file in zip(parts, names):
        save_file({key: value.contiguous() for key, value in part.items()}, folder / file, metadata={"format": "pt"})
    if shards > 1:
        total = sum(t.numel() * t.element_size() for part in parts for t in part.values())
        index = {"metadata": {"total_size": total},
                 "weight_map": {key: file for part, file in zip(parts, names) for key in part}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    written = config.to_dict() | {"architectures": [architecture], "num_objectives": k, "dtype": "bfloat16"} | keys
    (folder / "config.json").write_text(json.dumps(written, indent=2) + "\n")

    rows = conversations(system)
    wide = {key: value.float() for key, value in head.items()}
    exact, pattern = expected(folder, keys, wide, rows, pattern_text, torch.float32)
    rounded, _ = expected(folder, keys, wide, rows, pattern_text, torch.bfloat16)
    results = {key: shortened(value) for key, value in exact.items()}
    results["bf16_rms"] = {key: float((torch.tensor(exact[key]) - torch.tensor(rounded[key])).float().square().mean().sqrt())
                           for key in exact}
    if attributes:
        written |= {"attributes": attributes, "gating_token_pattern": pattern, "regression_bias": bias}
        (folder / "config.json").write_text(json.dumps(written, indent=2) + "\n")
    with open(folder / "conversations.jsonl", "w", encoding="utf-8") as file:
        for i, messages in enumerate(rows):
            file.write(json.dumps({"id": f"row-{i}", "messages": messages}, ensure_ascii=False) + "\n")
    (folder / "expected.json").write_text(json.dumps(results) + "\n")
    print(f"{name}: scores {[round(s, 4) for s in exact['score'][:8]]}, "
          f"{sum(f.stat().st_size for f in folder.iterdir()) // 1024} KiB")


def main():
    gate = {"gating_temperature": 2.0, "gating_hidden_dim": 24, "gating_n_hidden": 2}
    make("llama", transformers.LlamaModel, transformers.LlamaConfig, llama_tokenizer, "LlamaForRewardModelWithGating",
         "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n", seed=1, k=19, head_dtype=torch.bfloat16, shards=2,
         keys=gate, decoder={"rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}})
    make("gemma2", transformers.Gemma2Model, transformers.Gemma2Config, gemma2_tokenizer, "Gemma2ForRewardModelWithGating",
         "<end_of_turn>\n<start_of_turn>model\n", seed=2, k=5, head_dtype=torch.float32, shards=1, bias=True, system=False,
         keys={"gating_temperature": 0.7, "gating_hidden_dim": 16, "gating_n_hidden": 1},
         decoder={"sliding_window": 16, "query_pre_attn_scalar": 8}, attributes=["help", "truth", "length", "safety", "style"])


if __name__ == "__main__":
    main()
