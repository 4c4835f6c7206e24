"""Tokenizer folders: one entry of tokenizer.json, tokenizer_config.json or special_tokens_map.json more, less or other.

Reference: transformers' AutoTokenizer: ids of texts, and the special tokens as a chat template gets them.
"""
import json
import os
import pathlib
import tempfile

os.environ["TRANSFORMERS_VERBOSITY"] = "critical"
os.environ["HF_HUB_OFFLINE"] = "1"

import entries
import transformers

GOLDENS = entries.GOLDENS
FOLDERS = ["reward_model/llama", "reward_model/gemma2"]
TEXTS = ["What is 2 + 2?", "<|begin_of_text|>Hi<|eot_id|> there", " a  b\n\n\tc ", "na\u00efve \u00c9\u00c0 \u6f22\u5b57 \U0001f600", "<s>[INST] x </s>", "don't 123456 it's\r\n",
         "<bos><start_of_turn>user\nHi<end_of_turn>", "\ufb01 A\u030a [PAD]", ""]
ROLES = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]
SHOWN = ROLES + ["image_token", "eot_token", "extra_special_tokens", "additional_special_tokens"]
TEMPLATE = "{{ messages[0].content }}" + "".join("|{{ " + name + " }}" for name in SHOWN)
TOKENS = ["<|begin_of_text|>", "<|eot_id|>", "[PAD]", "<bos>", "<eos>", "<pad>", "<unk>", "<s>", "</s>", "Hi", "<new>", "", "2", " there", "<|start_header_id|>"]
CONFIG_KEYS = ROLES + ["add_bos_token", "add_eos_token", "additional_special_tokens", "extra_special_tokens", "added_tokens_decoder", "tokenizer_class", "backend",
                       "model_max_length", "clean_up_tokenization_spaces", "add_prefix_space", "legacy", "use_fast", "do_lower_case", "split_special_tokens",
                       "padding_side", "truncation_side", "chat_template", "model_input_names", "sp_model_kwargs", "spaces_between_special_tokens", "from_slow",
                       "trim_offsets", "errors", "unk_id", "use_default_system_prompt", "image_token", "eot_token", "is_local", "processor_class", "auto_map",
                       "tokenizer_file", "fix_mistral_regex", "model_specific_special_tokens", "add_special_tokens", "strip_accents", "normalization"]
CLASSES = ["TokenizersBackend", "PreTrainedTokenizerFast", "LlamaTokenizer", "LlamaTokenizerFast", "GemmaTokenizer", "GemmaTokenizerFast", "GPT2Tokenizer",
           "Qwen2Tokenizer", "Qwen2TokenizerFast", "PreTrainedTokenizer", "MistralTokenizer", "T5Tokenizer", "Other", None, ""]
NORMALIZERS = [None, {"type": "NFC"}, {"type": "NFKC"}, {"type": "Lowercase"}, {"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "StripAccents"},
               {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
               {"type": "Replace", "pattern": {"Regex": "[0-9]+"}, "content": "0"}, {"type": "Sequence", "normalizers": []}, {"type": "Nmt"},
               {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}]
PRE_TOKENIZERS = [None, {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
                  {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": False}, {"type": "Whitespace"}, {"type": "WhitespaceSplit"},
                  {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}, {"type": "Digits", "individual_digits": True},
                  {"type": "Punctuation", "behavior": "Isolated"}, {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
                  {"type": "BertPreTokenizer"}, {"type": "Sequence", "pretokenizers": []}]
POST_PROCESSORS = [None, {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
                   {"type": "BertProcessing", "sep": ["x", 1], "cls": ["y", 2]}, {"type": "RobertaProcessing", "sep": ["x", 1], "cls": ["y", 2], "trim_offsets": True,
                                                                                     "add_prefix_space": True}, {"type": "Sequence", "processors": []}]


def added(content, **flags):
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **flags}


def pointer(path):
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in path)


def token_value(rng):
    content = rng.choice(TOKENS)
    flags = rng.choice([{}, {"lstrip": True}, {"rstrip": True}, {"single_word": True}, {"normalized": True}, {"special": False}, {entries.name(rng): 1}])
    return rng.choice([content, content, added(content, **flags), {"__type": "AddedToken", **added(content, **flags)}, None, entries.scalar(rng)])


def config_value(key, old, rng):
    if key in ROLES or key in ("image_token", "eot_token"):
        return token_value(rng)
    if key in ("additional_special_tokens", "extra_special_tokens", "model_specific_special_tokens"):
        return rng.choice([[token_value(rng)], [rng.choice(TOKENS), rng.choice(TOKENS)], {"image_token": rng.choice(TOKENS)}, [], {}, None])
    if key == "added_tokens_decoder":
        return {str(rng.choice([0, 1, 2, 5, 300, 511, 512, 5000])): added(rng.choice(TOKENS), **rng.choice([{}, {"special": False}, {"lstrip": True}]))}
    if key == "tokenizer_class":
        return rng.choice(CLASSES)
    if key.startswith(("add_", "do_", "split_", "clean_", "legacy", "use_", "from_", "spaces_", "fix_")) and rng.random() < 0.8:
        return rng.choice([True, False, None])
    return entries.neighbour(rng, old)


def change_config(files, rng):
    config = json.loads(files["tokenizer_config.json"])
    key = rng.choice([rng.choice(CONFIG_KEYS), rng.choice(CONFIG_KEYS), rng.choice(sorted(config)), entries.name(rng)])
    if rng.random() < 0.1 and key in config:
        del config[key]
    else:
        config[key] = config_value(key, config.get(key), rng)
    files["tokenizer_config.json"] = json.dumps(config)
    return entries.names_in(config.get(key), [key])


def change_map(files, rng):
    tokens = {key: value for key, value in json.loads(files["tokenizer_config.json"]).items() if key in ROLES}
    key = rng.choice(ROLES + ["additional_special_tokens", "image_token", entries.name(rng)])
    tokens[key] = config_value(key, tokens.get(key), rng)
    files["special_tokens_map.json"] = json.dumps(tokens)
    return entries.names_in(tokens[key], [key, "special_tokens_map.json"])


def change_tokenizer(source):
    def change(files, rng):
        content = json.loads((GOLDENS / source / "tokenizer.json").read_text())
        part = rng.choice(["normalizer", "pre_tokenizer", "post_processor", "decoder", "added_tokens", "added_tokens", "model", "truncation", "padding", "version", "other"])
        pools = {"normalizer": NORMALIZERS, "pre_tokenizer": PRE_TOKENIZERS, "post_processor": POST_PROCESSORS, "version": ["1.0", "2.0", None, 1],
                 "decoder": [None, {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}, {"type": "Fuse"}],
                 "truncation": [None, {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}],
                 "padding": [None, {"strategy": {"Fixed": 12}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}]}
        if part == "other":
            path = [entries.name(rng)]
            value = entries.value(rng)
        elif part == "model":
            path = ["model", rng.choice(["type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges",
                                         entries.name(rng)])]
            value = entries.neighbour(rng, content["model"].get(path[1])) if rng.random() < 0.6 else rng.choice([0.0, 0.5, "", "##", "Hi", True, False, None])
        elif part == "added_tokens":
            i = rng.randrange(len(content["added_tokens"]))
            path = ["added_tokens", i, rng.choice(["id", "content", "single_word", "lstrip", "rstrip", "normalized", "special", entries.name(rng)])]
            old = content["added_tokens"][i].get(path[2])
            value = rng.choice(TOKENS) if path[2] == "content" else entries.neighbour(rng, old)
            if path[2] == "id" and isinstance(value, (int, float)) and abs(value) > 100000:
                value = 600
        elif rng.random() < 0.4 or not isinstance(content.get(part), dict):
            path, value = [part], rng.choice(pools[part])
        else:
            inner, item = rng.choice([(p, i) for p, i in entries.containers(content[part]) if i])
            key = rng.choice(list(item) if isinstance(item, dict) else range(len(item)))
            path, value = [part, *inner, key], entries.neighbour(rng, item[key])
        files["tokenizer.json"] = {"golden": f"{source}/tokenizer.json", "patch": [{"op": "add" if not isinstance(path[-1], int) else "replace", "path": pointer(path),
                                                                                     "value": value}]}
        names = [str(key) for key in path if isinstance(key, str)]
        if isinstance(value, dict) and isinstance(value.get("type"), str):
            names.append(value["type"])
        return names + [value] if isinstance(value, str) and value else names
    return change


def patched(content):
    """The JSON of a file with a patch."""
    document = json.loads((GOLDENS / content["golden"]).read_text())
    for change in content["patch"]:
        keys = [key.replace("~1", "/").replace("~0", "~") for key in change["path"].split("/")[1:]]
        target = document
        for key in keys[:-1]:
            target = target[int(key) if isinstance(target, list) else key]
        target[int(keys[-1]) if isinstance(target, list) else keys[-1]] = change["value"]
    return json.dumps(document)


def read(files):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        entries.materialise({path: patched(content) if isinstance(content, dict) and "patch" in content else content for path, content in files.items()}, folder)
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            ids = [tokenizer(text)["input_ids"] for text in TEXTS]
            rendered = tokenizer.apply_chat_template([{"role": "user", "content": "x"}], chat_template=TEMPLATE, tokenize=False)
            rendered.encode()
            return [ids, rendered]
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # whatever it is, a panic of the library too, nothing is encoded
            return None


WITHOUT = {}


def mutation(rng):
    source = rng.choice(FOLDERS)
    files = {name: {"golden": f"{source}/{name}"} for name in ("tokenizer.json", "config.json")}
    files["tokenizer_config.json"] = (GOLDENS / source / "tokenizer_config.json").read_text()
    if source not in WITHOUT:
        WITHOUT[source] = read(files)
    names = rng.choice([change_config, change_config, change_map, change_tokenizer(source), change_tokenizer(source)])(files, rng)
    expected = read(files)
    case = {"reader": "tokenizer", "files": files, "read": {"texts": TEXTS, "template": TEMPLATE}, "names": [name for name in names if name], "account": False,
            "expected": [] if expected is None else [expected], "without": WITHOUT[source]}
    return entries.writable(case)
