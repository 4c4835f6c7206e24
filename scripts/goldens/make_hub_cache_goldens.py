#!/usr/bin/env python3
"""Makes tests/goldens/data/hub_cache.json: what huggingface_hub finds in a Hub cache that is on disk already."""

import json
import pathlib
import tempfile

import huggingface_hub
from huggingface_hub import snapshot_download
from huggingface_hub.utils import validate_repo_id

assert huggingface_hub.__version__ == "2.4.0", huggingface_hub.__version__

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "data"
A, B, C = "a" * 40, "0123456789" * 4, "c" * 40

TREE = {
    f"models--org--name/refs/main": A,
    f"models--org--name/refs/v1.0": B,
    f"models--org--name/refs/refs/pr/7": B,
    f"models--org--name/refs/gone": C,
    f"models--org--name/snapshots/{A}/config.json": "{}",
    f"models--org--name/snapshots/{B}/config.json": "{}",
    f"models--plain/refs/main": A,
    f"models--plain/snapshots/{A}/config.json": "{}",
    f"datasets--org--name/refs/main": B,
    f"datasets--org--name/snapshots/{B}/train.jsonl": "{}",
    f"models--org--no-main/refs/v1": A,
    f"models--org--no-main/snapshots/{A}/config.json": "{}",
}

CASES = [
    ("model", "org/name", None), ("model", "org/name", "v1.0"), ("model", "org/name", "refs/pr/7"),
    ("model", "org/name", "gone"), ("model", "org/name", "v2"), ("model", "org/name", A), ("model", "org/name", B),
    ("model", "org/name", C), ("model", "plain", None), ("dataset", "org/name", None), ("dataset", "org/name", "v1.0"),
    ("dataset", "plain", None), ("model", "org/no-main", None), ("model", "org/no-main", "v1"), ("model", "no/such", None),
]

IDS = ["foo/bar", "foo", "123", "Foo-BAR_foo.bar123", "_a/b_", "a/b/c", "./a", "/a", "a/", "foo--bar", "a..b", ".a/b",
       "-a", "a-", "a/b.", "foo.git", "a b", "a/b\u00e9", "x" * 96, "x" * 97]


def is_valid(repo_id):
    try:
        validate_repo_id(repo_id)
        return True
    except Exception:
        return False


def main():
    results = []
    with tempfile.TemporaryDirectory() as cache:
        for file, text in TREE.items():
            path = pathlib.Path(cache, file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for kind, repo, revision in CASES:
            try:
                found = snapshot_download(repo, repo_type=kind, revision=revision, cache_dir=cache, local_files_only=True)
                found = str(pathlib.Path(found).relative_to(cache))
            except Exception:
                found = None
            results.append({"kind": kind, "id": repo, "revision": revision, "found": found})
    ids = {repo: is_valid(repo) for repo in IDS}
    (OUT / "hub_cache.json").write_text(json.dumps({"tree": TREE, "cases": results, "ids": ids}, indent=1) + "\n")


if __name__ == "__main__":
    main()
