"""Writes tests/goldens/core/numpy_random.json from NumPy, scikit-learn and datasets.

Permutations of up to FULL elements are stored completely; longer ones as the SHA-256 of their little-endian int64 bytes.
"""
import hashlib
import json
import pathlib

import datasets
import numpy
import sklearn
from sklearn.model_selection import GroupShuffleSplit, KFold, train_test_split

assert numpy.__version__ == "2.4.6", numpy.__version__
assert sklearn.__version__ == "1.9.1", sklearn.__version__
assert datasets.__version__ == "5.2.0", datasets.__version__
OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/core/numpy_random.json"
SIZES = [0, 1, 2, 3, 4, 5, 7, 10, 64, 65, 100, 1000, 65535, 65536, 65537, 569185]
FULL = 10


def stored(values):
    values = numpy.asarray(values, dtype="<i8")
    record = {"n": len(values), "sha256": hashlib.sha256(values.tobytes()).hexdigest()}
    if len(values) <= FULL:
        record["values"] = values.tolist()
    return record


def permutations(make, seeds):
    return [{"seed": str(seed), **stored(make(seed, n))} for seed in seeds for n in SIZES]


def shuffled(seed, n):
    return datasets.Dataset.from_dict({"i": list(range(n))}).shuffle(seed=seed)["i"] if n else []


def split_record(n, test_size, seed):
    train, validation = train_test_split(numpy.arange(n), test_size=test_size, random_state=seed)
    return {"n": n, "test_size": test_size, "seed": seed, "train": stored(train), "validation": stored(validation)}


def group_split_record(n, n_groups, test_size, seed):
    groups = numpy.random.default_rng(n).integers(-n_groups, n_groups, n) * 3
    splitter = GroupShuffleSplit(n_splits=1, test_size=test_size, random_state=seed)
    train, validation = next(splitter.split(groups, groups=groups))
    return {"n": n, "test_size": test_size, "seed": seed, "groups": groups.tolist(), "train": stored(train),
            "validation": stored(validation)}


def kfold_record(n, n_folds, seed):
    folds = numpy.zeros(n, dtype=int)
    for fold, (_, test) in enumerate(KFold(n_folds, shuffle=True, random_state=seed).split(folds)):
        folds[test] = fold
    return {"n_folds": n_folds, "seed": seed, "folds": stored(folds)}


def shard_record(n, n_shards):
    data = datasets.Dataset.from_dict({"i": list(range(n))})
    ranges = []
    for index in range(n_shards):
        try:
            rows = data.shard(n_shards, index, contiguous=True)["i"]
        except IndexError:  # datasets refuses a shard that has no row
            rows = []
        ranges.append([rows[0], rows[-1] + 1] if len(rows) else None)
    return {"n": n, "n_shards": n_shards, "ranges": ranges}


def main():
    pcg_seeds = [0, 1, 2, 7, 42, 1234, 2**31 - 1, 2**32 - 1, 2**32, 2**32 + 1, 0x0123456789ABCDEF, 2**63, 2**64 - 1]
    mt_seeds = [0, 1, 2, 7, 42, 1234, 2**31 - 1, 2**31, 2**32 - 1]
    generator = lambda seed, n: numpy.random.default_rng(seed).permutation(n)
    legacy = lambda seed, n: numpy.random.RandomState(seed).permutation(n)
    # dataset_shuffle checks that datasets uses the same generator.
    record = {
        "pcg64": permutations(generator, pcg_seeds),
        "mt19937": permutations(legacy, mt_seeds),
        "dataset_shuffle": [{"seed": str(s), **stored(shuffled(s, n))} for s in (0, 42) for n in (1, 2, 3, 100, 1000)],
        "split": [split_record(n, t, s) for n in (2, 3, 5, 7, 10, 11, 99, 100, 1000, 569185)
                  for t in (0.2, 0.25, 0.5, 0.1) for s in (42, 0)],
        "group_split": [group_split_record(n, g, t, s) for n, g in ((10, 3), (100, 20), (200, 5)) for t in (0.2, 0.5)
                        for s in (42, 1)],
        "kfold": [kfold_record(n, k, s) for n, k in ((2, 2), (10, 3), (100, 5), (1001, 10)) for s in (42, 0)],
        "shards": [shard_record(n, k) for n in (0, 1, 2, 3, 7, 10, 100, 1000) for k in (1, 2, 3, 4, 7, 16)],
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    lines = [f'"{name}":[\n' + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + "\n]"
             for name, rows in record.items()]
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(OUT, OUT.stat().st_size)


if __name__ == "__main__":
    main()
