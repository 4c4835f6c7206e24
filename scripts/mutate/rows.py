"""Rows of conversations in JSON: labelled rows, preference rows and score requests.

Reference: Python's json, transformers' apply_chat_template, and the rules for prompts of src/data/dataset.h.
"""
import copy
import decimal
import json
import math
import pathlib

import entries
import numpy
import tokenizers
import transformers

GOLDENS = entries.GOLDENS
TEMPLATES = ["mutations/fields.jinja", "mutations/dump.jinja", "text/template/llama31.jinja", "text/template/qwen25.jinja",
             "text/template/chatml.jinja"]
SOURCES = {name: (GOLDENS / name).read_text(encoding="utf-8") for name in TEMPLATES}
TOKENIZER = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizers.Tokenizer(tokenizers.models.WordLevel({})), bos_token="<s>",
                                                 eos_token="</s>")
ATTRIBUTES = ["helpful", "length"]


class Refused(Exception):
    """The input has no meaning as rows of conversations."""


def call(name, arguments):
    return {"type": "function", "id": "c1", "function": {"name": name, "arguments": arguments}}


USER = {"role": "user", "content": "What is 2 + 2?"}
ANSWER = {"role": "assistant", "content": "It is 4."}
WRONG = {"role": "assistant", "content": "It is 5."}
SYSTEM = {"role": "system", "content": "Be brief."}
TOOLS = [USER, {"role": "assistant", "content": "", "tool_calls": [call("add", {"a": 2, "b": 2.0, "note": "sum", "list": [1, None]})]},
         {"role": "tool", "content": "{\"sum\": 4}", "tool_call_id": "c1", "name": "add"}, ANSWER]
THINKING = [USER, {"role": "assistant", "content": "4", "reasoning_content": "Two and two."}]
NAMED = [SYSTEM, {**USER, "name": "Ann"}, ANSWER]
PARTS = [{"role": "user", "content": [{"type": "text", "text": "What is 2 + 2?"}]}, ANSWER]
LONG = [SYSTEM, USER, WRONG, {"role": "user", "content": "Sure?"}, ANSWER]
CONVERSATIONS = [[USER, ANSWER], [USER, ANSWER], LONG, NAMED, TOOLS, THINKING, PARTS]
PAIRS = [
    {"chosen": [USER, ANSWER], "rejected": [USER, WRONG]},
    {"prompt": "What is 2 + 2?", "chosen": [USER, ANSWER], "rejected": [USER, WRONG]},
    {"prompt": [USER], "chosen": [ANSWER], "rejected": [WRONG]},
    {"prompt": "What is 2 + 2?", "chosen": "It is 4.", "rejected": "It is 5."},
    {"prompt": [SYSTEM, USER], "chosen": "It is 4.", "rejected": "It is 5."},
    {"prompt": [USER], "chosen": TOOLS, "rejected": [WRONG]},
    {"prompt": TOOLS[:3], "chosen": [ANSWER], "rejected": [WRONG]},
    {"prompt": "What is 2 + 2?", "chosen": [SYSTEM, USER, ANSWER], "rejected": [WRONG], "subset": "math"},
    {"prompt": "What is 2 + 2?", "chosen": ["4", "It is 4."], "rejected": ["5", "It is 5.", "6"], "subset": "math", "id": "7"},
]
REQUESTS = [
    {"messages": [USER, ANSWER]}, {"messages": LONG, "id": "a"}, {"messages": TOOLS}, {"messages": [USER], "response": "It is 4.", "id": 3},
    {"prompt": "What is 2 + 2?", "response": "It is 4."}, {"prompt": [SYSTEM, USER], "response": "It is 4.", "id": None}, [USER, ANSWER],
    {"messages": THINKING}, {"messages": NAMED},
]
FIELDS = ["tool_calls", "name", "reasoning_content", "reasoning", "thinking", "tool_call_id", "function_call", "refusal", "weight", "tools",
          "Content", "content ", "text", "value", "from", "date", "id", "index", "audio", "annotations", "prefix"]
COLUMNS = ["tools", "system", "System", "Messages", "messages ", "conversations", "response", "responses", "context", "history", "documents",
           "chat_template_kwargs", "images", "instruction", "input", "output", "margin", "completion", "chosen2", "Prompt", "CHOSEN", "label"]
# Columns that only describe rows; see src/data/column_account.cpp.
DESCRIPTIVE = {"id", "source", "subset", "model", "category", "language", "url", "split", "score_chosen", "chosen_rating"}
ROLES = ["system", "developer", "tool", "ipython", "function", "user", "assistant", "model", "User", "human", "", "critic"]


def render(template, messages):
    if not isinstance(messages, list) or not messages:
        raise Refused
    text = TOKENIZER.apply_chat_template(messages, chat_template=SOURCES[template], tokenize=False)
    if not isinstance(text, str):
        raise Refused
    text.encode()
    return text


def check_messages(messages):
    if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
        raise Refused
    return messages


def label(value):
    if value is None:
        return None
    if isinstance(value, (bool, int, float, decimal.Decimal)):
        number = float(numpy.float32(value))
        return None if math.isnan(number) else number
    raise Refused


def without_nulls(message):
    return {k: v for k, v in message.items() if v is not None}


def is_same(a, b):
    """a == b, where NaN equals NaN."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(is_same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(is_same, a, b))
    return a == b or (a != a and b != b)


def starts_with(side, prompt):
    rest = side
    if prompt and prompt[0].get("role") != "system":
        while rest and rest[0].get("role") == "system":
            rest = rest[1:]
    return len(prompt) <= len(rest) and all(is_same(without_nulls(a), without_nulls(b)) for a, b in zip(prompt, rest))


def prompt_of(row):
    prompt = row.get("prompt")
    if prompt is None:
        return []
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    return check_messages(prompt) if prompt != [] else []


def side(prompt, value):
    if isinstance(value, str):
        if not prompt:
            raise Refused
        value = [{"role": "assistant", "content": value}]
    check_messages(value)
    return value if starts_with(value, prompt) else prompt + value


def sides(row, key):
    value = row.get(key)
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return [side(prompt_of(row), item) for item in value]
    return [side(prompt_of(row), value)]


def labelled(row, template):
    return [[label(row.get(name)) for name in ATTRIBUTES], render(template, check_messages(row.get("messages")))]


def preference(row, template):
    lists = [isinstance(row.get(key), list) and bool(row[key]) and isinstance(row[key][0], str) for key in ("chosen", "rejected")]
    if lists[0] != lists[1]:
        raise Refused
    subset = row.get("subset")
    if subset is not None and not isinstance(subset, str):
        raise Refused
    return [[render(template, item) for item in sides(row, key)] for key in ("chosen", "rejected")] + [subset or ""]


def score(row, template):
    if isinstance(row, list):
        return [render(template, check_messages(row)), ""]
    if not isinstance(row, dict):
        raise Refused
    messages = check_messages(row["messages"]) if "messages" in row else prompt_of(row)
    if "messages" in row and not starts_with(messages, prompt_of(row)):
        raise Refused
    if "response" in row:
        if not isinstance(row["response"], str):
            raise Refused
        messages = messages + [{"role": "assistant", "content": row["response"]}]
    elif "messages" not in row:
        raise Refused
    identity = row.get("id")
    return [render(template, messages), "" if identity is None else json.dumps(identity, separators=(",", ":"), ensure_ascii=False)]


KINDS = {"labelled": labelled, "preference": preference, "score": score}


def reference(kind, texts, template):
    """The value of each row, or None where one is refused."""
    try:
        return [KINDS[kind](json.loads(text), template) for text in texts]
    except Exception:  # whatever it is, nothing is computed
        return None


def base_row(kind, rng):
    if kind == "preference":
        return copy.deepcopy(rng.choice(PAIRS))
    if kind == "score":
        return copy.deepcopy(rng.choice(REQUESTS))
    return {"messages": copy.deepcopy(rng.choice(CONVERSATIONS)), "helpful": rng.choice([1, 0.5, 3.25, None]), "length": rng.choice([0, 2.5, True])}


def objects(row):
    """(path, object) of messages and what is in them."""
    return [(path, item) for path, item in entries.containers(row) if isinstance(item, dict)]


def described(path, key):
    """The names by which an error may name an entry: the entry, or what holds it."""
    names = [key if isinstance(key, str) else f"message {key}"]
    return names + [f"message {k}" for k in path if isinstance(k, int)]


def add_column(row, rng):
    key = rng.choice([rng.choice(COLUMNS), rng.choice(COLUMNS), entries.name(rng), rng.choice(sorted(DESCRIPTIVE))])
    used = {"messages", "prompt", "chosen", "rejected", "subset", "id", "response"} | set(ATTRIBUTES)
    if not isinstance(row, dict) or key in row:
        return None
    row[key] = entries.value(rng)
    return row, [key], key not in used | DESCRIPTIVE


def add_field(row, rng):
    path, item = rng.choice(objects(row))
    key = rng.choice([rng.choice(FIELDS), rng.choice(FIELDS), entries.name(rng)])
    if key in item or not path:
        return None
    values = [entries.value(rng), entries.text(rng), [call(entries.name(rng), {entries.name(rng): entries.value(rng)})]]
    item[key] = rng.choice(values)
    return row, described(path, key), False


def change_value(row, rng):
    path, item = rng.choice(list(entries.containers(row)))
    if not item:
        return None
    key = rng.choice(list(item) if isinstance(item, dict) else range(len(item)))
    item[key] = entries.neighbour(rng, item[key])
    return row, described(path, key), False


def drop_key(row, rng):
    path, item = rng.choice(objects(row))
    if not item:
        return None
    key = rng.choice(list(item))
    del item[key]
    return row, described(path, key), False


def repeat_key(row, rng):
    path, item = rng.choice(objects(row))
    if not item:
        return None
    key = rng.choice(list(item))
    pairs = entries.Pairs(item.items())
    pairs.insert(rng.choice([0, len(pairs)]), (key, entries.neighbour(rng, item[key])))
    if not path:
        return pairs, described(path, key), False
    entries.at(row, path[:-1])[path[-1]] = pairs
    return row, described(path, key), False


def rename_key(row, rng):
    path, item = rng.choice(objects(row))
    if not item:
        return None
    key = rng.choice(list(item))
    other = rng.choice([key.upper(), key.capitalize(), key + " ", " " + key, key + "s", key.replace("_", ""), key[:-1]])
    if other in item:
        return None
    renamed = {other if k == key else k: v for k, v in item.items()}
    item.clear()
    item.update(renamed)
    return row, described(path, key) + [other], False


def add_message(row, rng):
    lists = [(path, item) for path, item in entries.containers(row) if isinstance(item, list) and item and isinstance(item[0], dict) and
             "role" in item[0]]
    if not lists:
        return None
    path, item = rng.choice(lists)
    message = {"role": rng.choice(ROLES), "content": entries.text(rng)}
    if rng.random() < 0.3:
        message[rng.choice(FIELDS)] = entries.value(rng)
    position = rng.randrange(len(item) + 1)
    item.insert(position, message)
    return row, described(path, position) + [key for key in message if key not in ("role", "content")], False


def change_role(row, rng):
    messages = [(path, item) for path, item in objects(row) if "role" in item]
    if not messages:
        return None
    path, item = rng.choice(messages)
    item["role"] = rng.choice(ROLES)
    return row, described(path, "role"), False


def reorder(row, rng):
    path, item = rng.choice(objects(row))
    pairs = list(item.items())
    rng.shuffle(pairs)
    item.clear()
    item.update(pairs)
    return row, described(path, ""), False


KIND_OF_CHANGE = [add_column, add_field, add_field, change_value, change_value, change_value, drop_key, repeat_key, rename_key, add_message,
                  change_role, reorder]


def spaced(text, rng):
    """The text of a row in another form that means the same, mostly."""
    if rng.random() < 0.9:
        return text
    return rng.choice([" " + text, text + "\t", text.replace("{", "{ "), text + "\r", json.dumps(json.loads(text), ensure_ascii=True)])


def mutation(rng):
    kind = rng.choice(["labelled", "preference", "score"])
    template = rng.choice(TEMPLATES)
    row = base_row(kind, rng)
    base = entries.dumps(row)
    changed = rng.choice(KIND_OF_CHANGE)(copy.deepcopy(row), rng)
    if changed is None:
        return None
    new, names, account = changed
    try:
        text = spaced(entries.dumps(new, ascii_only=rng.random() < 0.3), rng)
        text.encode()
    except (UnicodeEncodeError, ValueError):
        return None
    before = [entries.dumps(base_row(kind, rng)) for _ in range(rng.randrange(2))] if kind != "score" else []
    expected = reference(kind, before + [text], template)
    without = reference(kind, before + [base], template)
    read = {"template": template}
    if kind == "labelled":
        read["attributes"] = ATTRIBUTES
    if kind == "score":
        files = {"row.json": text}
        expected, without = expected and expected[0], without and without[0]
    elif rng.random() < 0.15:
        files = {"rows.json": "[" + ",\n".join(before + [text]) + "]"}
    else:
        files = {"rows.jsonl": rng.choice(["\n", "\n", "\r\n"]).join(before + [text]) + rng.choice(["\n", "", "\n\n"])}
    read["path"] = next(iter(files))
    return {"reader": kind, "files": files, "read": read, "names": [n for n in names if n], "account": account,
            "expected": [] if expected is None else [expected], "without": without}
