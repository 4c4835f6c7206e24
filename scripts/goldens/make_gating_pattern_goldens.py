"""Writes tests/goldens/text/gating/positions.json: where the prompts of conversations end in their tokens, found from
the character offsets of `tokenizers` in the text that transformers renders. Nothing here knows of a pattern.

Each row: template, tokenizer, messages, ids, and [first, end) of the tokens that lie between the last prompt and the
answer; `exact` where the first of them begins where the prompt ends, so that the gate must be there.
"""
import json
import pathlib

import tokenizers
import transformers
from transformers.utils import chat_template_utils

assert transformers.__version__ == "5.23.0", transformers.__version__
assert tokenizers.__version__ == "0.23.3", tokenizers.__version__
TEXT = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/text"
CASES = [("template/gemma2", "gemma2"), ("template/qwen25", "qwen2"), ("template/chatml", "qwen2"), ("gating/thinking", "qwen2"),
         ("template/mistral", "mistral"), ("gating/instructions", "llama2"), ("template/zephyr", "llama2"),
         ("gating/transcript", "qwen2")]
NAMES = {"gemma2": ("<bos>", "<eos>"), "qwen2": ("", "<|im_end|>"), "mistral": ("<bos>", "<eos>"), "llama2": ("<bos>", "<eos>")}
PROMPTS = ["Which of the two is larger, 3 or 5?", "Write: \"yes\"", "Erkl\u00e4re das kurz", "end with a dot.", "{x}", "1"]
ANSWERS = ["Five.", "yes", "Das ist so: eins, zwei", "- a\n- b", "(none)", "7"]


def conversations():
    for i, prompt in enumerate(PROMPTS):
        yield [{"role": "user", "content": prompt}, {"role": "assistant", "content": ANSWERS[i]}]
        yield [{"role": "user", "content": PROMPTS[i - 1]}, {"role": "assistant", "content": ANSWERS[i - 1]},
               {"role": "user", "content": prompt}, {"role": "assistant", "content": ANSWERS[i]}]


def row(template, name, messages):
    source = (TEXT / f"{template}.jinja").read_text(encoding="utf-8")
    bos, eos = NAMES[name]
    text = chat_template_utils.render_jinja_template([messages], chat_template=source, bos_token=bos, eos_token=eos)[0][0]
    tokenizer = tokenizers.Tokenizer.from_file(str(TEXT / f"tokenizer_{name}.json"))
    encoded = tokenizer.encode(text, add_special_tokens=False)
    answer = text.rindex(messages[-1]["content"])
    prompt_end = text.rindex(messages[-2]["content"], 0, answer) + len(messages[-2]["content"])
    between = [i for i, (begin, end) in enumerate(encoded.offsets) if begin >= prompt_end and end <= answer and end > begin]
    exact = encoded.offsets[between[0]][0] == prompt_end
    return {"template": template, "tokenizer": name, "messages": messages, "ids": encoded.ids, "between": [between[0], between[-1] + 1],
            "exact": exact and tokenizer.get_added_tokens_decoder().get(encoded.ids[between[0]]) is not None}


def main():
    rows = [row(template, name, messages) for template, name in CASES for messages in conversations()]
    (TEXT / "gating/positions.json").write_text(json.dumps({"names": NAMES, "rows": rows}, ensure_ascii=False, separators=(",", ":")) + "\n",
                                               encoding="utf-8")


main()
