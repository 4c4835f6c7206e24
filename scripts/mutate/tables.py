"""Rows of conversations in Parquet and Arrow files: one column, field, value or type more, less or other; `datasets` decodes them."""
import copy
import io
import json
import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"

import datasets
import entries
import pyarrow as pa
import pyarrow.parquet as pq
import rows

TEXT_TYPES = [pa.large_string(), pa.dictionary(pa.int32(), pa.string()), pa.dictionary(pa.int8(), pa.large_string()), pa.binary(), pa.large_binary(), pa.string(),
              pa.string_view(), pa.null()]
NUMBER_TYPES = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.bool_(), pa.string(),
                pa.decimal128(10, 2), pa.timestamp("s"), pa.date32(), pa.time32("s"), pa.duration("s"), pa.null(), pa.dictionary(pa.int8(), pa.float64())]


def without_nulls(value):
    """Members that a file's schema gives all structs are absent where they are null."""
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return value


def retyped(kind, rng, name):
    """The type with one leaf or list of another type, and the name of what holds it."""
    if pa.types.is_struct(kind):
        fields = [kind.field(i) for i in range(kind.num_fields)]
        i = rng.randrange(len(fields))
        inner, found = retyped(fields[i].type, rng, fields[i].name)
        fields[i] = pa.field(fields[i].name, inner, nullable=fields[i].nullable)
        if rng.random() < 0.1:
            rng.shuffle(fields)
        return pa.struct(fields), found
    if pa.types.is_list(kind):
        if rng.random() < 0.75:
            inner, found = retyped(kind.value_type, rng, name)
            return pa.list_(inner), found
        return rng.choice([pa.large_list(kind.value_type), pa.list_(kind.value_type, 2), pa.list_view(kind.value_type)]), name
    return rng.choice(TEXT_TYPES if pa.types.is_string(kind) else NUMBER_TYPES), name


def file_of(table, form):
    sink = io.BytesIO()
    if form == "rows.parquet":
        pq.write_table(table, sink, row_group_size=2)
    elif form == "rows.arrow":
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    else:
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    return sink.getvalue()


def rows_of(data, form):
    if form == "rows.parquet":
        table = pq.read_table(io.BytesIO(data))
    elif form == "rows.arrow":
        table = pa.ipc.open_stream(data).read_all()
    else:
        table = pa.ipc.open_file(data).read_all()
    return list(datasets.Dataset(datasets.table.InMemoryTable(table)))


def reference(kind, data, form, template):
    try:
        return [rows.KINDS[kind](without_nulls(row), template) for row in rows_of(data, form)]
    except Exception:  # whatever it is, nothing is computed
        return None


def retype(table, rng):
    i = rng.randrange(table.num_columns)
    kind, name = retyped(table.schema.field(i).type, rng, table.schema.names[i])
    return table.set_column(i, pa.field(table.schema.names[i], kind), table.column(i).cast(kind)), [name, table.schema.names[i]], False


def add_column(table, rng):
    name = rng.choice([rng.choice(rows.COLUMNS), entries.name(rng), rng.choice(sorted(rows.DESCRIPTIVE))])
    if name in table.schema.names:
        return None
    values = rng.choice([pa.array(["x"] * table.num_rows), pa.array([1.5] * table.num_rows), pa.array([[1, 2]] * table.num_rows),
                         pa.array([{"a": 1}] * table.num_rows), pa.nulls(table.num_rows), pa.array([b"x"] * table.num_rows),
                         pa.array([0] * table.num_rows, pa.timestamp("s"))])
    used = {"messages", "prompt", "chosen", "rejected", "subset", "id", "response"} | set(rows.ATTRIBUTES)
    return table.add_column(rng.randrange(table.num_columns + 1), pa.field(name, values.type), values), [name], name not in used | rows.DESCRIPTIVE


def drop_column(table, rng):
    name = rng.choice(table.schema.names)
    return table.drop_columns([name]), [name], False


def rename_column(table, rng):
    i = rng.randrange(table.num_columns)
    old = table.schema.names[i]
    new = rng.choice([old.upper(), old + " ", old + "s", old[:-1], rng.choice(rows.COLUMNS)])
    names = list(table.schema.names)
    names[i] = new
    return table.rename_columns(names), [old, new], False


def repeat_column(table, rng):
    i = rng.randrange(table.num_columns)
    return table.append_column(table.schema.field(i), table.column(i)), [table.schema.names[i]], False


def annotate(table, rng):
    features = datasets.Features.from_arrow_schema(table.schema)
    name = rng.choice(table.schema.names)
    metadata = {"info": {"features": features.to_dict()}}
    target = metadata["info"]["features"][name]
    key = rng.choice(["dtype", "_type", entries.name(rng)])
    target[key] = rng.choice(["string", "int64", "float16", "Json", "Value", "List", "Sequence", "ClassLabel", "bool", "float64"])
    return table.replace_schema_metadata({"huggingface": json.dumps(metadata)}), [name, "huggingface", key], False


CHANGES = [retype] * 4 + [add_column, drop_column, rename_column, repeat_column, annotate]


def mutation(rng):
    kind = rng.choice(["labelled", "preference"])
    template = rng.choice(rows.TEMPLATES)
    form = rng.choice(["rows.parquet", "rows.parquet", "rows.arrow", "file/rows.arrow"])
    row = rows.base_row(kind, rng)
    before = [copy.deepcopy(row) for _ in range(rng.randrange(3))]
    # A description that contradicts the file's own types is refused by `datasets`.
    account, harmless = False, False
    try:
        base = pa.Table.from_pylist(before + [row])
        if rng.random() < 0.5:
            changed = rng.choice(rows.KIND_OF_CHANGE)(copy.deepcopy(row), rng)
            if changed is None or not isinstance(changed[0], dict):
                return None
            new, names, account = changed
            table = pa.Table.from_pylist(before + [new], schema=None)
            # from_pylist takes the columns of the first row.
            if before and set(new) - set(before[0]):
                table = pa.Table.from_pylist([{**dict.fromkeys(new), **r} for r in before + [new]])
        else:
            changed = rng.choice(CHANGES)(base, rng)
            if changed is None:
                return None
            table, names, account = changed
            harmless = "huggingface" in names
        data, old = file_of(table, form), file_of(base, form)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, pa.ArrowKeyError, TypeError, ValueError, OverflowError, KeyError, AttributeError):
        return None  # no such file can be written
    expected = reference(kind, data, form, template)
    read = {"template": template, "path": form}
    if kind == "labelled":
        read["attributes"] = rows.ATTRIBUTES
    case = {"reader": kind, "files": {form: {"hex": data.hex()}}, "read": read, "names": [n for n in names if n], "account": account and expected is not None,
            "harmless": harmless,
            "expected": [] if expected is None else [expected], "without": reference(kind, old, form, template)}
    return entries.writable(case)
