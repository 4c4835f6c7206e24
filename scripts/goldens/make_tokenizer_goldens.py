"""Writes tests/goldens/text/tokenizer_*: small tokenizers of several families and the ids that `tokenizers` gives.

Also the source of families and random texts for bench/tokenizer/compare_corpus.py.
"""

import gzip
import hashlib
import json
import random
import sys
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

assert tokenizers.__version__ == "0.23.3", tokenizers.__version__

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "tests" / "goldens" / "text"
SHARED = ROOT.parent / "shared"
LLAMA_REGEX = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
               r"\s+(?!\S)|\s+")
QWEN_REGEX = LLAMA_REGEX.replace("{1,3}", "")
TRAIN = [
    "The quick brown fox jumps over the lazy dog. It's what we'll do, isn't it? They've said I'm right; you're not.",
    "def main(argc, argv):\n    for i in range(10):\n        print(i, argc[i])\n\n    return {'a': 1, \"b\": [2, 3]}\n",
    "Größe, Übermaß und Fußgängerübergänge — naïve café façade, l'été déjà passé; el niño mañana.",
    "Быстрая коричневая лиса перепрыгивает через ленивую собаку. Привет, как дела?",
    "敏捷的棕色狐狸跳过懒狗。你好世界,今天天气很好。", "こんにちは世界。すばやい茶色の狐がのろまな犬を飛び越える。カタカナ",
    "빠른 갈색 여우가 게으른 개를 뛰어넘습니다. 안녕하세요", "نص عربي للتجربة، مرحبا بالعالم", "שלום עולם, בדיקה",
    "नमस्ते दुनिया, यह एक परीक्षण है", "สวัสดีชาวโลก นี่คือการทดสอบ", "αβγδ Ελληνικά κείμενο για δοκιμή",
    "12345 67890 3.14159 1,000,000 2024-01-31 $5.00 50% a+b=c x**2 <= y && z != w // comment",
    "user model system assistant 😀😃🎉👍🏽👩‍👩‍👧‍👦",
] * 4


def trained(pre, specials, initial, size=900):
    tok = Tokenizer(models.BPE(unk_token="<unk>" if "<unk>" in specials else None))
    tok.pre_tokenizer = pre
    tok.train_from_iterator(TRAIN, trainers.BpeTrainer(vocab_size=size, special_tokens=specials, show_progress=False,
                                                       initial_alphabet=initial))
    return json.loads(tok.to_str())


def added(content, id=0, special=True, normalized=False, **flags):
    base = {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": normalized, "special": special}
    return base | flags


def template(token, id):
    return {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": token, "type_id": 0}},
                                                     {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {token: {"id": token, "ids": [id], "tokens": [token]}}}


def byte_level(regex, normalizer, extra, prefix=False):
    doc = trained(pre_tokenizers.ByteLevel(add_prefix_space=False), [], pre_tokenizers.ByteLevel.alphabet())
    bl = {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex is None}
    split = {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}
    doc["pre_tokenizer"] = bl if regex is None else {"type": "Sequence", "pretokenizers": [split, bl]}
    doc["normalizer"] = normalizer
    n = len(doc["model"]["vocab"])
    doc["added_tokens"] = [added(**token) | {"id": n + i} for i, token in enumerate(extra)]
    doc["post_processor"] = dict(bl)
    doc["decoder"] = dict(bl)
    return doc


def sentencepiece(normalizer, pre, specials, extra=(), fuse=True, fallback=True):
    names = ["<pad>", "<eos>", "<bos>", "<unk>"] + specials
    names += [f"<0x{b:02X}>" for b in range(256)] if fallback else []
    doc = trained(pre_tokenizers.Metaspace(), names, [])
    doc["normalizer"], doc["pre_tokenizer"] = normalizer, pre
    doc["model"].update(fuse_unk=fuse, byte_fallback=fallback, unk_token="<unk>")
    # The published files have no byte tokens among the added ones.
    doc["added_tokens"] = [t for t in doc["added_tokens"] if not t["content"].startswith("<0x")]
    doc["added_tokens"] += [added(**token) for token in extra]
    doc["post_processor"] = template("<bos>", 2)
    doc["decoder"] = {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]}
    return doc


def families():
    mark = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    chat = [{"content": c} for c in ("<|im_start|>", "<|im_end|>", "<|endoftext|>")]
    flags = [{"content": "<mask>", "lstrip": True}, {"content": "<right>", "rstrip": True},
             {"content": "word", "single_word": True, "special": False}, {"content": "<mask><right>"},
             {"content": "Éa", "normalized": True, "special": False}, {"content": " the", "special": False},
             {"content": "<mask>", "special": True}]
    runs = [{"content": c * k, "special": False} for c in "\n▁\t" for k in range(2, 6)]
    strip_decoder = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    llama2 = sentencepiece({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, mark]}, None, [])
    llama2["decoder"]["decoders"].append(strip_decoder)
    plain = sentencepiece({"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}, {"type": "Strip", "strip_left": True, "strip_right": True}]},
                          {"type": "Sequence", "pretokenizers": [
                              {"type": "Digits", "individual_digits": True},
                              {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}]},
                          [], [{"content": "Ｆoo", "normalized": True, "special": False}], fuse=False, fallback=False)
    return {
        "gemma2": sentencepiece(mark, {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious",
                                       "invert": False}, ["<start_of_turn>", "<end_of_turn>"], runs),
        "llama2": llama2,
        "mistral": sentencepiece(None, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first",
                                        "split": False}, ["[INST]", "[/INST]"]),
        "qwen2": byte_level(QWEN_REGEX, {"type": "NFC"}, chat),
        "llama3": byte_level(LLAMA_REGEX, None, chat),
        "gpt2": byte_level(None, None, chat),
        "flags": byte_level(None, {"type": "NFD"}, flags, prefix=True),
        "nfkc": plain,
    }


BLOCKS = [(0x20, 0x7f), (0xa0, 0x250), (0x300, 0x370), (0x370, 0x530), (0x590, 0x700), (0x900, 0xe00), (0xe00, 0xf00),
          (0x1100, 0x1200), (0x1e00, 0x2070), (0x2070, 0x2c00), (0x3000, 0x3100), (0x4e00, 0x5200), (0xac00, 0xb000),
          (0xf900, 0xfb50), (0xfe00, 0x10000), (0x10000, 0x11fff), (0x1d400, 0x1d800), (0x1f300, 0x1fa00), (0, 0x110000)]
SPECIALS = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|begin_of_text|>", "<|start_header_id|>",
            "<|end_header_id|>", "<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>", "<unk>", "[INST]", "[/INST]",
            "<mask>", "<right>", " <mask> ", "<right>  ", "word", "Éa", "E\u0301a", "ｆｏｏ", "<0x0A>", "▁", "▁▁", "<|im_", "the"]
SPACES = [" ", "  ", "    ", "\n", "\n\n", "\r\n", "\t", " \n", "\n ", "\u00a0", "\u2003", "\u3000", "\u180e", "\u0085"]
PIECES = ["'s", "'S", "'ſ", "'t", "'re", "'LL", "'ve", "'d", "'", "''", "’s", "don't", "I'M", "0", "12", "123", "4567890",
          "...", "->", "!=", "{}", "();", "\u200d", "👩‍👩‍👧‍👦", "👍🏽", "🏳️‍🌈", "\x00", "\x07", "\x1b[0m", "\x7f", "\ufeff", "\ufffd"]


def random_text(rng):
    parts = []
    for _ in range(rng.randrange(1, 9)):
        kind = rng.random()
        if kind < 0.3:
            parts += rng.sample(rng.choice(TRAIN).split(" "), 1)
        elif kind < 0.45:
            parts.append(rng.choice(SPACES) * rng.choice([1, 1, 1, 2, 3]))
        elif kind < 0.6:
            parts.append(rng.choice(PIECES))
        elif kind < 0.7:
            parts.append(rng.choice(SPECIALS))
        else:
            low, high = rng.choice(BLOCKS)
            chars = [rng.randrange(low, high) for _ in range(rng.randrange(1, 7))]
            parts.append("".join(chr(c) for c in chars if not 0xD800 <= c < 0xE000))
        if rng.random() < 0.3:
            parts.append(" ")
    return "".join(parts)


def texts(count=110):
    rng = random.Random(7)
    fixed = ["", " ", "\n", "a", *TRAIN[:14], *SPECIALS, *PIECES, *SPACES, " " * 200, "\n" * 90, "9" * 100, "a" * 300,
             "ab" * 200, "é" * 60, "e\u0301\u0316" * 20, "١٢٣٤٥", "x" + " " * 7 + "y", "no<mask>  tail", "  <right>  x",
             "sword word words word. \U00011bf3word word\U0001e5f1", "\U00011de2\U00016ff4\U00011bf3", "<|im_start|>user\nhi <|im_end|><|im_end|>"]
    return fixed + [random_text(rng) for _ in range(count)]


def data_texts():
    return [text for text in texts(40) if text] + ["<mask><right>", "a<mask><right>word word", "<end_of_turn>\n\n\n<start_of_turn>",
                                                   "x\n\n\n\n\n\ny  z\t\t\t", "<|im_start|>user\n\nthe word the<right>  word Éa E\u0301a"]


def shared_rows():
    from transformers import AutoTokenizer
    tok = AutoTokenizer.from_pretrained(SHARED / "llama3-tokenizer")
    rows = []
    for line in gzip.open(SHARED / "data" / "hh_rlhf_harmless_pairs.jsonl.gz", "rt", encoding="utf-8"):
        row = json.loads(line)
        for side in ("chosen", "rejected"):
            assert "<|" not in json.dumps(row[side])
            text = tok.apply_chat_template(row[side], tokenize=False)
            ids = tok(text, add_special_tokens=False)["input_ids"]
            rows.append(hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()[:16])
    return rows


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    real = {"real_llama3": (SHARED / "llama3-tokenizer" / "tokenizer.json").read_text()}
    cases, as_data = {}, {}
    for name, doc in (families() | real).items():
        source = doc if isinstance(doc, str) else json.dumps(doc, ensure_ascii=False, separators=(",", ":"))
        if name not in real:
            (OUT / f"tokenizer_{name}.json").write_text(source + "\n", encoding="utf-8")
        tok = Tokenizer.from_str(source)
        rows = []
        for text in texts():
            ids = tok.encode(text, add_special_tokens=False).ids
            rows.append({"text": text, "ids": ids, "special": tok.encode(text, add_special_tokens=True).ids[:2],
                         "decoded": tok.decode(ids, skip_special_tokens=False)})
        cases[name] = rows
        tok.encode_special_tokens = True  # required for the content of a message
        as_data[name] = [{"text": text, "ids": tok.encode(text, add_special_tokens=False).ids} for text in data_texts()]
    (OUT / "tokenizer_cases.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
    (OUT / "tokenizer_data_cases.json").write_text(json.dumps(as_data, separators=(",", ":")) + "\n")
    (OUT / "tokenizer_shared_rows.txt").write_text("\n".join(shared_rows()) + "\n")


if __name__ == "__main__":
    sys.exit(main())
