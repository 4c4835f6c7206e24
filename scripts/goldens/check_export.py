#!/usr/bin/env python3
"""Loads an exported reward model in transformers, as its users do, and compares its scores with those of `score`.

Usage: check_export.py MODEL_FOLDER CONVERSATIONS.jsonl SCORE_PROGRAM

For float32 and bfloat16: one conversation at a time, and in batches padded on the right and on the left. float32 must agree to
float32 rounding. In bfloat16 the error of either side, relative to the float32 scores, may be at most a few times that of
transformers in its best batch. Needs no network. Exits 1 with the first difference that is too large.
"""

import json
import os
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_MODULES_CACHE"] = tempfile.mkdtemp(prefix="armorm-modules-")

import torch
import transformers
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

FIELDS = {"score": "score", "rewards": "rewards", "gate": "gating_output", "contributions": "contributions"}
FLOAT32_TOLERANCE = 5e-5  # for numbers around 1
BATCH = 5


def read_conversations(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line)["messages"] for line in file if line.strip()]


def program_scores(program, folder, conversations, precision):
    text = "".join(json.dumps({"messages": messages}) + "\n" for messages in conversations)
    command = [program, "--model_path", folder, "--device", "-1", "--precision", precision, "--log_level", "warn"]
    lines = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["line"] for row in rows] == list(range(1, len(conversations) + 1)), "rows are out of order"
    names = list(rows[0]["rewards"])
    table = {field: [[row[field][name] for name in names] if field != "score" else [row[field]] for row in rows] for field in FIELDS}
    return {field: torch.tensor(values) for field, values in table.items()}, names


def model_scores(model, tokenizer, conversations, batch, side):
    tokenizer.padding_side = side
    outputs = []
    for first in range(0, len(conversations), batch):
        inputs = tokenizer.apply_chat_template(conversations[first:first + batch], padding=True, return_tensors="pt", return_dict=True)
        with torch.no_grad():
            outputs.append(model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]))
    return {field: torch.cat([getattr(o, name).float().reshape(len(o.score), -1) for o in outputs]) for field, name in FIELDS.items()}


def difference(a, b):
    return max(float((a[field] - b[field]).abs().max()) for field in FIELDS)


def check_loading(folder, model, info, names):
    bad = {key: value for key, value in info.items() if value}
    assert not bad, f"from_pretrained reports {bad}"
    assert type(model).__name__ == AutoConfig.from_pretrained(folder).architectures[0]
    assert model.attributes == names, f"attributes are {model.attributes}, score names {names}"
    head = {name: p.dtype for name, p in model.named_parameters() if not name.startswith("model.")}
    assert set(head.values()) == {torch.float32}, f"the head is not in float32: {head}"
    assert model.gating.logit_scale.item() == 1 and model.bradley_terry_scale > 0, "the export is not in units of the reward"


def check_without_mask(model, tokenizer, conversations):
    """Where the padding token is one that conversations contain, as the end of a turn often is."""
    rows = [tokenizer.apply_chat_template(c, return_tensors="pt", return_dict=True)["input_ids"] for c in conversations]
    kept, model.config.pad_token_id = model.config.pad_token_id, int(rows[0][0, -1])
    with torch.no_grad():
        for row in rows:
            expected = model(input_ids=row, attention_mask=torch.ones_like(row)).score
            assert torch.equal(model(input_ids=row).score, expected), "a row without mask does not end at its last token"
        try:
            model(input_ids=rows[0].repeat(2, 1))
        except ValueError as error:
            assert "attention_mask" in str(error), error
        else:
            raise AssertionError("a batch with padding tokens needs no mask")
        model.config.pad_token_id = 0 if kept is None else kept
        pair = rows[0].repeat(2, 1)
        if not (pair == model.config.pad_token_id).any():
            assert torch.allclose(model(input_ids=pair).score, model(input_ids=rows[0]).score.repeat(2), atol=FLOAT32_TOLERANCE)
    model.config.pad_token_id = kept


def main(folder, conversations_path, program):
    conversations = read_conversations(conversations_path)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ways = [("one by one", 1, "right"), ("padded on the right", BATCH, "right"), ("padded on the left", BATCH, "left")]
    results = {}
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        model, info = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True, dtype=dtype, output_loading_info=True)
        model.eval()
        results[precision, "score"], names = program_scores(program, folder, conversations, precision)
        check_loading(folder, model, info, names)
        if precision == "fp32":
            check_without_mask(model, tokenizer, conversations)
        for way, batch, side in ways:
            results[precision, way] = model_scores(model, tokenizer, conversations, batch, side)
    exact = results["fp32", "one by one"]
    rounding = min(difference(results["bf16", way], exact) for way, _, _ in ways)
    status = 0
    for (precision, way), result in results.items():
        found = difference(result, exact)
        allowed = FLOAT32_TOLERANCE if precision == "fp32" else 3 * rounding + FLOAT32_TOLERANCE
        status |= found > allowed
        print(f"{precision} {way}: differs from transformers' float32 by {found:.3g}, {'more than' if found > allowed else 'within'} {allowed:.3g}")
    print(f"{len(conversations)} conversations, transformers {transformers.__version__}")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
