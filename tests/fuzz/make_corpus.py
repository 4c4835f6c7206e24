#!/usr/bin/env python3
"""Makes the seeds of the fuzz targets (tests/fuzz/corpus/<target>/seed-*) from the goldens: small ones unchanged,
tokenizers cut to a few tokens, and the answers of a Hub. Findings of fuzzing are in the same folders under other names.

    tests/fuzz/make_corpus.py          # needs nothing but Python
"""
import gzip
import hashlib
import json
import pathlib
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDENS = ROOT / "tests/goldens"
CORPUS = ROOT / "tests/fuzz/corpus"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def seed(target, name, data, kind="seed"):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{kind}-{name}").write_bytes(data if isinstance(data, bytes) else data.encode())


def regression(target, name, data):
    seed(target, name, data, "regression")


def copy(target, pattern, prefix=b"", limit=4096):
    for path in sorted(GOLDENS.glob(pattern)):
        if path.stat().st_size <= limit:
            seed(target, "-".join(path.relative_to(GOLDENS).parts[-2:]), prefix + path.read_bytes())


def small_tokenizer(path):
    """The first tokens of a vocabulary, what their merges need, and every other component as it is."""
    tokenizer = json.loads(path.read_text())
    model = tokenizer["model"]
    keep = dict(list(sorted(model["vocab"].items(), key=lambda item: item[1]))[:24])
    merges = []
    for merge in model["merges"]:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        if len(merges) < 6:
            for token in (left, right, left + right):
                if token in model["vocab"]:
                    keep[token] = model["vocab"][token]
            merges.append(merge)
    if model.get("unk_token"):
        keep[model["unk_token"]] = model["vocab"][model["unk_token"]]
    tokenizer["added_tokens"] = tokenizer["added_tokens"][:3]
    names = {token["content"] for token in tokenizer["added_tokens"]}
    for name in names & set(model["vocab"]):
        keep[name] = model["vocab"][name]
    model["vocab"], model["merges"] = keep, merges
    return json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))


def stored_pickles(target, pattern):
    for path in sorted(GOLDENS.glob(pattern)):
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if entry.filename.endswith("data.pkl")]
            for entry in entries:
                if entry.CRC != 0:  # no_checksums.pt is a seed only as a file
                    seed(target, path.stem, archive.read(entry))


def hub_answer(status, headers, body=""):
    lines = [f"HTTP/1.1 {status} X", *(f"{key}: {value}" for key, value in headers.items())]
    if "Content-Length" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines + ["Connection: close", "", ""]) + body


def hub_seeds():
    body = b"hello\n"
    sha256 = hashlib.sha256(body).hexdigest()
    sha1 = hashlib.sha1(b"blob 6\0" + body).hexdigest()
    listing = json.dumps({"sha": COMMIT, "siblings": [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]})
    head = {"X-Repo-Commit": COMMIT, "ETag": f'"{sha1}"', "Content-Length": 6}
    lfs = {"X-Repo-Commit": COMMIT, "X-Linked-Etag": f'"{sha256}"', "X-Linked-Size": 6, "Location": "@ELSEWHERE/x?signature=s"}
    get = [hub_answer(200, {}, "hello\n")] * 4
    heads = [hub_answer(200, head), hub_answer(302, lfs)]
    sessions = {
        "whole": [hub_answer(200, {}, listing), *heads, *get],
        "redirected": [hub_answer(307, {"Location": "@HUB/other"}), hub_answer(200, {}, listing), *heads, *get],
        "away": [hub_answer(302, {"Location": "@ELSEWHERE/other"}), *get],
        "busy": [hub_answer(429, {"Retry-After": "1"}), hub_answer(503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"})],
        "refused": [hub_answer(401, {"X-Error-Code": "GatedRepo"}, "no")],
        "cut": [hub_answer(200, {}, listing), *heads, hub_answer(200, {"Content-Length": 6}, "hel"),
                hub_answer(206, {"Content-Range": "bytes 3-5/6"}, "lo\n"), *get],
        "names": [hub_answer(200, {}, json.dumps({"sha": COMMIT, "siblings": [
            {"rfilename": "../../x.safetensors"}, {"rfilename": "/etc/x.json"}]}))],
        "chunked": [hub_answer(200, {"Transfer-Encoding": "chunked"}, f"{len(listing):x}\r\n{listing}\r\n0\r\n\r\n")],
    }
    for name, answers in sessions.items():
        seed("hub_session", name, b"\xff".join(answer.encode() for answer in answers))
    seed("hub_answers", "list", "l" + listing)
    names = ["a/../b.parquet", "data/train.parquet", "README.md", ".x/y.json", "x\\y.csv", "", "a//b.json", "c.jsonl.zst"]
    seed("hub_answers", "names", "l" + json.dumps({"sha": COMMIT, "siblings": [{"rfilename": name} for name in names]}))
    for name, headers in {"git": head, "lfs": lfs}.items():
        seed("hub_answers", name, "h" + "".join(f"{key.lower()}:{value}\n" for key, value in headers.items()))
    for i, location in enumerate(["/other?x=1", "https://user:word@host:443/p?q#f", "//host/x", "file:///etc/passwd",
                                  "http://[::1]:80/", "../up/../down", "https://h%2f/%00"]):
        seed("hub_answers", f"redirect{i}", "r" + location)


def row_seeds():
    for name in ("lines.jsonl", "array.json", "lines.jsonl.gz", "lines.jsonl.zst", "windows.jsonl"):
        seed("rows_json", name, (GOLDENS / "data/formats" / name).read_bytes())
    messages = '[{"role":"user","content":"a\\u00e9"},{"role":"assistant","content":"\\ud83d\\ude00"}]'
    seed("rows_json", "labelled", f'{{"messages":{messages},"score":0.5}}\n{{"messages":{messages},"score":null}}\n')
    seed("rows_json", "pairs", f'{{"chosen":{messages},"rejected":{messages},"source":"x"}}\n{{"chosen":"a","rejected":"b"}}\n')
    seed("rows_csv", "pairs", 'cprompt,chosen,rejected,score\n"a ""b""\n",c,d,1.5\nNA,,e,True\n')
    seed("rows_csv", "tabs", 'tprompt\tchosen\trejected\n"a\tb"\tc\td\r\n')
    seed("rows_csv", "gzip", b"c" + gzip.compress(b"prompt,chosen,rejected\nx,y,z\n", mtime=0))
    copy("rows_csv", "data/formats/*.csv", b"c")
    copy("rows_csv", "data/formats/*.tsv", b"t")
    copy("rows_arrow", "data/formats/*.arrow")
    copy("rows_arrow", "data/saved_single/*.arrow")
    copy("rows_parquet", "data/formats/*.parquet")
    copy("rows_parquet", "data/sets/*/data/*.parquet")


def journal_seeds():
    key = {"resume_key": {"weights": "ab", "--seq_len": "8192"}}
    chunk = {"next_sequence": 4, "budget": 64, "requests": 2, "rows": [0, 3], "sha256": "ab" * 32, "non_finite": [1]}
    text = "".join(json.dumps(line) + "\n" for line in (key, chunk, chunk))
    seed("journal", "chunks", "c" + text)
    seed("journal", "raw", "r0123abcd " + json.dumps(key) + "\n")


def card_seeds():
    cards = {
        "files": "configs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train-*\n  - split: test\n    path:\n    - data/test/*.csv\n    - a.jsonl\n",
        "folder": "configs:\n- config_name: b\n  default: true\n  data_dir: data\n- config_name: c\n  data_files: '**/*.jsonl'\n",
        "outside": "configs:\n- {config_name: default, data_files: ../outside.jsonl}\n",
        "link": "configs:\n- {config_name: default, data_files: [link.jsonl, 'up/*', \"[!a]*/**\"]}\n",
        "anchors": "x: &a [1, 2]\nconfigs:\n- config_name: &n default\n  data_files: [*n, a.jsonl]\n",
        "block": "configs:\n- config_name: default\n  data_files: |\n    a.jsonl\n",
    }
    for name, text in cards.items():
        seed("dataset_card", name, f"---\n{text}---\n# Title\n")
    seed("saved_dataset", "dict", 'd{"splits": ["train", "test"]}')
    seed("saved_dataset", "state", 's{"_data_files": [{"filename": "a.arrow"}], "_split": "train"}')
    seed("saved_dataset", "rows", 's{"_data_files":[{"filename":"rows.jsonl"}]}')
    seed("saved_dataset", "outside", 's{"_data_files": [{"filename": "../outside.arrow"}, {"filename": "link.arrow"}]}')


def text_seeds():
    for path in sorted(GOLDENS.glob("text/tokenizer_*.json")):
        if not path.stem.endswith("_cases"):
            seed("tokenizer", path.stem[len("tokenizer_"):], small_tokenizer(path))
    copy("chat_template", "text/template/*.jinja", limit=5000)
    snippets = json.loads((GOLDENS / "text/template/snippets.json").read_text())
    sources = []
    def collect(value):
        if isinstance(value, dict):
            for key, item in value.items():
                if key in ("source", "template") and isinstance(item, str):
                    sources.append(item)
                collect(item)
        elif isinstance(value, list):
            for item in value:
                collect(item)
    collect(snippets)
    for i, source in enumerate(sources[::4]):
        seed("chat_template", f"snippet{i}", source)
    texts = ["\x00\x00Hello <|eot_id|> world", "\x01\x05a\u00e9\u2019 don't 123\n\n", "\x02\x03\U0001f600e\u0301 \ufb01",
             "\x06\x02\ufdfa\u1e9b\u0323", "\x07\x04 <special> \t x", "\x03\x01\u2581a  b", "\x04\x02[INST]\u0000"]
    for i, text in enumerate(texts):
        seed("encode", str(i), text)


def text_item(text):
    return b"X" + len(text).to_bytes(4, "little") + text.encode()


def pickled_tensor(key, sizes):
    storage = b"(" + text_item("storage") + b"ctorch\nFloatStorage\n" + text_item(key) + text_item("cpu") + b"K\x01tQ"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00" + sizes + sizes + b"tR"


def regressions():
    """Inputs that readers once accepted by mistake, or that cost them too much."""
    header = b'{"a":{"dtype":"U8","shape":[4611686018427387904,2,0],"data_offsets":[0,0]}}'
    regression("safetensors", "product-of-sizes", len(header).to_bytes(8, "little") + header)
    regression("safetensors_index", "long-name", '{"weight_map":{"a":"' + "a" * 1000 + '"}}')
    regression("saved_dataset", "long-name", 's{"_data_files":[{"filename":"' + "a" * 1000 + '"}]}')
    regression("saved_dataset", "no-files", 's{"_data_files":[]}')
    regression("program_config", "deep", '{"common":{"model_path":' + "[" * 20000 + "]" * 20000 + "}}")
    regression("program_config", "past-int64", '{"stage2-train":{"seed":18446744073709551615}}')
    chunk = {"next_sequence": 1e300, "budget": 1, "requests": 1, "rows": [1e300], "sha256": "", "non_finite": []}
    regression("journal", "rows-of-fractions", 'c{"resume_key":{}}\n' + json.dumps(chunk) + "\n")
    sizes = b"(" + b"K\x01" * 500 + b"tq\x00"
    regression("pickle", "sizes-by-memo", b"\x80\x02" + sizes + b"}(" + b"".join(
        text_item(str(i)) + pickled_tensor("0", b"h\x00") for i in range(20)) + b"u.")
    regression("pickle", "name-by-memo", b"\x80\x02}(" + text_item("n" * 1000) + b"q\x00" + pickled_tensor("0", b")") +
               b"q\x01" + b"h\x00h\x01" * 300 + b"u.")
    tokenizer = json.loads((CORPUS / "tokenizer/seed-gpt2").read_text())
    replace = {"type": "Replace", "pattern": {"String": "e"}, "content": "eeee"}
    tokenizer["normalizer"] = {"type": "Sequence", "normalizers": [replace] * 30}
    regression("tokenizer", "growing-text", json.dumps(tokenizer))
    tokenizer["normalizer"], tokenizer["decoder"] = None, {"type": "Sequence", "decoders": [replace] * 30}
    regression("tokenizer", "growing-decoder", json.dumps(tokenizer))


def request_seeds():
    bodies = {"score": '{"rows":[{"id":7,"prompt":"q","response":"a"},[{"role":"user","content":"q"}]],"fields":["score"]}',
              "get_reward": '{"query":["<s>a","b"],"prompts":["a","b"],"labels":[null,"x"]}',
              "slime": '{"prompt":[{"role":"user","content":"q"}],"response":"a","label":"4"}',
              "classify": '{"model":"m","input":["a"],"encoding_format":"float"}', "v1_classify": '{"text":"a"}',
              "pooling": '{"messages":[{"role":"user","content":[{"type":"text","text":"q"}]}]}',
              "line": '{"messages":[{"role":"assistant","content":"a"}]}'}
    for number, (name, body) in enumerate(bodies.items()):
        seed("serve_protocols", name, bytes([number]) + body.encode())


def connection_seeds():
    """The first byte says how the bytes are sent: see http_connection_fuzz.cpp."""
    post = "POST /echo HTTP/1.1\r\nHost: a\r\n"
    requests = {"get": "GET /x?y=%41 HTTP/1.1\r\nHost: a\r\n\r\n", "head": "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
                "length": post + "Content-Length: 3\r\n\r\nabc",
                "chunked": post + "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nTrailer: t\r\n\r\n",
                "both": post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "expect": post + "Expect: 100-continue\r\nContent-Length: 1\r\n\r\na", "expects_more": post + "Expect: x\r\n\r\n",
                "stream": "POST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n1\r\n\n\r\n0\r\n\r\n",
                "old": "POST /stream HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}",
                "refused": "POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
                "pipeline": ("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n" + post + "Content-Length: 1\r\n\r\nx") * 2,
                "too_large": post + "Content-Length: 257\r\n\r\n" + "x" * 257, "no_request": "\r\n\r\nx\r\n\r\n",
                "long_head": post + "".join(f"Name{i}: {'v' * 50}\r\n" for i in range(10)) + "\r\n",
                "upgrade": "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n"}
    for number, (name, text) in enumerate(requests.items()):
        seed("http_connection", name, bytes([number % 16]) + text.encode())
        seed("http_connection", name + "-whole", b"\0" + text.encode())


def main():
    copy("safetensors", "io/*.safetensors")
    copy("safetensors_index", "io/sharded/*.json")
    seed("safetensors_index", "outside", '{"weight_map":{"a":"../outside.safetensors","b":"model-00001-of-00002.safetensors"}}')
    copy("pt", "pt/*.pt")
    copy("pt", "weight_files/*/pytorch_model.bin")
    stored_pickles("pickle", "pt/*.pt")
    copy("model_config", "model/*/config.json")
    copy("adapter_config", "adapter/*/adapter_config.json")
    for path in sorted((ROOT / "configs").glob("*.json")):
        seed("program_config", path.stem, path.read_bytes())
    seed("program_config", "all", '{"common":{"n_shards":1,"model_path":"x"},"stage2-train":{"eval_reward_bench":true,"seed":-3,'
         '"learning_rate":1e-3,"device":"b","eval":["x"],"penalty_grid":[0.5,1],"shards":[1,2]}}')
    row_seeds()
    card_seeds()
    text_seeds()
    hub_seeds()
    journal_seeds()
    request_seeds()
    connection_seeds()
    regressions()
    total = sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file())
    print(f"{total} bytes below {CORPUS}")


main()
