"""Which rows of a split a shard holds, by datasets' filter, shuffle(seed=0) and shard."""

import json
import pathlib
from importlib.metadata import version

import datasets

assert version("datasets") == "5.2.0", "pinned in requirements.txt"
OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/stages/shards.json"


def case(n, n_shards, shard_idx, shuffle, every):
    """Keeps the rows whose number is divisible by `every`, like a filter on a `source` column."""
    ds = datasets.Dataset.from_dict({"row": list(range(n))}).filter(lambda r: r["row"] % every == 0)
    if shuffle:
        ds = ds.shuffle(seed=0)
    ds = ds.shard(num_shards=n_shards, index=shard_idx - 1, contiguous=True)
    return {"n": n, "n_shards": n_shards, "shard_idx": shard_idx, "shuffle": shuffle, "every": every, "rows": ds["row"][:]}


cases = [
    case(n, n_shards, shard_idx, shuffle, every)
    for n in (1, 7, 100, 257)
    for n_shards in (1, 3, 8)
    for shard_idx in {1, 2, n_shards}
    if shard_idx <= n_shards
    for shuffle in (False, True)
    for every in (1, 3)
    if n_shards <= -(-n // every)
]
OUT.write_text(json.dumps(cases, separators=(",", ":")) + "\n")
print(f"{len(cases)} cases -> {OUT}")
