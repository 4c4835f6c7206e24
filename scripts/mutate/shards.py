"""Indices of sharded safetensors: one entry more, less or other, or one file; transformers chooses the shards, `safetensors` reads them."""
import json
import pathlib
import tempfile

import entries
import numpy
import transformers
from tensors import saved, tensors_of


def read_shards(files):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        entries.materialise(files, folder)
        try:
            if (folder / "model.safetensors").exists():  # comes first, as in transformers
                return tensors_of((folder / "model.safetensors").read_bytes())
            paths, _ = transformers.utils.hub.get_checkpoint_shard_files(str(folder), str(folder / "model.safetensors.index.json"))
            tensors = {}
            for path in paths:
                tensors.update(tensors_of(pathlib.Path(path).read_bytes()))
            return tensors
        except Exception:  # whatever it is, nothing is read
            return None


def mutate_index(rng):
    files, weight_map = {}, {}
    count = rng.randrange(1, 4)
    for shard in range(count):
        name = f"model-{shard + 1:05d}-of-{count:05d}.safetensors"
        tensors = {f"{key}.{shard}": numpy.arange(3 + shard, dtype="float32") for key in rng.sample(["a", "b", "c"], 2)}
        files[name] = {"hex": saved(tensors, {"format": "pt"}).hex()}
        weight_map.update(dict.fromkeys(tensors, name))
    index = {"metadata": {"total_size": 3}, "weight_map": weight_map}
    base = {**files, "model.safetensors.index.json": json.dumps(index)}
    kind, account = rng.random(), False
    key = rng.choice(sorted(weight_map))
    names = [key, "weight_map"]
    harmless = False
    if kind < 0.2:
        weight_map[key] = rng.choice(list(files) + ["other.safetensors", "../x.safetensors", "", 3, None, "sub/x.safetensors", "model.safetensors.index.json"])
        names.append(str(weight_map[key]) or "weight_map")
    elif kind < 0.35:
        key = rng.choice(["new.weight", "a.9", ""])
        weight_map[key] = rng.choice(list(files))
        names.append(key or '""')
    elif kind < 0.5:
        del weight_map[key]
    elif kind < 0.65:
        key = entries.name(rng)
        index[key] = entries.value(rng)
        names, account = entries.names_in(index[key], [key]), True
    elif kind < 0.75:
        index["metadata"] = entries.neighbour(rng, index["metadata"])
        names, harmless = ["metadata", "total_size"], True
    elif kind < 0.85:
        key = rng.choice(list(files))
        del files[key]
        names = [key]
    elif kind < 0.95:
        key = rng.choice(["extra.safetensors", "model-00009-of-00009.safetensors", "model.safetensors", "adapter_model.safetensors"])
        files[key] = rng.choice(list(files.values()))
        names, account = [key], True
    else:
        index["weight_map"] = entries.neighbour(rng, weight_map)
        names = ["weight_map", *weight_map]
    new = {**files, "model.safetensors.index.json": json.dumps(index)}
    expected = read_shards(new)
    return {"reader": "shards", "files": new, "read": {}, "names": names, "account": account and expected is not None,
            "harmless": harmless,
            "expected": [] if expected is None else [expected], "without": read_shards(base)}


def mutation(rng):
    return entries.writable(mutate_index(rng))
