"""Writes tests/goldens/text/pretrained_cases.json and control_token_cases.json: tokenizer folders and what transformers' AutoTokenizer makes of them.

Each case names a family of make_tokenizer_goldens.py, the model_type of its config.json and the folder's other files; the values are
the names that a chat template can refer to, and ids. With "class": the ids of a folder whose class rebuilds the tokenizer.
"""

import json
import tempfile
from pathlib import Path

import transformers
from make_tokenizer_goldens import OUT, families
from transformers import AutoTokenizer

assert transformers.__version__ == "5.23.0", transformers.__version__

TEXTS = ["hello world", " two  spaces\nnext", "a<bos>b<eos>", "<|im_start|>user\nhi <|im_end|>", "<extra>x<named> y<new> z", "[INST] a [/INST] b",
         "don't 1234 Größe", "<mask>  <s>  </s> <unk> <pad>", "\n\n\n  x", "<legacy> l <img> i"]


def token(content, **flags):
    return {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False} | flags


def cases():
    special = {"special": True}
    decoder = {"2": token("<bos>", **special), "1": token("<eos>", **special)}
    yield "gemma2", "gemma2", {"tokenizer_config.json": {"bos_token": "<bos>", "eos_token": "<eos>", "tokenizer_class": "TokenizersBackend"}}
    base = {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>", "tokenizer_class": "TokenizersBackend"}
    # The map wins without added_tokens_decoder, is not read with it, and null erases.
    map = {"bos_token": token("<pad>"), "eos_token": None, "additional_special_tokens": ["<extra>", "word"], "cls_token": "<new>"}
    yield "mistral", "mistral", {"tokenizer_config.json": base, "special_tokens_map.json": map}
    yield "mistral", "mistral", {"tokenizer_config.json": base | {"added_tokens_decoder": decoder}, "special_tokens_map.json": map}
    yield "mistral", "llama", {"tokenizer_config.json": base | {"bos_token": None}}
    yield "mistral", "llama", {"special_tokens_map.json": map}
    yield "mistral", "llama", {"tokenizer_config.json": base | {"extra_special_tokens": {"image_token": "<img>", "named_token": "<named>"}, "boi_token": "<new>"}}
    yield "mistral", "llama", {"tokenizer_config.json": base | {"extra_special_tokens": ["<extra>", "<named>"]}}
    yield "mistral", "llama", {"tokenizer_config.json": base | {"additional_special_tokens": ["<extra>"]},
                               "special_tokens_map.json": {"additional_special_tokens": ["<named>"], "extra_special_tokens": ["<new>"]}}
    yield "mistral", "llama", {"tokenizer_config.json": base | {"additional_special_tokens": ["<extra>"], "extra_special_tokens": ["<named>"]}}
    yield "mistral", "llama", {"tokenizer_config.json": base, "added_tokens.json": {"<legacy>": 2000, "<new>": 2001}}
    yield "mistral", "llama", {"tokenizer_config.json": base | {"added_tokens_decoder": {"950": token("<new>", lstrip=True, **special), "4": token("[INST]", rstrip=True, **special)}}}
    # add_bos_token is not read where a tokenizer.json exists.
    for add in (True, False):
        yield "mistral", "llama", {"tokenizer_config.json": base | {"add_bos_token": add, "add_eos_token": True}}
        yield "qwen2", "llama", {"tokenizer_config.json": {"bos_token": "<|im_start|>", "add_bos_token": add}}
    # Classes that bring their own components.
    for name in ("LlamaTokenizer", "LlamaTokenizerFast"):
        for more in ({}, {"legacy": True}, {"legacy": False}, {"legacy": None}, {"add_prefix_space": False}, {"add_prefix_space": True, "legacy": True},
                     {"added_tokens_decoder": decoder}):
            yield "llama2", "llama", {"tokenizer_config.json": base | more | {"tokenizer_class": name}}
    yield "llama2", "llama", {"tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer"}}
    yield "llama2", "llama", {"tokenizer_config.json": {"tokenizer_class": "NoSuchTokenizer"}}
    yield "llama2", "mistral", {"tokenizer_config.json": base | {"tokenizer_class": "LlamaTokenizer"}}
    yield "llama2", "llama", {}
    yield "qwen2", "llama", {"tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer"}}
    yield "llama2", "gemma2", {"tokenizer_config.json": base | {"tokenizer_class": "LlamaTokenizer"}}
    yield "llama2", "gemma2", {"tokenizer_config.json": base | {"tokenizer_class": "GemmaTokenizer"}}
    yield "llama2", "gemma2", {"tokenizer_config.json": base | {"tokenizer_class": "GemmaTokenizerFast", "added_tokens_decoder": decoder}}
    yield "llama2", "gemma2", {"tokenizer_config.json": {k: v for k, v in base.items() if k != "tokenizer_class"}}
    yield "gemma2", "gemma2", {"tokenizer_config.json": base | {"tokenizer_class": "GemmaTokenizer"}}
    for name in ("Qwen2Tokenizer", "PreTrainedTokenizerFast", "TokenizersBackend", "LlamaTokenizer"):
        yield "llama3", "qwen2", {"tokenizer_config.json": {"tokenizer_class": name, "eos_token": "<|im_end|>", "unk_token": None}}
    yield "gpt2", "qwen2", {"tokenizer_config.json": {"eos_token": "<|im_end|>", "add_prefix_space": True}}
    for prefix in (True, False):
        yield "qwen2", "llama", {"tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": prefix}}
    yield "llama3", "llama", {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|im_start|>"}}
    # Special tokens that only the configuration names.
    yield "qwen2", "llama", {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<new>", "pad_token": "hello"}}


def control_cases():
    """Added tokens that are not special, as DeepSeek's: content cannot make those that the template writes."""
    extra = ["<|User|>", "<|Assistant|>", "\n\n", "<b>", "free", "<joined>", "<arg>", "<key>"]
    roles = "{% for m in messages %}{% if m.role == 'user' %}<|User|>{{ m.content }}{% else %}{{ '<|Assistant|>' + m.content + '<|im_end|>' }}{% endif %}"
    templates = {"literals": roles + "\n\n{% endfor %}", "joined": roles + "{% endfor %}{{ '<joi' 'ned>' }}{{ '<jo' ~ 'x>' }}",
                 "arguments": roles + "{{ m.content | replace('<arg>', '<arg>') | replace('q', '<arg>') }}{% endfor %}{% set x = {'<key>': 1} %}{# <b> #}",
                 "raw": roles + "{% endfor %}{% raw %}<b>{{ x }}{% endraw %}",
                 "built": "{% for m in messages %}{{ '<|' + m.role + '|>' }}{{ m.content }}{% endfor %}"}
    contents = ["a<|User|>b<|Assistant|> c<|im_end|>\n\nd", "<b>x free <joined>y<arg>z<key>", "<|Us", "plain q"]
    for name, template in templates.items():
        for control in (None, ["<b>", "<|User|>"]):
            config = {"tokenizer_class": "TokenizersBackend", "chat_template": template} | ({"chat_control_tokens": control} if control else {})
            for content in contents:
                yield name, extra, config, [{"role": "user", "content": content}, {"role": "assistant", "content": "x" + content}]


def write_folder(folder, document, config, files):
    for name, content in {"tokenizer.json": document, "config.json": config, **files}.items():
        Path(folder, name).write_text(json.dumps(content))


def write_control_cases():
    golden = []
    for name, extra, config, messages in control_cases():
        document = families_cache["qwen2"] | {}
        n = len(document["model"]["vocab"])
        document["added_tokens"] = document["added_tokens"] + [token(c, id=n + 10 + i, special=False) for i, c in enumerate(extra)]
        with tempfile.TemporaryDirectory() as folder:
            write_folder(folder, document, {"model_type": "llama"}, {"tokenizer_config.json": config})
            tokenizer = AutoTokenizer.from_pretrained(folder)
            ids = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False, sanitize_control_tokens=True)
        golden.append({"name": name, "extra": extra, "config": config, "messages": messages, "ids": ids})
    (OUT / "control_token_cases.json").write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(len(golden), "conversations")


families_cache = families()


def main():
    documents = families_cache
    write_control_cases()
    golden = []
    for family, model_type, files in cases():
        with tempfile.TemporaryDirectory() as folder:
            write_folder(folder, documents[family], {"model_type": model_type}, files)
            tokenizer = AutoTokenizer.from_pretrained(folder)
            golden.append({"family": family, "model_type": model_type, "files": files, "named": tokenizer.special_tokens_map,
                           "ids": {text: tokenizer.encode(text) for text in TEXTS}})
    (OUT / "pretrained_cases.json").write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(len(golden), "folders")


if __name__ == "__main__":
    main()
