"""Entries to add and values to change, drawn from a seeded generator."""
import json
import pathlib
import random
import shutil

GOLDENS = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens"
WORDS = ["alpha", "Beta", "gamma_2", "x", "value", "note", "weight", "train", "kind", "extra", "n", "Zürich"]
TEXTS = ["", " ", "\n", "Yes.", " padded ", "two\nlines", "tab\there", "é", "\u2028", "\U0001f600", "\ufeff", "<|eot_id|>", "</s>", "null",
         "1", "true", "[]", "{\"a\": 1}", "quote\" back\\slash", "{{ bos_token }}", "\x7f", "\x01", "a" * 300, "NaN", "2024-01-01 00:00:00"]
NUMBERS = [0, 1, -1, 2, 3, 7, 10, 255, 1000, 0.5, 1.0, 2.0, -0.0, 1e-7, 0.1, 1e22, 123456789.125, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -2**63,
           2**64, 1e300]


class Pairs(list):
    """An object as (key, value) pairs, where a key may come twice."""


def dumps(value, ascii_only=False):
    """JSON text, also of Pairs."""
    if isinstance(value, Pairs):
        return "{" + ",".join(json.dumps(k, ensure_ascii=ascii_only) + ":" + dumps(v, ascii_only) for k, v in value) + "}"
    if isinstance(value, dict):
        return dumps(Pairs(value.items()), ascii_only)
    if isinstance(value, list):
        return "[" + ",".join(dumps(v, ascii_only) for v in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def materialise(files, root):
    """Writes the files of a case, in the form that tests/mutations/mutation.h describes, without patches."""
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            target.write_text(content, encoding="utf-8", newline="")
        elif "golden" in content:
            shutil.copyfile(GOLDENS / content["golden"], target)
        else:
            target.write_bytes(bytes.fromhex(content["hex"]))


def name(rng):
    return rng.choice(WORDS) + rng.choice(["", "", "_", "s", str(rng.randrange(10))])


def text(rng):
    return rng.choice(TEXTS) + rng.choice(["", "", "", rng.choice(WORDS)])


def scalar(rng):
    return rng.choice([lambda: None, lambda: True, lambda: False, lambda: rng.choice(NUMBERS), lambda: rng.choice(NUMBERS), lambda: text(rng),
                       lambda: text(rng), lambda: float("nan")])()


def value(rng, depth=0):
    """Any JSON value, with NaN."""
    kind = rng.random()
    if depth > 2 or kind < 0.7:
        return scalar(rng)
    if kind < 0.85:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {name(rng): value(rng, depth + 1) for _ in range(rng.randrange(4))}


def neighbour(rng, old):
    """A value near the old one, or of another type."""
    near = []
    if isinstance(old, bool):
        near = [not old, not old, int(old), str(old), str(old).lower(), None]
    elif isinstance(old, (int, float)):
        near = [old + 1, old - 1, old * 2, old / 2, -old, float(old), str(old), bool(old), None, [old], 0]
        if isinstance(old, int):
            near += [old // 2, old + 8]
    elif isinstance(old, str):
        near = [old + " ", old.upper(), old.lower(), old.capitalize(), old[:-1], "", None, [old], old + "2", old.replace("_", "-")]
    elif isinstance(old, list):
        near = [[], old[:-1], old + old[-1:], old[::-1], None, old * 2, {"0": old}]
    elif isinstance(old, dict):
        near = [{}, None, [old], {**old, name(rng): scalar(rng)}, dict(list(old.items())[1:])]
    else:
        near = [0, "", [], {}, False]
    return rng.choice(near) if rng.random() < 0.75 else value(rng)


def containers(value, path=()):
    """(path, object or list) of everything in a JSON value."""
    if isinstance(value, (dict, list)):
        yield path, value
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from containers(item, path + (key,))


def at(value, path):
    for key in path:
        value = value[key]
    return value


def names_in(value, names):
    """The names and those of all objects in a value: what is wrong in it is named by the nearest one."""
    return names + [key for _, item in containers(value) if isinstance(item, dict) for key in item]


def writable(case):
    """The case, or None where JSON cannot hold it."""
    try:
        json.dumps(case, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, UnicodeEncodeError):
        return None
    return case


def generator(reader, seed):
    return random.Random(f"{reader} {seed}")
