"""Folders of data sets: one key of a card, or one file, more, less or other; `datasets` reads the split."""
import contextlib
import copy
import csv
import gzip
import io
import json
import os
import pathlib
import re
import shutil
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"

import datasets
import entries
import rows as rows_of_json
import yaml

datasets.disable_progress_bars()
datasets.logging.set_verbosity_error()
GOLDENS = entries.GOLDENS
SCRATCH = "/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir()
re._MAXCACHE = 100000


def rows(path):
    """A file of rows whose text names the file."""
    texts = [f"{path} {i}" for i in range(2)]
    if path.endswith((".csv", ".csv.gz")):
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerows([["f", "g"]] + [[text, "more"] for text in texts])
        return out.getvalue()
    if path.endswith(".tsv"):
        return "f\tg\n" + "".join(f"{text}\tmore\n" for text in texts)
    if path.endswith(".json"):
        return json.dumps([{"f": text, "g": "more"} for text in texts])
    return "".join(json.dumps({"f": text, "g": "more"}) + "\n" for text in texts)


def folder(*paths):
    return {path: rows(path) for path in paths}


PLAIN = [
    folder("train.jsonl", "test.jsonl"), folder("train.csv", "test.csv", "validation.csv"), folder("train/a.jsonl", "train/b.jsonl", "test/a.jsonl"),
    folder("data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl", "data/test-00000-of-00001.jsonl"), folder("a.jsonl", "b.jsonl"),
    folder("my_train_1.jsonl", "my_train_2.jsonl", "dev.jsonl"), folder("data/a.csv", "data/b.csv"), folder("x/training.json", "x/testing.json"),
]
FILES = folder("a.jsonl", "b.jsonl", "c/train.jsonl", "c/test.jsonl", "d/one.jsonl", "d/two.jsonl")
TABLES = folder("a.csv", "b.csv", "c/train.csv", "c/test.csv")
CARDS = [
    (FILES, [{"config_name": "default", "data_files": "a.jsonl"}]),
    (FILES, [{"config_name": "default", "data_files": ["a.jsonl", "b.jsonl"]}]),
    (FILES, [{"config_name": "default", "data_files": [{"split": "train", "path": "a.jsonl"}, {"split": "test", "path": ["d/*.jsonl", "b.jsonl"]}]}]),
    (FILES, [{"config_name": "default", "data_dir": "c"}, {"config_name": "other", "data_dir": "d"}]),
    (FILES, [{"config_name": "one", "data_files": "a.jsonl"}, {"config_name": "two", "data_files": "d/*.jsonl", "default": True}]),
    (TABLES, [{"config_name": "default", "data_files": [{"split": "train", "path": "a.csv"}, {"split": "test", "path": "b.csv"}]}]),
    (TABLES, [{"config_name": "default", "data_dir": "c", "sep": ","}]),
]
CONFIG_KEYS = ["sep", "delimiter", "header", "names", "column_names", "index_col", "usecols", "skiprows", "nrows", "na_values", "keep_default_na",
               "na_filter", "quotechar", "quoting", "escapechar", "comment", "encoding", "encoding_errors", "on_bad_lines", "skipfooter", "field",
               "chunksize", "features", "columns", "filters", "version", "description", "default", "data_dir", "data_files", "config_name", "split",
               "path", "drop_labels", "block_size", "newlines_in_values", "use_threads", "doublequote", "decimal", "thousands", "dtype", "lines",
               "parse_dates", "skip_blank_lines", "mangle_dupe_cols", "batch_size", "engine", "date_format", "converters"]
CARD_KEYS = ["license", "language", "tags", "dataset_info", "pretty_name", "size_categories", "task_categories", "config", "Configs", "data_files",
             "data_dir", "default_config", "splits", "extra_gated_prompt", "train-eval-index", "viewer", "builder", "features", "version", "columns"]
VALUES = [",", ";", "\t", 0, 1, None, True, False, "infer", ["f", "g"], ["g", "f"], ["x", "y"], "a", "train", "utf-8", "latin-1", "f", "none", "", [],
          {}, "c", "d", "a.jsonl", "b.jsonl", "*.jsonl", "**/*.jsonl", "**", "c/*", "./a.jsonl", "/a.jsonl", "../a.jsonl", "A.jsonl", "[ab].jsonl", "?.jsonl",
          "{a,b}.jsonl", "c", "c/", "none.jsonl", "1.0.0", "f'", "'", "\\", "#", "error", "skip", "warn", "strict", 2, 10]
FEATURES = [[{"name": "f", "dtype": dtype}, {"name": "g", "dtype": "string"}] for dtype in ("string", "large_string", "int64", "float16", "bool", "binary",
                                                                                    "timestamp[s]", "null")] + [
    [{"name": "f", "dtype": "string"}], [{"name": "g", "dtype": "string"}, {"name": "f", "dtype": "string"}],
    [{"name": "f", "dtype": "string"}, {"name": "g", "dtype": "string"}, {"name": "h", "dtype": "string"}], [{"name": "h", "dtype": "string"}], [],
    [{"name": "f", "dtype": {"class_label": {"names": {"0": "a", "1": "b"}}}}, {"name": "g", "dtype": "string"}], {"f": "string"}]
INFOS = [{"features": features} for features in FEATURES] + [
    {"splits": [{"name": "train", "num_bytes": 10, "num_examples": n}]} for n in (1, 2, 4, 100)] + [
    {"config_name": "default", "features": FEATURES[0]}, {"config_name": "other", "features": FEATURES[9]}, [{"config_name": "default", "features": FEATURES[2]}],
    {"download_size": 3, "dataset_size": 4}]
NAMES = ["extra.jsonl", "train_2.jsonl", "test_2.jsonl", "train.json", "train.csv", "train.txt", "validation.jsonl", "data/train.jsonl", "data/x.jsonl",
         "train/x.jsonl", "test/x.jsonl", "sub/deep/er.jsonl", ".hidden.jsonl", "__pycache__/x.jsonl", "_x.jsonl", ".cache/x.jsonl", "notes.md", "LICENSE", "x.py",
         "metadata.jsonl", "metadata.csv", "dataset_infos.json", "dataset_info.json", "state.json", "config.json", "README.md", "readme.md", "train.JSONL",
         "TRAIN.jsonl", "train.jsonl.gz", "train.csv.gz", "x.ndjson", "train.jsonl.bak", "train-00000-of-00002.jsonl", "data/train-00002-of-00003.jsonl",
         "data/eval-00000-of-00001.jsonl", "dev.jsonl", "train.tsv", "retrain.jsonl", "b-test.jsonl", "x.arrow", "image.png", "a.pt", "script.sh", "0.jsonl",
         ".huggingface.yaml", "train", "x.jsonl.zst", "te st.jsonl", "träin.jsonl"]
# Descriptions and hidden files, which `datasets` passes over too.
DESCRIBING = (".md", ".py", ".sh", ".png", ".yaml", "LICENSE", "config.json", "dataset_infos.json", "dataset_info.json", "__pycache__/x.jsonl",
              ".hidden.jsonl", ".cache/x.jsonl")
# Keys on which no row depends, whose types `datasets` checks and we do not.
HARMLESS = {"config_name", "version", "description", "chunksize", "block_size", "batch_size", "use_threads", "engine", "drop_labels", "_format_type",
            "_format_kwargs", "_fingerprint", "_output_all_columns", "dataset_info.json", "dataset_dict.json"}
TEMPLATE = "mutations/fields.jinja"
SAVED = ["data/saved_dict", "data/saved_single"]


@contextlib.contextmanager
def scratch_folder():
    """A folder of one name for all cases, so that the regular expressions with its name stay compiled."""
    path = f"{SCRATCH}/mutate-{os.getpid()}"
    os.mkdir(path)
    try:
        yield path
    finally:
        shutil.rmtree(path)


def texts_of(data, column):
    """The column as text; only texts and nulls have one here."""
    values = list(data[column])
    if not all(value is None or isinstance(value, str) for value in values):
        raise TypeError
    return ["" if value is None else value for value in values]


def preference_rows(data):
    """Rows of messages as the reader of preference rows has them."""
    return [rows_of_json.preference({key: row.get(key) for key in ("prompt", "chosen", "rejected")}, TEMPLATE) for row in data]


READ = {}


def read_once(files, config, split, column, saved):
    """read() of an input that many cases share."""
    key = (json.dumps({path: content for path, content in files.items() if path != "README.md"}, sort_keys=True),
           yaml.safe_load(files["README.md"].split("---\n")[1]).__repr__() if "README.md" in files else "", config, split)
    if key not in READ:
        READ[key] = read(files, config, split, column, saved)
    return READ[key]


def read(files, config, split, column, saved):
    with scratch_folder() as scratch:
        root = pathlib.Path(scratch) / "set"
        entries.materialise(files, root)
        try:
            if saved and {"state.json", "dataset_dict.json"} & set(files):
                data = datasets.load_from_disk(str(root))
                data = data[split] if isinstance(data, datasets.DatasetDict) else data
                return preference_rows(data)
            else:
                data = datasets.load_dataset(str(root), config or None, split=split, cache_dir=scratch + "/cache")
            return preference_rows(data) if saved else texts_of(data, column)
        except Exception:  # whatever it is, nothing is read
            return None


def files_of_splits(files, config, split=None):
    """The files of all splits, or of one, where `datasets` finds some."""
    with scratch_folder() as scratch:
        root = pathlib.Path(scratch) / "set"
        entries.materialise(files, root)
        try:
            builder = datasets.load_dataset_builder(str(root), config or None, cache_dir=scratch + "/cache")
            return {os.path.relpath(str(file).split("::")[-1], root) for name, split_files in builder.config.data_files.items()
                    for file in split_files if split in (None, name)}
        except Exception:
            return set()


def card_text(card, rng):
    text = yaml.safe_dump(card, sort_keys=False, allow_unicode=True) if rng.random() < 0.7 else json.dumps(card) + "\n"
    return "---\n" + text + "---\n# A data set\n"


def value_for(key, old, rng):
    if key == "features":
        return copy.deepcopy(rng.choice(FEATURES))
    if key == "dataset_info":
        return copy.deepcopy(rng.choice(INFOS))
    if old is not None and rng.random() < 0.4:
        return entries.neighbour(rng, old)
    return copy.deepcopy(rng.choice(VALUES)) if rng.random() < 0.8 else entries.value(rng)


def is_elsewhere(path, card, config, split):
    """Whether a path leads into another config or split; `datasets` checks those too."""
    if len(path) < 2 or path[0] != "configs":
        return False
    entry = card["configs"][path[1]]
    chosen = config or next((c["config_name"] for c in card["configs"] if c.get("default")), "default")
    if entry["config_name"] != chosen:
        return True
    return len(path) == 4 and path[2] == "data_files" and entry["data_files"][path[3]]["split"] != split


def change_card(card, config, split, rng):
    """Changes one key of the card, of a config, or of an entry of data_files."""
    before = copy.deepcopy(card)
    path, item = rng.choice([(p, i) for p, i in entries.containers(card) if isinstance(i, dict)])
    keys = CARD_KEYS if not path else CONFIG_KEYS
    kind = rng.random()
    if kind < 0.1 and item:
        key = rng.choice(sorted(item))
        del item[key]
    elif kind < 0.2 and path:
        parent = entries.at(card, path[:-1])
        key = rng.choice(sorted(item)) if item else None
        if key is None or not isinstance(parent, list):
            return None
        parent.append(copy.deepcopy(item))
        parent[-1][key] = value_for(key, item[key], rng)
    else:
        key = rng.choice([rng.choice(keys), rng.choice(keys), entries.name(rng), rng.choice(sorted(item) or keys)])
        item[key] = value_for(key, item.get(key), rng)
    return [key] + [str(k) for k in path if isinstance(k, str)], is_elsewhere(path, before, config, split)


def mutate_card(rng):
    files, configs = copy.deepcopy(rng.choice(CARDS))
    card = {"license": "mit", "configs": configs}
    config = rng.choice([""] + [c["config_name"] for c in configs])
    split = rng.choice(["train", "train", "test"])
    base = {**files, "README.md": card_text(card, rng)}
    changed = change_card(card, config, split, rng)
    if changed is None:
        return None
    names, elsewhere = changed
    return base, {**files, "README.md": card_text(card, rng)}, config, split, names, False, elsewhere or names[0] in HARMLESS


def mutate_files(rng):
    if rng.random() < 0.6:
        base, config = dict(rng.choice(PLAIN)), ""
    else:
        files, configs = copy.deepcopy(rng.choice(CARDS))
        base, config = {**files, "README.md": card_text({"configs": configs}, rng)}, ""
    files = dict(base)
    kind = rng.random()
    data = sorted(path for path in files if path != "README.md")
    if kind < 0.6:
        path = rng.choice(NAMES)
        if path in files or any(p.startswith(path + "/") for p in files):
            return None
        content = rows(path)
        files[path] = {"hex": gzip.compress(content.encode(), mtime=0).hex()} if path.endswith(".gz") else content
        names = [path]
    elif kind < 0.7:
        path = rng.choice(data)
        del files[path]
        names = [path]
    elif kind < 0.85:
        old = rng.choice(data)
        new = rng.choice([rng.choice(NAMES), old.upper(), old.replace("train", "test"), old.replace("0000", "000"), old + ".bak", "." + old, "x/" + old,
                          old.rsplit(".", 1)[0]])
        if new in files or any(p.startswith(new + "/") for p in files) or any(new.startswith(p + "/") for p in files):
            return None
        files[new] = files.pop(old)
        names, path = [old, new], new
    else:
        path = rng.choice(data)
        content = files[path]
        files[path] = rng.choice(["", "\n", content + "\n", "\n" + content, content.replace("\n", "\r\n"), "\ufeff" + content, content.rstrip("\n"), content[:-3],
                                  content.replace('"g"', '"h"'), content.replace("more", ""), content + content, content.replace("g", "G"), "[]", "{}",
                                  content.replace('"more"', "null"), content.replace('"more"', "1", 1), content.replace('"f"', '"F"')])
        names = [path]
    split = rng.choice(["train", "train", "test"])
    # A column that is not read is not compared between files; neither are the files of other splits.
    unread = kind >= 0.85 and content.count('"f"') == files[path].count('"f"') and content.count(path) == files[path].count(path)
    elsewhere = unread or path not in files_of_splits(files, config, split)
    return base, files, config, split, names, kind < 0.6 and not path.endswith(DESCRIBING), elsewhere


def change_json(files, path, rng):
    state = json.loads(files[path])
    where, item = rng.choice(list(entries.containers(state)))
    keys = list(item) if isinstance(item, dict) else range(len(item))
    kind = rng.random()
    if kind < 0.3 and isinstance(item, dict):
        key = rng.choice([entries.name(rng), "skip", "take", "_indices_files", "_indices_data_files", "_split", "splits", "_format_columns", "_columns", "format"])
        item[key] = entries.value(rng)
    elif kind < 0.45 and keys:
        key = rng.choice(list(keys))
        del item[key]
    elif keys:
        key = rng.choice(list(keys))
        item[key] = rng.choice([entries.neighbour(rng, item[key]), entries.neighbour(rng, item[key]), "data-00001-of-00002.arrow", "test", "train", "../x", None])
    else:
        return None
    files[path] = json.dumps(state)
    names = [str(key)] + [str(k) for k in where if isinstance(k, str)] + ([str(item)] if isinstance(item, str) else [])
    return entries.names_in(item.get(key) if isinstance(item, dict) else None, names)


def mutate_saved(rng):
    source = rng.choice(SAVED)
    files = {}
    for path in sorted((GOLDENS / source).rglob("*")):
        if path.is_file():
            name = str(path.relative_to(GOLDENS / source))
            files[name] = path.read_text() if name.endswith(".json") else {"golden": f"{source}/{name}"}
    base = dict(files)
    if rng.random() < 0.8:
        path = rng.choice([p for p in files if p.endswith(("state.json", "dataset_dict.json"))])
        names = change_json(files, path, rng)
    else:
        path = rng.choice(list(files))
        names = [path, path.rsplit("/", 1)[-1]]
        if rng.random() < 0.5:
            del files[path]
        else:
            new = rng.choice(["extra.arrow", "train/data-00002-of-00003.arrow", "cache-1.arrow", "old/state.json", "train.jsonl", "data-00001-of-00002.arrow"])
            if new in files:
                return None
            files[new] = files[path]
            names = [new, new.rsplit("/", 1)[-1]]
    if names is None:
        return None
    # A single data set has one split, whatever it is asked for.
    split = rng.choice(["train", "train", "test"]) if source == "data/saved_dict" else "train"
    elsewhere = path.startswith(("train/", "test/")) and not path.startswith(split)
    return base, files, "", split, names, False, elsewhere or bool(HARMLESS & set(names))


def mutation(rng):
    saved = rng.random() < 0.2
    changed = mutate_saved(rng) if saved else (mutate_card if rng.random() < 0.6 else mutate_files)(rng)
    if changed is None:
        return None
    base, files, config, split, names, account, harmless = changed
    column = "f"
    expected = read(files, config, split, column, saved)
    without = read_once(base, config, split, column, saved)
    account = account and expected is not None and names[0] not in files_of_splits(files, config)
    account = account and {"train": "test", "test": "train"}[split] not in names[0].lower()  # of a split that is not read
    arguments = {"split": split, "template": TEMPLATE} if saved else {"split": split, "column": column}
    if config:
        arguments["config"] = config
    return {"reader": "preference" if saved else "texts", "files": files, "read": arguments, "names": [name for name in names if name], "account": account, "harmless": harmless,
            "expected": [] if expected is None else [expected], "without": without}
