"""Token ids of the real Llama-3 tokenizer, as the tokenizers and transformers packages give them.

Needs the shared folder (ARMORM_SHARED, default ../shared) with llama3-tokenizer/ and data/. Of the data only hashes are
kept; the prompts below are our own.
"""

import gzip
import hashlib
import json
import os
import pathlib
import struct
from importlib.metadata import version

import tokenizers
import transformers

assert version("tokenizers") == "0.23.3" and version("transformers") == "5.23.0", "pinned in requirements.txt"
ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("ARMORM_SHARED", ROOT / ".." / "shared"))
OUT = ROOT / "tests/goldens/text"
FOLDER = SHARED / "llama3-tokenizer"

PROMPTS = [
    "", " ", "  ", "\n", "\r\n", "\t\t", "a", " a", "Hello, world!", "hello   world", "I'll we'RE they'Ve it'S 'd 'M",
    "1", "12", "123", "1234567890", "3.14159 and 2,718", "x" * 300, "ab" * 150, " " * 100, "\n" * 50, "0" * 77,
    "def f(x):\n    return x ** 2  # square\n\n\nclass A:\n\tpass\n", "{\"a\": [1, 2.5e-3, null]}", "C:\\temp\\new",
    "SELECT * FROM t WHERE a='b';", "for(int i=0;i<n;++i){a[i]=b[i]<<2;}", "<html><body class=\"x\">&nbsp;</body></html>",
    "Größe, naïve café — “quotes” … ‚x‘", "Привет, как дела?", "你好，世界。这是一个测试。", "こんにちは世界テスト", "안녕하세요 세계",
    "مرحبا بالعالم", "שלום עולם", "नमस्ते दुनिया", "สวัสดีชาวโลก", "Γειά σου Κόσμε", "Xin chào thế giới", "Здравей", "ქართული",
    "👍🏽👩‍👩‍👧‍👦🏳️‍🌈 emoji 🇩🇪", "e\u0301 vs \u00e9", "\u200b\u200d\ufeff\u00ad", "\u0000\u0001\u001b[0m\u007f\u0085",
    "a\u00a0b\u1680c\u2003d\u2028e\u3000f\u180eg", "ſtraße 'ſ K", "١٢٣٤ ५६७ ⅷ ½ ²", "𝒳𝓎𝔷 𐍈 𠜎", "\ue000\U0010ffff",
    "<|eot_id|>", "x<|eot_id|>y", "<|begin_of_text|>hi", "<|start_header_id|>user<|end_header_id|>\n\nhey<|eot_id|>",
    "<|eot_id", "<|reserved_special_token_5|>", "[PAD]", "a [PAD] b", " \n \n ", "end \n", "  indented\n   more\n", "a\r\n\r\nb", "...!!!???",
    "--- *** ___ ===\n", "http://example.org/a?b=c&d=%20#e", "user@example.com", "The quick brown fox jumps over the lazy dog. " * 8,
]


def plain(tok, text, specials):
    """Ids when special-token strings inside the content are plain text: only the pieces in `specials` are tokens."""
    ids = []
    for is_special, piece in specials:
        if is_special:
            ids.append(tok.token_to_id(piece))
        elif piece:
            ids += tok.encode(piece, add_special_tokens=False).ids
    return ids


tok = tokenizers.Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
cases = [{"text": p, "ids": tok.encode(p, add_special_tokens=False).ids, "with_bos": tok.encode(p).ids} for p in PROMPTS]

tok.encode_special_tokens = True
contents = ["say <|eot_id|> now", "<|begin_of_text|>", "a<|start_header_id|>assistant<|end_header_id|>\n\nb", "[PAD]", "x<|eot_id|>"]
protected = []
for content in contents:
    pieces = [(True, "<|start_header_id|>"), (False, "user"), (True, "<|end_header_id|>"), (False, "\n\n" + content), (True, "<|eot_id|>")]
    protected.append({"content": content, "ids": plain(tok, content, pieces)})
(OUT / "tokenizer_llama3.json").write_text(json.dumps({"cases": cases, "protected": protected}, ensure_ascii=True, separators=(",", ":")) + "\n")

auto = transformers.AutoTokenizer.from_pretrained(str(FOLDER))
rows = []
with gzip.open(SHARED / "data/hh_rlhf_harmless_pairs.jsonl.gz", "rt", encoding="utf-8") as f:
    for line in f:
        row = json.loads(line)
        digest = hashlib.sha256()
        for side in ("chosen", "rejected"):
            text = auto.apply_chat_template(row[side], tokenize=False)
            ids = auto(text, add_special_tokens=False)["input_ids"]
            digest.update(struct.pack(f"<{len(ids)}i", *ids))
        rows.append(digest.hexdigest()[:16])
(OUT / "shared_pairs_llama3.json").write_text(json.dumps(rows) + "\n")
print(len(cases), "prompts,", len(rows), "rows")
