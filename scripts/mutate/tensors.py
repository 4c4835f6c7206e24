"""Safetensors: one entry of a header, or the bytes, more, less or other; `safetensors` reads the file."""
import json
import struct
import tempfile

import entries
import numpy
import safetensors
import safetensors.numpy

KINDS = ["float32", "float16", "float64", "int8", "uint8", "int16", "int32", "int64", "bool"]
DTYPES = ["F32", "F16", "BF16", "F64", "I8", "U8", "I16", "U16", "I32", "U32", "I64", "U64", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0", "C64", "F4", "F6_E2M3",
          "F6_E3M2", "F8_E4M3FNUZ", "f32", "FP32", "", None, 3]
NAMES = ["weight", "model.norm.weight", "lm_head.weight", "a", "b.c", "é", " ", ""]


def header_of(data):
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:8 + size]), data[8 + size:]


def joined(header_text, buffer, size=None):
    header = header_text.encode()
    return struct.pack("<Q", len(header) if size is None else size) + header + buffer


def saved(tensors, metadata):
    """The file that `safetensors` makes, with its entries sorted: it writes them in another order each time."""
    header, buffer = header_of(safetensors.numpy.save(tensors, metadata))
    ordered, tail = {key: dict(sorted(header[key].items())) for key in sorted(header)}, b""
    for name in sorted(tensors):
        begin, end = ordered[name]["data_offsets"]
        ordered[name]["data_offsets"] = [len(tail), len(tail) + end - begin]
        tail += buffer[begin:end]
    return joined(json.dumps(ordered), tail)


def valid_file(rng):
    tensors = {}
    for name in rng.sample(NAMES[:6], rng.randrange(1, 4)):
        shape = [rng.randrange(1, 4) for _ in range(rng.randrange(3))]
        tensors[name] = numpy.asarray(numpy.arange(int(numpy.prod(shape))).reshape(shape) % 2, dtype=rng.choice(KINDS))
    metadata = rng.choice([None, {"format": "pt"}, {"format": "pt", "step": "3"}])
    return saved(tensors, metadata)


def tensors_of(data):
    return {name: [info["dtype"], list(info["shape"]), bytes(info["data"]).hex()] for name, info in sorted(safetensors.deserialize(data))}


def read(data):
    try:
        tensors = tensors_of(data)
        with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
            file.write(data)
            file.flush()
            with safetensors.safe_open(file.name, "numpy") as opened:
                metadata = dict(sorted((opened.metadata() or {}).items()))
        return [tensors, metadata]
    except Exception:  # whatever it is, nothing is read
        return None


def change_tensor(header, buffer, rng):
    name = rng.choice([n for n in header if n != "__metadata__"])
    info = header[name]
    key = rng.choice(["dtype", "shape", "data_offsets", "data_offsets", rng.choice(["strides", "offset", "Dtype", "device", entries.name(rng)])])
    if rng.random() < 0.1 and key in info:
        del info[key]
    elif key == "dtype":
        info[key] = rng.choice(DTYPES)
    elif key in ("shape", "data_offsets") and rng.random() < 0.6 and info[key]:
        i = rng.randrange(len(info[key]))
        info[key][i] = rng.choice([info[key][i] + 1, info[key][i] - 1, -1, 0, 2**63, 2**64 - 1, float(info[key][i]), str(info[key][i]), None, True])
    else:
        info[key] = entries.neighbour(rng, info.get(key))
    return json.dumps(header), buffer, [key, f'"{name}"'], key not in ("dtype", "shape", "data_offsets")


def add_tensor(header, buffer, rng):
    name = rng.choice(NAMES + ["__metadata__", "__other__"])
    if name in header:
        return None
    header[name] = {"dtype": rng.choice(["U8", "I8", "BOOL", "F8_E4M3", "F4", "C64"]), "shape": [rng.choice([0, 1, 2, 8])], "data_offsets": [
        len(buffer), len(buffer) + rng.choice([0, 1, 2, 8])]}
    return json.dumps(header), buffer + bytes(header[name]["data_offsets"][1] - len(buffer)), [f'"{name}"', name or '""'], False


def change_metadata(header, buffer, rng):
    metadata = header.setdefault("__metadata__", {})
    key = rng.choice(list(metadata) + [entries.name(rng), "format"])
    metadata[key] = rng.choice([entries.text(rng), entries.value(rng)])
    return json.dumps(header), buffer, [key, "__metadata__"], False


def drop_tensor(header, buffer, rng):
    name = rng.choice(list(header))
    del header[name]
    return json.dumps(header), buffer, [f'"{name}"', "tensor"], False


def repeat_key(header, buffer, rng):
    pairs = entries.Pairs(header.items())
    name = rng.choice(list(header))
    if rng.random() < 0.5 and header[name]:
        key = rng.choice(list(header[name]))
        inner = entries.Pairs(header[name].items())
        inner.append((key, rng.choice([header[name][key], entries.neighbour(rng, header[name][key])])))
        pairs = entries.Pairs((k, inner if k == name else v) for k, v in pairs)
        return entries.dumps(pairs), buffer, [key], False
    pairs.append((name, header[name]))
    return entries.dumps(pairs), buffer, [name], False


def change_bytes(header, buffer, rng):
    text = json.dumps(header)
    kind = rng.randrange(6)
    if kind == 0:
        return text, buffer + bytes(rng.choice([1, 8])), ["tensor", "bytes"], False
    if kind == 1:
        return text, buffer[:-1], ["tensor", "bytes"], False
    if kind == 2:
        return rng.choice([" ", "\n", "  \t"]) + text, buffer, ["header"], False
    if kind == 3:
        return text + rng.choice([" ", "\n\n", "x", "{}", "\0", ","]), buffer, ["header"], False
    if kind == 4:
        return text.replace(":", " :\n"), buffer, ["header"], False
    return rng.choice(["[" + text + "]", "null", "{}", "", '"x"', text[:-1], text.replace('"', "'")]), buffer, ["header", "tensor"], False


CHANGES = [change_tensor] * 4 + [add_tensor, change_metadata, drop_tensor, repeat_key, change_bytes]


def mutate_file(rng):
    data = valid_file(rng)
    header, buffer = header_of(data)
    changed = rng.choice(CHANGES)(header, buffer, rng)
    if changed is None:
        return None
    text, buffer, names, account = changed
    size = None
    if rng.random() < 0.03:
        size = rng.choice([0, 1, len(text) - 1, len(text) + 1, 100_000_001, 2**63, 2**64 - 1])
        names = names + ["header", "bytes"]
    new = joined(text, buffer, size)
    expected = read(new)
    return {"reader": "tensors", "files": {"x.safetensors": {"hex": new.hex()}}, "read": {}, "names": names, "account": account and expected is not None,
            "expected": [] if expected is None else [expected], "without": read(data)}


def mutation(rng):
    return entries.writable(mutate_file(rng))
