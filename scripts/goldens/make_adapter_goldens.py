#!/usr/bin/env python3
"""Makes tests/goldens/adapter: LoRA adapters as peft saves them, and the tensors of its merge_and_unload.

Every folder holds adapter_config.json, adapter_model.safetensors (or .bin) and
  expected.safetensors  the tensors of the merged model that differ from the base model's
  states.safetensors    tokens int32 [length], and states float32 [length, hidden] of the merged model in float32
  base                  one line: the folder of the base model below tests/goldens
embeddings.safetensors, of the folders in TEXTS, holds the merged model's last hidden states of the base folder's
conversations.jsonl, float32 [rows, hidden].
fields.json lists the fields of peft's LoraConfig.
"""

import dataclasses
import json
import pathlib
import shutil
import tempfile

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file

assert transformers.__version__.startswith("5.23."), transformers.__version__
assert peft.__version__ == "0.21.2", peft.__version__

GOLDENS = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens"
OUT = GOLDENS / "adapter"
LLAMA = "model/llama_gqa"  # bfloat16, as the next two
QWEN = "model/qwen2"  # with biases
REWARD = "reward_model/llama"
TIED = "model/llama_tied"  # float32
PHI = "model/phi3_longrope"  # fused projections
QWEN3 = "model/qwen3"  # norms of heads

# name: (base, class of the model that is trained, further arguments of LoraConfig)
CAUSAL, CLASSIFIER, BODY = (transformers.AutoModelForCausalLM, transformers.AutoModelForSequenceClassification,
                            transformers.AutoModel)
CASES = {
    "plain": (TIED, CAUSAL, dict(r=4, lora_alpha=12, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")),
    "bf16": (REWARD, CAUSAL, dict(r=3, lora_alpha=8, target_modules=["q_proj", "down_proj", "gate_proj"])),
    "body": (REWARD, BODY, dict(r=2, target_modules=["k_proj", "o_proj"], task_type="FEATURE_EXTRACTION")),
    "rslora_patterns": (TIED, CAUSAL, dict(
        r=4, lora_alpha=6, use_rslora=True, target_modules=["q_proj", "k_proj", "up_proj"],
        rank_pattern={"k_proj": 2, r"^model\.layers\.1\.self_attn\.q_proj": 3},
        alpha_pattern={"layers.2.mlp.up_proj": 20, ".*proj": 5, "q_proj": 99})),
    "regex": (LLAMA, CAUSAL, dict(r=2, target_modules=r".*\.layers\.(0|2)\.(?:self_attn\.[qk]_proj|mlp\.down_proj)")),
    "all_linear": (TIED, CAUSAL, dict(r=2, lora_alpha=3, target_modules="all-linear")),
    "layers": (LLAMA, CAUSAL, dict(r=2, target_modules=["q_proj", "o_proj"], layers_to_transform=[1, 2],
                                   layers_pattern="layers", exclude_modules=["layers.2.self_attn.o_proj"])),
    "embedding": (TIED, BODY, dict(r=3, target_modules=["embed_tokens", "v_proj"])),
    "embedding_bf16": (REWARD, BODY, dict(r=2, target_modules=["embed_tokens"])),
    "classifier": (REWARD, CLASSIFIER, dict(r=2, target_modules=["v_proj"], task_type="SEQ_CLS")),
    "saved_float32": (LLAMA, CAUSAL, dict(r=2, target_modules=["k_proj"], modules_to_save=["norm"])),
    "saved": (LLAMA, CAUSAL, dict(r=2, target_modules=["q_proj"], modules_to_save=["norm", "embed_tokens"])),
    "bias_all": (QWEN, CAUSAL, dict(r=2, target_modules=["q_proj"], bias="all")),
    "bias_lora_only": (QWEN, CAUSAL, dict(r=2, target_modules=["v_proj"], bias="lora_only")),
    "fan_in_fan_out": (LLAMA, CAUSAL, dict(r=2, target_modules=["q_proj"], fan_in_fan_out=True)),
    "fused": (PHI, CAUSAL, dict(r=2, target_modules=["qkv_proj", "gate_up_proj"])),
    "all_linear_qwen3": (QWEN3, CAUSAL, dict(r=2, target_modules="all-linear")),
    "bin": (LLAMA, CAUSAL, dict(r=2, target_modules=["v_proj"])),
}


TEXTS = ["bf16"]


def body_of(model):
    return getattr(model, model.base_model_prefix, model)


def named(state, model):
    """Under the names of a model with a head."""
    return {name if hasattr(model, "lm_head") or hasattr(model, "score") else "model." + name: value
            for name, value in state.items()}


def embeddings(model, base):
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    rows = [json.loads(line) for line in (base / "conversations.jsonl").read_text().splitlines()]
    states = []
    for row in rows:
        tokens = tokenizer.apply_chat_template(row["messages"], return_tensors="pt", return_dict=True)["input_ids"]
        with torch.no_grad():
            states.append(body_of(model)(input_ids=tokens, use_cache=False).last_hidden_state[0, -1])
    return torch.stack(states)


def make(name, base, kind, arguments):
    folder = OUT / name
    folder.mkdir(parents=True)
    arguments = dict(arguments, lora_dropout=0.05)
    if isinstance(arguments.get("target_modules"), list):
        arguments["target_modules"] = sorted(arguments["target_modules"])
    more = dict(num_labels=1, pad_token_id=0) if kind is CLASSIFIER else {}

    def load():
        torch.manual_seed(0)
        return kind.from_pretrained(GOLDENS / base, dtype="auto", attn_implementation="eager", **more)

    before = {key: value.clone() for key, value in named(load().state_dict(), load()).items()}
    trained = peft.get_peft_model(load(), peft.LoraConfig(**arguments))
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    for key, parameter in trained.named_parameters():
        if parameter.requires_grad:
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.data = (parameter.data.float() + 0.3 * noise).to(parameter.dtype)
    with tempfile.TemporaryDirectory() as saved:
        trained.save_pretrained(saved, safe_serialization=name != "bin")
        for file in pathlib.Path(saved).glob("adapter_*"):
            shutil.copy(file, folder)
    if name == "saved_float32":  # as trained in float32, where the base model is bfloat16
        saved = {key: value.float() * (1 + 0.001 * torch.randn(value.shape, generator=generator))
                 for key, value in load_file(folder / "adapter_model.safetensors").items()}
        save_file(saved, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "base"
    for key in ("target_modules", "modules_to_save", "exclude_modules"):
        if isinstance(config.get(key), list):
            config[key].sort()
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=1) + "\n")

    merged = peft.PeftModel.from_pretrained(load(), folder).merge_and_unload()
    after = named(merged.state_dict(), merged)
    changed = {key: value.contiguous().clone() for key, value in after.items()
               if key not in before or not torch.equal(value, before[key])}
    changed.pop("lm_head.weight", None)  # where tied
    assert changed, name
    save_file(changed, folder / "expected.safetensors")
    tokens = torch.randint(1, 100, (23,), generator=generator, dtype=torch.int32)
    with torch.no_grad():
        states = body_of(merged.float())(input_ids=tokens[None].long(), use_cache=False).last_hidden_state[0]
    save_file({"tokens": tokens, "states": states.contiguous()}, folder / "states.safetensors")
    (folder / "base").write_text(base + "\n")
    if name in TEXTS:
        save_file({"embeddings": embeddings(merged, GOLDENS / base)}, folder / "embeddings.safetensors")
    print(f"{name}: {len(changed)} tensors")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    fields = {field.name for field in dataclasses.fields(peft.LoraConfig)}
    (OUT / "fields.json").write_text(json.dumps(sorted(fields | set(peft.LoraConfig().to_dict())), indent=1) + "\n")
    for name, case in CASES.items():
        make(name, *case)
    # peft reads safetensors first.
    shutil.copy(OUT / "bin/adapter_model.bin", OUT / "regex")


if __name__ == "__main__":
    main()
