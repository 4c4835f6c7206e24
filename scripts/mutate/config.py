"""config.json of tiny models: one field more, less or other; transformers computes the last state."""
import copy
import json
import os
import pathlib
import shutil
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "critical"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import entries
import torch
import transformers

transformers.utils.logging.disable_progress_bar()
torch.set_num_threads(1)
GOLDENS = entries.GOLDENS
MODELS = ["llama_gqa", "gemma2", "mistral_window", "qwen2_window", "llama31_rope", "llama_linear_rope", "llama_dynamic_rope", "qwen2",
          "mistral_full", "llama_tied"]
SHOWN = 6
# Fields that other models and programs write, beside those of transformers' own classes.
OTHERS = ["rope_type", "rope_factor", "rope_percent", "rotary_pct", "rotary_dim", "partial_rotary_factor", "rope_local_base_freq",
          "local_attention", "alibi", "logits_scaling", "embedding_multiplier", "residual_multiplier", "attention_multiplier",
          "logit_scale", "num_experts", "num_local_experts", "moe_intermediate_size", "q_lora_rank", "kv_lora_rank", "use_qk_norm", "qk_norm",
          "sliding_window_pattern", "layer_norm_eps", "norm_type", "no_bias", "bias", "use_bias", "qkv_bias", "n_embd", "n_layer", "n_head",
          "activation_function", "parallel_attn", "multi_query", "text_config", "quantization_config", "compression_config",
          "per_layer_config", "attention_chunk_size", "no_rope_layers", "no_rope_layer_interval", "attn_temperature_tuning", "is_causal",
          "use_bidirectional_attention", "original_max_position_embeddings", "max_window_layers", "use_sliding_window", "sliding_window",
          "layer_types", "mlp_bias", "attention_bias", "query_pre_attn_scalar", "attn_logit_softcapping", "final_logit_softcapping",
          "hidden_activation", "hidden_act", "head_dim", "rope_theta", "rope_scaling", "rope_parameters", "rms_norm_eps", "vocab_size_override",
          "transformers_weights", "auto_map", "base_model_name_or_path", "peft_type", "pruned_heads", "prefix_tuning", "adapters"]
ROPES = [{"rope_type": "linear", "factor": 4.0}, {"type": "linear", "factor": 2.0}, {"rope_type": "default", "rope_theta": 500.0},
         {"rope_type": "dynamic", "factor": 2.0},
         {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32},
         {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}, {"factor": 4.0}, {"rope_theta": 300.0}, {},
         {"rope_type": "longrope", "long_factor": [1.0] * 4, "short_factor": [1.0] * 4, "factor": 2.0},
         {"rope_type": "proportional", "factor": 2.0}, {"rope_type": "other", "factor": 2.0}]
TYPES = [["full_attention"] * 3, ["sliding_attention"] * 3, ["full_attention", "sliding_attention", "full_attention"], ["attention"] * 3]
ACTIVATIONS = ["silu", "swish", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "gelu_tanh", "SiLU", "relu2", "quick_gelu"]
# Large sizes cost memory, and lists of layers have as many entries as layers.
POOLS = {"rope_scaling": ROPES, "rope_parameters": ROPES, "layer_types": TYPES, "hidden_act": ACTIVATIONS, "hidden_activation": ACTIVATIONS,
         "num_hidden_layers": [0, 1, 2, 3, 4, 5], "vocab_size": [0, 1, 64, 127, 128, 129, 256], "sliding_window": [0, 1, 2, 4, 8, 9, 40, 100, None],
         "dtype": ["float32", "bfloat16", "float16", "auto", "torch.float32", "float64", "int8"],
         "torch_dtype": ["float32", "bfloat16", "float16", "auto", "float64"],
         "model_type": ["llama", "mistral", "qwen2", "gemma2", "gemma", "phi3", "qwen3", "mixtral", "Llama", ""],
         "architectures": [["LlamaForCausalLM"], ["Other"], [], None, ["LlamaForSequenceClassification"], "LlamaModel"],
         "max_position_embeddings": [8, 16, 24, 32, 39, 40, 41, 64, 4096], "head_dim": [2, 4, 6, 8, 12, 16, 24, 32],
         "quantization_config": [{}, None, {"quant_method": "fp8"}, {"load_in_4bit": True}], "text_config": [{}, None, {"hidden_size": 12}],
         "per_layer_config": [{}, None, {"0": {"rms_norm_eps": 0.1}}, {"1": {}}],
         "auto_map": [{}, None, {"AutoModel": "modeling.Other"}, {"AutoConfig": "configuration.Other"}]}
# Fields that the last state does not depend on, whose types transformers checks and we do not.
HARMLESS = {"attention_dropout", "auto_map", "architectures", "bos_token_id", "chunk_size_feed_forward", "dtype", "eos_token_id",
            "final_logit_softcapping", "id2label", "initializer_range", "is_decoder", "is_encoder_decoder", "label2id", "num_labels",
            "output_attentions", "output_hidden_states", "pad_token_id", "pretraining_tp", "problem_type", "return_dict", "tie_word_embeddings",
            "torch_dtype", "transformers_version", "use_cache"}


def token_ids(length):
    return [(i * 37 + 11) % 100 + 1 for i in range(length)]


LENGTH = 40
IDS = token_ids(LENGTH)


class Models:
    """A folder for each model, whose config.json is replaced."""

    def __init__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="mutate-"))
        self.configs = {}
        self.fields = {}
        for name in MODELS:
            (self.root / name).mkdir()
            shutil.copy(GOLDENS / "model" / name / "model.safetensors", self.root / name)
            self.configs[name] = json.loads((GOLDENS / "model" / name / "config.json").read_text())
            known = transformers.AutoConfig.for_model(self.configs[name]["model_type"]).to_dict()
            self.fields[name] = sorted(known | self.configs[name])
        self.states = {}

    def state(self, name, text):
        folder = self.root / name
        (folder / "config.json").write_text(text)
        try:
            return compute(folder)
        except Exception:  # whatever it is, no number comes out
            return None

    def without(self, name):
        if name not in self.states:
            self.states[name] = self.state(name, json.dumps(self.configs[name]))
        return self.states[name]


def compute(folder):
    model, info = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    if info["missing_keys"]:
        raise LookupError("transformers would make these up")
    model.eval()
    with torch.no_grad():
        states = model(input_ids=torch.tensor([IDS])).last_hidden_state[0]
    assert bool(torch.isfinite(states).all())
    return [round(float(x), 6) for x in states[-1, :SHOWN]]


def value_of(rng, key, old):
    if key in POOLS and rng.random() < 0.7:
        return copy.deepcopy(rng.choice(POOLS[key]))
    new = entries.neighbour(rng, old)
    # What makes transformers allocate gigabytes is left out.
    if isinstance(new, (int, float)) and not isinstance(new, bool) and abs(new) > 4096 and key not in ("rope_theta", "max_position_embeddings"):
        new = 64
    return new


def change_field(config, fields, rng):
    key = rng.choice([rng.choice(sorted(config)), rng.choice(fields), rng.choice(OTHERS)])
    config[key] = value_of(rng, key, config.get(key))
    return config, [key]


def add_unknown(config, fields, rng):
    key = rng.choice([entries.name(rng), rng.choice(fields) + rng.choice(["_", "2", " ", "s"]), rng.choice(fields).upper()])
    if key in config:
        return None
    config[key] = entries.value(rng)
    return config, [key]


def drop_field(config, fields, rng):
    key = rng.choice(sorted(config))
    del config[key]
    return config, [key]


def change_rope(config, fields, rng):
    """An entry of the rotary parameters."""
    holders = [key for key in ("rope_scaling", "rope_parameters") if isinstance(config.get(key), dict)]
    holder = rng.choice(holders or ["rope_scaling", "rope_parameters"])
    rope = config[holder] if holders else copy.deepcopy(rng.choice(ROPES))
    key = rng.choice(sorted(rope) + ["rope_type", "type", "factor", "rope_theta", "partial_rotary_factor", "attention_factor", "beta_fast",
                                     "low_freq_factor", "original_max_position_embeddings", "mscale", "truncate", entries.name(rng)])
    if rng.random() < 0.15 and key in rope:
        del rope[key]
    else:
        rope[key] = rng.choice(["linear", "default", "dynamic", "llama3", "yarn", None]) if key in ("rope_type", "type") else entries.neighbour(
            rng, rope.get(key, 2.0))
    config[holder] = rope
    return config, [key, holder]


def repeat_field(config, fields, rng):
    key = rng.choice(sorted(config))
    pairs = entries.Pairs(config.items())
    pairs.insert(rng.choice([0, len(pairs)]), (key, value_of(rng, key, config[key])))
    return pairs, [key]


CHANGES = [change_field] * 6 + [add_unknown] * 2 + [drop_field, change_rope, change_rope, repeat_field]
MODELS_OF_RUN = None


def mutation(rng):
    global MODELS_OF_RUN
    MODELS_OF_RUN = MODELS_OF_RUN or Models()
    models = MODELS_OF_RUN
    name = rng.choice(MODELS)
    change = rng.choice(CHANGES)
    changed = change(copy.deepcopy(models.configs[name]), models.fields[name], rng)
    if changed is None:
        return None
    config, names = changed
    text = entries.dumps(config)
    state = models.state(name, text)
    known = set(models.fields[name]) | set(OTHERS)
    harmless = names[0] in HARMLESS
    if names[0] == "model_type" and isinstance(config, dict) and isinstance(config.get("model_type"), str):
        names += [config["model_type"], *config]  # which fields may be there depends on it
    return {"reader": "config", "harmless": harmless, "files": {"config.json": text, "model.safetensors": {"golden": f"model/{name}/model.safetensors"}},
            "read": {"tokens": IDS, "shown": SHOWN}, "names": names, "account": change is add_unknown and names[0] not in known,
            "expected": [] if state is None else [state], "without": models.without(name)}
