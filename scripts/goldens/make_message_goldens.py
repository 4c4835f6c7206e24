"""Writes tests/goldens/text/messages: conversations with more than role and content, as data sets and as transformers renders them.

messages.jsonl                    any JSON
messages.parquet, messages.arrow  the rows with one schema, written by pyarrow
json.parquet                      calls in a column of `datasets`' Json feature, with a number in the message
expected.json                     for each of them, and each template of tests/goldens/text/template, the text of each row, or
                                  null where jinja2 or the template raises an error
scores.json                       of each row of messages.jsonl under Llama 3.1's template and the model of
                                  tests/goldens/reward_model/llama: tokens, score, the last token's state and the prompt's,
                                  or null where the template raises an error

Rows of Parquet and Arrow are read by `datasets`. All structs of a column have the same members there, so a null member is an absent
key at every depth; apply_chat_template itself leaves out those of the messages.
"""
import json
import pathlib
import tempfile

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import tokenizers
import torch
import transformers
from make_reward_model_goldens import last_start, score, shortened
from safetensors.torch import load_file

assert transformers.__version__ == "5.23.0", transformers.__version__
GOLDENS = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/text"
OUT = GOLDENS / "messages"
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
DUMP = "{% for m in messages %}{{ m | tojson }}{% for k, v in m.items() %}[{{ k }}={{ v }}]{% endfor %}\n{% endfor %}"


def call(name, arguments):
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


WEATHER = {"city": "Z\u00fcrich \"HB\" \\ \n", "days": 3, "limit": 2.0, "small": 1e-7, "metric": True, "tags": ["a", "b|<eot>"]}
USER = {"role": "user", "content": "Weather?"}
ANSWER = {"role": "assistant", "content": "Rain."}
SAME_SCHEMA = [
    [USER, ANSWER],
    [USER, {"role": "assistant", "content": None, "tool_calls": [call("weather", WEATHER)]},
     {"role": "tool", "content": "{\"rain\": 1}", "tool_call_id": "c1", "name": "weather"}, ANSWER],
    [USER, {"role": "assistant", "content": "", "tool_calls": [call("weather", {**WEATHER, "tags": []})]}],
    [{"role": "user", "content": "Hi", "name": "Ann"},
     {"role": "assistant", "content": " Yes. ", "reasoning_content": "Think\nfirst. <|eot_id|>"}],
    [USER, {"role": "assistant", "content": None}],
    [USER, {"role": "assistant", "content": "two", "tool_calls": [call("a", WEATHER), call("b", WEATHER)]}],
    [USER, {"role": "assistant", "content": "", "tool_calls": [call("only_days", {"days": 2})]}, ANSWER],
]
ANY = SAME_SCHEMA + [
    [USER, {"role": "assistant"}],
    [USER, {"content": "first", "role": "assistant", "name": None}],
    [{"role": "user", "content": [{"type": "text", "text": "part"}, {"type": "image"}]}, ANSWER],
    [USER, {"role": "assistant", "tool_calls": [call("f", {"x": 9007199254740993, "y": -1.5, "z": None, "deep": [[1, {"k": []}]]})]}],
    [USER, {"role": "assistant", "tool_calls": [call("f", "{\"text\": 1}")]}, {"role": "tool", "content": ["a", 1, None]}],
    [USER, {"role": "ipython", "content": []}, ANSWER],
    [USER, {"role": "assistant", "content": "x", "tool_calls": None}],
    [USER, {"role": "assistant", "content": "x", "reasoning": "r", "thinking": "t"}],
    [USER, {"role": "assistant", "content": "x", "reasoning": "r", "n": 1}],
    [USER, {"role": "assistant", "content": "x", "weight": 0, "train": False, "\u00e9": 1e22}],
]


TOKENIZER = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizers.Tokenizer(tokenizers.models.WordLevel({})), **TOKENS)


def render(template, messages):
    try:
        return TOKENIZER.apply_chat_template(messages, chat_template=template, tokenize=False)
    except Exception:
        return None


def expected(rows):
    templates = {path.stem: path.read_text(encoding="utf-8") for path in sorted((GOLDENS / "template").glob("*.jinja"))}
    templates["dump"] = DUMP
    # Llama 3.2's template writes today's date.
    templates = {name: text for name, text in templates.items() if "strftime_now" not in text}
    return {name: [render(text, row) for row in rows] for name, text in templates.items()}


def without_nulls(value):
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return value


def json_rows():
    """Rows as `datasets` reads them: a null inside JSON is one, a null member of a message is an absent key."""
    message = {"role": datasets.Value("string"), "content": datasets.Value("string"), "weight": datasets.Value("float64"),
               "half": datasets.Value("float16"), "tool_calls": datasets.Json()}
    nothing = dict.fromkeys(message)
    rows = [[{**nothing, **USER}, {**nothing, "role": "assistant", "weight": weight, "half": half, "tool_calls": calls}]
            for weight, half, calls in [(2.0, 1.5, [call("f", WEATHER)]), (0.1, -3.0, [call("f", {"z": None, "deep": [[1, 2.0]]})]),
                                        (1e22, None, None), (-0.0, 0.1, [call("f", "{}")])]]
    data = datasets.Dataset.from_dict({"messages": rows, "a": list(range(len(rows)))},
                                      features=datasets.Features({"messages": datasets.List(message), "a": datasets.Value("int64")}))
    data.to_parquet(str(OUT / "json.parquet"))
    with tempfile.TemporaryDirectory() as cache:
        read = datasets.load_dataset("parquet", data_files=str(OUT / "json.parquet"), split="train", cache_dir=cache)
        return [[{k: v for k, v in turn.items() if v is not None} for turn in row["messages"]] for row in read]


def scores():
    folder = GOLDENS.parent / "reward_model/llama"
    config = json.loads((folder / "config.json").read_text())
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    pattern = tokenizer.encode("<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n", add_special_tokens=False)
    head = {key: value.float() for key, value in load_file(folder / "model-00002-of-00002.safetensors").items()}
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    template = (GOLDENS / "template/llama31.jinja").read_text(encoding="utf-8")
    results = []
    for messages in ANY:
        try:
            ids = tokenizer.apply_chat_template(messages, chat_template=template, tokenize=True, return_dict=False)
        except Exception:
            results.append(None)
            continue
        with torch.no_grad():
            states = model(input_ids=torch.tensor([ids]), use_cache=False).last_hidden_state[0].float()
        last, prompt = states[-1], states[last_start(ids, pattern)]
        value = score(head, config, last, prompt)["score"].item()
        results.append({"tokens": len(ids), "score": float(f"{value:.9g}"), "last": shortened(last.tolist()),
                        "prompt": shortened(prompt.tolist())})
    return results


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"messages": row, "a": i}, ensure_ascii=i % 2 == 0) + "\n" for i, row in enumerate(ANY)]
    (OUT / "messages.jsonl").write_text("".join(lines), encoding="utf-8")
    table = pa.Table.from_pylist([{"messages": row, "a": i} for i, row in enumerate(SAME_SCHEMA)])
    pq.write_table(table, OUT / "messages.parquet")
    with pa.ipc.new_stream(OUT / "messages.arrow", table.schema) as writer:
        writer.write_table(table)
    with tempfile.TemporaryDirectory() as cache:
        read = datasets.load_dataset("parquet", data_files=str(OUT / "messages.parquet"), split="train", cache_dir=cache)
        rows = [without_nulls(row["messages"]) for row in read]
    result = {"dump": DUMP, "special_tokens": TOKENS, "jsonl": expected(ANY), "arrow": expected(rows), "json": expected(json_rows())}
    (OUT / "expected.json").write_text(json.dumps(result, indent=0) + "\n")
    (OUT / "scores.json").write_text(json.dumps(scores()) + "\n")


if __name__ == "__main__":
    main()
