#!/usr/bin/env python3
"""Makes tests/goldens/data: small data sets with the schemas of the public ones, written by pyarrow and `datasets`,
and what `datasets` reads from them; and which files `datasets` takes for each split in many folder layouts."""

import gzip
import json
import os
import pathlib
import shutil
import tempfile

import datasets
import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet as pq
from datasets.data_files import DataFilesDict, get_data_patterns

assert datasets.__version__ == "5.2.0", datasets.__version__
assert pa.__version__ == "26.0.1", pa.__version__
datasets.disable_progress_bars()

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "data"

ATTRIBUTES = (
    [f"helpsteer-{a}" for a in ("helpfulness", "correctness", "coherence", "complexity", "verbosity")]
    + [
        f"ultrafeedback-{a}"
        for a in ("overall_score", "instruction_following", "truthfulness", "honesty", "helpfulness")
    ]
    + ["beavertails-is_safe", "prometheus-score", "argilla-overall_quality", "argilla-judge_lm"]
    + [f"code-{a}" for a in ("complexity", "style", "explanation", "instruction-following", "readability")]
)

MESSAGE = pa.struct([("content", pa.string()), ("role", pa.string())])
MESSAGES = pa.list_(MESSAGE)


def turns(*contents, system=None):
    roles = ("user", "assistant")
    messages = [{"content": c, "role": roles[i % 2]} for i, c in enumerate(contents)]
    return ([{"content": system, "role": "system"}] if system else []) + messages


CONVERSATIONS = [
    turns("How tall is a giraffe?", "About five metres."),
    turns("Salut, \u00e7a va ?", "Tr\u00e8s bien \U0001f992, merci.", "Et ta s\u0153ur ?", "Elle va bien.\n\nEt toi ?"),
    turns("Name a prime.", "7", system="Answer with one number."),
    turns('Quote: "a,b"\tand \\ back', "line one\r\nline two"),
    turns("", "An empty question."),
]


def multi_objective():
    rows = []
    for i, conversation in enumerate(CONVERSATIONS):
        row = {"messages": conversation}
        for k, name in enumerate(ATTRIBUTES):
            row[name] = None if (i + k) % 3 else (k + i / 7)
        rows.append(row)
    schema = pa.schema([("messages", MESSAGES)] + [(name, pa.float64()) for name in ATTRIBUTES])
    return pa.Table.from_pylist(rows, schema)


def preference_standard():
    schema = pa.schema(
        [
            ("chosen", MESSAGES), ("rejected", MESSAGES), ("chosen_score", pa.float64()),
            ("rejected_score", pa.float64()), ("chosen_rating", pa.float64()), ("rejected_rating", pa.float64()),
            ("chosen_model", pa.string()), ("source", pa.string()), ("prompt", pa.string()),
        ]
    )
    rows = [
        {
            "chosen": c, "rejected": c[:-1] + turns("", "No idea.")[-1:], "chosen_score": 8.5, "rejected_score": 2.0,
            "chosen_rating": 4.25, "rejected_rating": None, "chosen_model": "m",
            "source": ["evol_instruct", "flan", None][i % 3],
            "prompt": next(m["content"] for m in c if m["role"] == "user"),
        }
        for i, c in enumerate(CONVERSATIONS)
    ]
    return pa.Table.from_pylist(rows, schema)


def pair_data():
    schema = pa.schema(
        [("rejected", MESSAGES), ("rejected_score", pa.float64()), ("chosen_score", pa.float64()), ("chosen", MESSAGES)]
    )
    rows = [
        {"rejected": turns("Hi", f"No {i}"), "rejected_score": 1.0, "chosen_score": 2.0, "chosen": turns("Hi", f"Yes {i}")}
        for i in range(4)
    ]
    return pa.Table.from_pylist(rows, schema)


def reward_bench():
    names = ["prompt", "chosen", "chosen_model", "rejected", "rejected_model", "subset"]
    schema = pa.schema([(n, pa.string()) for n in names] + [("id", pa.int64())])
    subsets = ["alpacaeval-easy", "hep-cpp", "xstest-should-refuse"]
    rows = [
        {
            "prompt": f"Question {i}, with \"quotes\"\nand lines", "chosen": f"right {i}", "chosen_model": "human",
            "rejected": f"wrong {i}", "rejected_model": "m", "subset": subsets[i % 3], "id": 30 + i,
        }
        for i in range(5)
    ]
    return pa.Table.from_pylist(rows, schema)


def reward_bench_2():
    texts = pa.list_(pa.string())
    metadata = [("category", pa.string()), ("correct", pa.string()), ("index", pa.float64()), ("instruction_id_list", texts),
                ("label", pa.string()), ("method", pa.string()), ("models", texts), ("prompt_norm", pa.string()),
                ("subcategory", pa.string()), ("valid", pa.float64())]
    schema = pa.schema(
        [("id", pa.string()), ("prompt", pa.string()), ("chosen", texts), ("rejected", texts)]
        + [(n, pa.int64()) for n in ("num_correct", "num_incorrect", "total_completions")]
        + [("models", texts), ("subset", pa.string()), ("additional_metadata", pa.struct(metadata))]
    )
    rows = []
    for i, (subset, good, bad) in enumerate([("Factuality", 1, 3), ("Precise IF", 1, 3), ("Ties", 1, 2), ("Ties", 4, 2)]):
        rows.append({
            "id": f"{['ref', 'tied'][good > 1]}:7" if subset == "Ties" else str(i), "prompt": f"Name {i} \u00e9\nplease",
            "chosen": [f"good {i}.{j}" for j in range(good)], "rejected": [f"bad {i}.{j}" for j in range(bad)],
            "num_correct": good, "num_incorrect": bad, "total_completions": good + bad, "models": ["m"] * (good + bad),
            "subset": subset, "additional_metadata": {"category": "c", "index": None, "instruction_id_list": ["x"]},
        })
    return pa.Table.from_pylist(rows, schema)


def load(path, **kwargs):
    with tempfile.TemporaryDirectory() as cache:
        loaded = datasets.load_dataset(str(path), cache_dir=cache, **kwargs)
        return {split: list(rows) for split, rows in loaded.items()}


def write_json(name, value):
    (OUT / name).write_text(json.dumps(value, indent=1, ensure_ascii=True) + "\n")


def public_schemas():
    folder = OUT / "sets"
    sets = {
        "multi_objective/data/train-00000-of-00001.parquet": multi_objective(),
        "preference_standard/data/train-00000-of-00001.parquet": preference_standard(),
        "pair_data/data/train-00000-of-00002.parquet": pair_data().slice(0, 3),
        "pair_data/data/train-00001-of-00002.parquet": pair_data().slice(3),
        "reward_bench/data/filtered-00000-of-00001.parquet": reward_bench(),
        "reward_bench/data/raw-00000-of-00001.parquet": reward_bench().slice(0, 1),
        "reward_bench_2/data/test-00000-of-00001.parquet": reward_bench_2(),
    }
    for name, table in sets.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, compression="snappy")
    names = sorted({name.split("/")[0] for name in sets})
    write_json("sets/expected.json", {name: load(folder / name) for name in names})


def ipc(table, path, new):
    with pa.OSFile(str(path), "wb") as sink, new(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


def jsonl(table):
    return "".join(json.dumps(row, ensure_ascii=i % 2 == 0) + "\n" for i, row in enumerate(table.to_pylist()))


def compressed(path, text, codec):
    with pa.CompressedOutputStream(str(path), codec) as stream:
        stream.write(text.encode())


def formats():
    """One table of rows in every format; expected as `datasets` reads the Parquet form."""
    folder = OUT / "formats"
    folder.mkdir(parents=True, exist_ok=True)
    table = multi_objective().select(["messages", "helpsteer-correctness", "helpsteer-coherence"])
    for codec in ("none", "snappy", "gzip", "zstd", "brotli", "lz4"):
        pq.write_table(table, folder / f"{codec}.parquet", compression=codec, row_group_size=2)
    pq.write_table(table, folder / "v1_plain.parquet", use_dictionary=False, data_page_version="1.0", version="1.0")
    pq.write_table(table, folder / "v2_page.parquet", data_page_version="2.0", data_page_size=64)
    ipc(table, folder / "stream.arrow", pa.ipc.new_stream)
    ipc(table, folder / "file.arrow", pa.ipc.new_file)
    text = jsonl(table)
    (folder / "lines.jsonl").write_text(text)
    (folder / "windows.jsonl").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    (folder / "array.json").write_text(json.dumps(table.to_pylist(), indent=2))
    compressed(folder / "lines.jsonl.gz", text, "gzip")
    compressed(folder / "lines.jsonl.zst", text, "zstd")
    write_json("formats/expected.json", load(folder, data_files=str(folder / "snappy.parquet"))["train"])

    bench = reward_bench()
    pa.csv.write_csv(bench, folder / "bench.csv")
    bench.to_pandas().to_csv(folder / "bench.tsv", sep="\t", index=False)
    write_json("formats/bench_expected.json", load(folder, data_files=str(folder / "bench.csv"))["train"])


def column_types():
    """Columns as other writers type them, with the plain value of each row."""
    folder = OUT / "types"
    folder.mkdir(parents=True, exist_ok=True)
    base = multi_objective().select(["messages"])
    texts = ["a", None, "\u00e9\U0001f992", "", "long text that does not fit inline in a view"]
    numbers = [1, None, 0, 1, 1]
    string_types = {
        "utf8": pa.string(), "large_utf8": pa.large_string(), "view": pa.string_view(),
        "dictionary": pa.dictionary(pa.int32(), pa.string()), "large_dictionary": pa.dictionary(pa.int8(), pa.large_string()),
    }
    number_types = {
        "bool": pa.bool_(), "int8": pa.int8(), "int16": pa.int16(), "int32": pa.int32(), "int64": pa.int64(),
        "uint8": pa.uint8(), "uint16": pa.uint16(), "uint32": pa.uint32(), "uint64": pa.uint64(),
        "half": pa.float16(), "float": pa.float32(), "double": pa.float64(), "decimal128": pa.decimal128(9, 3),
        "decimal256": pa.decimal256(50, 3), "dictionary": pa.dictionary(pa.int32(), pa.int64()),
    }
    columns = {}
    for name, kind in string_types.items():
        columns[f"s_{name}"] = pa.array(texts, pa.string()).cast(kind) if "dict" not in name else pa.array(texts, kind)
    for name, kind in number_types.items():
        values = [None if v is None else bool(v) for v in numbers] if name == "bool" else numbers
        columns[f"n_{name}"] = pa.array(values, kind)
    columns["n_null"] = pa.nulls(5)
    columns["n_nan"] = pa.array([1.5, None, float("nan"), -2.0, 0.0])
    for name, kind in string_types.items():
        message = pa.struct([("role", kind), ("content", kind), ("extra", pa.int64())])
        for list_name, list_type in (("list", pa.list_(message)), ("large_list", pa.large_list(message))):
            columns[f"m_{name}_{list_name}"] = pa.array(
                [[{**m, "extra": 1} for m in row] for row in base["messages"].to_pylist()], list_type
            )
    plain = pa.list_(pa.struct([("content", pa.string()), ("role", pa.string())]))
    columns["m_view_of_list"] = pa.array(base["messages"].to_pylist(), pa.list_view(plain.value_type))
    table = pa.table(columns)
    # pyarrow cannot write string views inside lists, nor list views, to Parquet.
    unwritable = [name for name in columns if name.startswith("m_view")]
    pq.write_table(table.drop_columns(unwritable), folder / "types.parquet")
    # A slice: offsets in nested arrays do not begin at zero.
    padded = pa.concat_tables([table.slice(0, 2), table])
    ipc(padded.slice(2), folder / "types.arrow", pa.ipc.new_stream)
    write_json("types/expected.json", {"texts": texts, "numbers": numbers, "messages": base["messages"].to_pylist()})


def json_columns():
    """Columns of `datasets`' Json feature, by themselves, in lists and in structs; and an extension type of our own."""
    folder = OUT / "json_columns"
    folder.mkdir(parents=True, exist_ok=True)
    texts = ['say "hi" \\ \n', "plain", "", "3", None]
    conversations = [
        [{"role": "user", "content": text or "q"}, {"role": "assistant", "content": f"<a {text}>\u00e9"}] for text in texts
    ]
    message = {"role": datasets.Value("string"), "content": datasets.Json()}
    # `datasets` takes a string for JSON when it can.
    encoded = [[{**turn, "content": json.dumps(turn["content"])} for turn in turns] for turns in conversations]
    features = {
        "m_json": datasets.Json(), "m_items": datasets.List(datasets.Json()), "m_struct": datasets.List(message),
        "text": datasets.Json(), "number": datasets.Json(), "answers": datasets.List(datasets.Json()),
    }
    columns = {
        "m_json": conversations, "m_items": conversations, "m_struct": encoded,
        "text": [json.dumps(text) for text in texts], "number": [1, 2.5, True, None, -3],
        "answers": [[json.dumps(text or ""), json.dumps("b")] for text in texts],
    }
    rows = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
    rows.to_parquet(str(folder / "json.parquet"))
    with tempfile.TemporaryDirectory() as saved_to:
        rows.save_to_disk(saved_to)
        shutil.copy(pathlib.Path(saved_to, "data-00000-of-00001.arrow"), folder / "json.arrow")
    # Without Arrow's schema only Parquet's own logical type says that texts are JSON.
    pq.write_table(rows.data.table, folder / "logical_type.parquet", store_schema=False)
    bare = datasets.load_dataset("parquet", data_files=str(folder / "logical_type.parquet"), split="train")
    assert list(bare) == list(rows)
    write_json("json_columns/expected.json", list(rows))

    class Reversed(pa.ExtensionType):
        def __init__(self):
            super().__init__(pa.string(), "example.reversed")

        def __arrow_ext_serialize__(self):
            return b""

    table = pa.table({"f": pa.ExtensionArray.from_storage(Reversed(), pa.array(["x"])), "g": ["y"]})
    pq.write_table(table, folder / "unknown.parquet")
    ipc(table, folder / "unknown.arrow", pa.ipc.new_stream)


def byte_order_marks():
    """Text that begins with a byte order mark, plain and compressed; in CSV the first name is quoted."""
    folder = OUT / "marks"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{"f": "a", "g": "\ufeff"}, {"f": "b, c", "g": "d"}]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    texts = {
        "csv": '"f","g"\n' + "".join(f'"{row["f"]}","{row["g"]}"\n' for row in rows),
        "tsv": '"f"\t"g"\n' + "".join(f'"{row["f"]}"\t"{row["g"]}"\n' for row in rows),
        "jsonl": "\n".join(lines) + "\n",
        "json": "[" + ",\n".join(lines) + "]\n",
    }
    for ending, text in texts.items():
        marked = b"\xef\xbb\xbf" + text.encode()
        plain, packed = folder / f"x.{ending}", folder / f"x.{ending}.gz"
        plain.write_bytes(marked)
        packed.write_bytes(gzip.compress(marked, mtime=0))
        for path in (plain, packed):
            with tempfile.TemporaryDirectory() as cache:
                separator = {"sep": "\t"} if ending == "tsv" else {}
                builder = "json" if ending.startswith("json") else "csv"
                assert list(
                    datasets.load_dataset(builder, data_files=str(path), split="train", cache_dir=cache, **separator)
                ) == rows, path
    write_json("marks/expected.json", rows)


def saved():
    """Folders of save_to_disk."""
    for name in ("saved_dict", "saved_single"):
        shutil.rmtree(OUT / name, ignore_errors=True)
    pairs = datasets.Dataset(pair_data())
    split = datasets.DatasetDict({"train": pairs.select(range(3)), "test": pairs.select([3])})
    split.save_to_disk(str(OUT / "saved_dict"), num_shards={"train": 2, "test": 1})
    # Shuffled before it is saved: the files hold the rows in the new order.
    pairs.shuffle(seed=3).save_to_disk(str(OUT / "saved_single"))
    write_json(
        "saved_expected.json",
        {
            "saved_dict": {k: list(v) for k, v in datasets.load_from_disk(str(OUT / "saved_dict")).items()},
            "saved_single": {"train": list(datasets.load_from_disk(str(OUT / "saved_single")))},
        },
    )


def card(yaml):
    return f"---\nlicense: mit\n{yaml}---\n# A data set\n"


def configs(*entries):
    return card("configs:\n" + "".join(entries))


LAYOUTS = {
    "one unsplit file": ["rows.jsonl"],
    "unsplit files in folders": ["b/rows.jsonl", "a/rows.jsonl", "a.jsonl", "A.jsonl", "a-b/rows.jsonl"],
    "files named after splits": ["train.jsonl", "test.jsonl", "validation.jsonl"],
    "synonyms in file names": ["training.jsonl", "dev.jsonl", "eval.jsonl"],
    "more synonyms": ["my-train.jsonl", "valid_1.jsonl", "evaluation.jsonl", "testing.jsonl", "val.jsonl"],
    "numbered files": ["train_1.jsonl", "train_10.jsonl", "train_2.jsonl", "train0.jsonl", "test_1.jsonl"],
    "patterns keep their order": ["b-train.jsonl", "train-a.jsonl", "a-train.jsonl", "training_0.jsonl"],
    "no word boundary": ["trainer.jsonl", "latest.jsonl", "contest.jsonl"],
    "some with boundary": ["rows.jsonl", "latest-test.jsonl"],
    "capital letters": ["Train.jsonl", "TEST.jsonl"],
    "shards in data": ["data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl",
                       "data/test-00000-of-00001.jsonl", "data/filtered-00000-of-00001.jsonl", "other.jsonl"],
    "shards with a hash": ["data/train-00000-of-00001-0123456789abcdef.jsonl", "data/raw-00000-of-00001-ff.jsonl"],
    "shards not in data": ["train-00000-of-00002.jsonl", "train-00001-of-00002.jsonl", "filtered-00000-of-00001.jsonl"],
    "shards deeper than data": ["data/x/train-00000-of-00001.jsonl", "data/x/extra-00000-of-00001.jsonl"],
    "folders named after splits": ["train/b.jsonl", "train/a.jsonl", "test/x.jsonl", "validation/y.jsonl"],
    "folders win over files": ["train/val.jsonl", "test/x.jsonl", "train.jsonl"],
    "nested folders": ["data/train/deep/er/x.jsonl", "data/train/y.jsonl", "data/dev/x.jsonl"],
    "folders with words around": ["my-train/x.jsonl", "train_v2/x.jsonl", "a-test-b/x.jsonl", "trainer/x.jsonl"],
    "hidden and special files": [".hidden.jsonl", "__pycache__/x.jsonl", ".git/x.jsonl", "rows.jsonl", "a/__b/x.jsonl"],
    "descriptions are no data": ["dataset_info.json", "config.json", "rows.jsonl", "sub/dataset_infos.json"],
    "commonest format": ["a.csv", "b.jsonl", "c.jsonl"],
    "draw of formats": ["a.csv", "b.jsonl"],
    "draw of json and jsonl": ["a.json", "b.jsonl"],
    "other files beside": ["rows.jsonl", "LICENSE", "notes.pdf_", "figure.unknown"],
    "two extensions": ["rows.v1.jsonl", "rows.v2.jsonl"],
    "a file for a split of another format": ["train.jsonl", "train.csv", "train-2.jsonl"],
    "card with a file for each split": {
        "README.md": configs("- config_name: default\n  data_files:\n  - split: train\n    path: b.jsonl\n"
                             "  - split: holdout\n    path: [a.jsonl, c.jsonl]\n"),
        "files": ["a.jsonl", "b.jsonl", "c.jsonl", "train.jsonl"],
    },
    "card with patterns": {
        "README.md": configs('- config_name: default\n  data_files:\n  - split: train\n    path: "x/*.jsonl"\n'
                             '  - split: test\n    path: "y/**/*.jsonl"\n  - split: q\n    path: "z/[ab]?.jsonl"\n'),
        "files": ["x/2.jsonl", "x/1.jsonl", "x/deep/3.jsonl", "y/1.jsonl", "y/a/b/2.jsonl", "z/a1.jsonl", "z/c1.jsonl",
                  "z/b22.jsonl", "z/b2.jsonl"],
    },
    "card with one pattern": {
        "README.md": configs("- config_name: main\n  data_files: 'x/*'\n"), "files": ["x/1.jsonl", "y/1.jsonl"]},
    "card with a list of patterns": {
        "README.md": configs("- config_name: main\n  data_files:\n  - y/*\n  - x/*\n"),
        "files": ["x/1.jsonl", "y/1.jsonl", "z/1.jsonl"]},
    "card with default among several": {
        "README.md": configs("- config_name: one\n  data_files: 1.jsonl\n",
                             "- config_name: two\n  default: true\n  data_files: 2.jsonl\n"),
        "files": ["1.jsonl", "2.jsonl"]},
    "card with a config called default": {
        "README.md": configs("- config_name: one\n  data_files: 1.jsonl\n",
                             "- config_name: default\n  data_files: 2.jsonl\n"),
        "files": ["1.jsonl", "2.jsonl"]},
    "card with a choice": {
        "README.md": configs("- config_name: one\n  data_files: 1.jsonl\n", "- config_name: two\n  data_files: 2.jsonl\n"),
        "files": ["1.jsonl", "2.jsonl"], "config": "two"},
    "card without default": {
        "README.md": configs("- config_name: one\n  data_files: 1.jsonl\n", "- config_name: two\n  data_files: 2.jsonl\n"),
        "files": ["1.jsonl", "2.jsonl"]},
    "card with folder": {
        "README.md": configs("- config_name: default\n  data_dir: v2\n"),
        "files": ["train.jsonl", "v2/train.jsonl", "v2/test.jsonl"]},
    "card with folder and files": {
        "README.md": configs("- config_name: default\n  data_dir: v2\n  data_files: x/*.jsonl\n"),
        "files": ["x/1.jsonl", "v2/x/2.jsonl"]},
    "card with a default in capitals": {
        "README.md": configs("- config_name: one\n  data_files: 1.jsonl\n",
                             "- config_name: two\n  data_files: 2.jsonl\n  default: True\n"),
        "files": ["1.jsonl", "2.jsonl"]},
    "card with a default that says yes": {
        "README.md": configs("- config_name: one\n  data_files: 1.jsonl\n  default: no\n",
                             "- config_name: two\n  data_files: 2.jsonl\n  default: yes\n"),
        "files": ["1.jsonl", "2.jsonl"]},
    "card without configs": {
        "README.md": card("tags: [a, b]\n"), "files": ["train.jsonl", "test.jsonl"]},
    "card without front matter": {"README.md": "# Title\n---\nconfigs: 3\n---\n", "files": ["train.jsonl"]},
    "card names a missing file": {
        "README.md": configs("- config_name: default\n  data_files: none.jsonl\n"), "files": ["train.jsonl"]},
    "card as push_to_hub writes it": {
        "README.md": "---\ndataset_info:\n  features:\n  - name: f\n    dtype: string\n  splits:\n  - name: train\n"
                     "    num_bytes: 30\n    num_examples: 1\n  download_size: 1000\n  dataset_size: 30\nconfigs:\n"
                     "- config_name: default\n  data_files:\n  - split: train\n    path: data/train-*\n---\n",
        "files": ["data/train-00000-of-00001.jsonl", "data/test-00000-of-00001.jsonl"]},
    "nothing but a licence": ["LICENSE"],
}


def content_of(file):
    return f"f\n{file}\n" if file.endswith(".csv") else json.dumps({"f": file}) + "\n"


def layouts():
    results = []
    for name, layout in LAYOUTS.items():
        layout = {"files": layout} if isinstance(layout, list) else dict(layout)
        with tempfile.TemporaryDirectory() as root:
            files = {file: content_of(file) for file in layout["files"]}
            if "README.md" in layout:
                files["README.md"] = layout["README.md"]
            for file, text in files.items():
                path = pathlib.Path(root, file)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            try:
                rows = load(root, **({"name": layout["config"]} if "config" in layout else {}))
                splits = {split: [row["f"] for row in found] for split, found in rows.items()}
            except Exception as error:  # a refusal is the finding
                splits = {"error": type(error).__name__}
        results.append({"name": name, "files": files, "config": layout.get("config", ""), "splits": splits})
    write_json("layouts.json", results)


SPLIT_FILES = {
    "data/train-00000-of-00003.jsonl": 40,
    "data/train-00001-of-00003.jsonl": 1,
    "data/train-00002-of-00003.jsonl": 84,
    "data/test-00000-of-00001.jsonl": 5,
}
SPLITS = [
    "train", "test", "all", "train[:]", "train[:10]", "train[38:42]", "train[-3:]", "train[:-120]", "train[-1000:2]",
    "train[120:1000]", "train[1_0:1_2]", "train[_1:]", "train[1_:]", "train[:10%]", "train[10%:30%]", "train[30%:]",
    "train[50%:]", "train[-10%:]", "train[:-90%]", "train[10%:20]", "train[:100%]", "train[:101%]", "train[-101%:]",
    "train[99%:100%]", "test[:10%]", "test[:30%]", "test[:50%]", "test[10%:90%]", "train[:10%](pct1_dropremainder)",
    "train[-10%:](pct1_dropremainder)", "train[:10%](closest)", "train[:10%](floor)", "train[:10%]()",
    "train[:10](closest)", "train(closest)", "test[:10%](pct1_dropremainder)", "train+test", "test + train[:2]",
    "train[:2]+train[1:3]", "train[:1%]+test[:50%](closest)", "train[:2%](pct1_dropremainder)+train[:2%]",
    "train[:2]+train[:2%](pct1_dropremainder)+train[:2%]", "train[:2%]+test[:1]+train[:2%](pct1_dropremainder)",
    "train[5:5]", "train[5:3]", "train[5:5]+test", "train[:0%]", "all[:10%]", "train+all", "none", "train+none",
    "train[10]", "train[:10%", "train[:1.5%]", "train[::2]", "train[a:b]", " train", "train ", "train +", "+", "",
    "train[: 10%]", "train[:+10]", "train[:99999999999999999999]", "train-x", "train/x", "*",
]


def splits():
    cases = []
    with tempfile.TemporaryDirectory() as root, tempfile.TemporaryDirectory() as cache:
        first = 0
        for file, rows in SPLIT_FILES.items():
            path = pathlib.Path(root, file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps({"f": str(first + row)}) + "\n" for row in range(rows)))
            first += rows
        for split in SPLITS:
            try:
                rows = [int(row["f"]) for row in datasets.load_dataset(root, split=split, cache_dir=cache)]
                cases.append({"split": split, "rows": rows})
            except Exception as error:  # a refusal is the finding
                cases.append({"split": split, "error": type(error).__name__})
    text = ",\n  ".join(json.dumps(case) for case in cases)
    (OUT / "splits.json").write_text(f'{{"files": {json.dumps(SPLIT_FILES)},\n "cases": [\n  {text}\n ]}}\n')


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    public_schemas()
    formats()
    column_types()
    json_columns()
    byte_order_marks()
    saved()
    layouts()
    splits()


if __name__ == "__main__":
    os.environ["HF_HUB_OFFLINE"] = "1"
    main()
