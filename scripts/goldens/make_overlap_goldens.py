#!/usr/bin/env python3
"""Makes tests/goldens/data/prompt_overlap.json: evaluation prompts, training prompts, the words of each and how they overlap,
by sets of tuples of words. Words are those of lm-evaluation-harness (lm_eval/decontamination/janitor.py) taken to Unicode:
case folding, NFC, characters of string.punctuation and of the categories P* deleted, split at white space."""

import json
import pathlib
import random
import string
import unicodedata

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "data" / "prompt_overlap.json"
N = 13


def words(text):
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())
    kept = (c for c in folded if c not in string.punctuation and not unicodedata.category(c).startswith("P"))
    return "".join(kept).split()


def ngrams(text):
    all_words = words(text)
    return {tuple(all_words[i:i + N]) for i in range(len(all_words) - N + 1)}


def match(prompt, evaluation):
    if not words(prompt):
        return "none"
    if any(words(prompt) == words(other) for other in evaluation):
        return "exact"
    return "ngram" if any(ngrams(prompt) & ngrams(other) for other in evaluation) else "none"


def numbered(first, last):
    return " ".join(f"w{i}" for i in range(first, last + 1))


CHOSEN_EVALUATION = [
    "How do I kill a Python process?",
    numbered(1, 13),
    "Start, " + numbered(100, 120) + " end.",
    "Die Größe der Straße: ÄRGER im Café, naïve Œuvre — „schön“ und ΟΔΟΣ; он сказал «ПРИВЕТ» всем нам там",
    "what's the state-of-the-art in machine-learning?",
    "写一首关于春天的诗。",
    "résumé",
    "¿?!… —",
    "",
    "İstanbul\u00a0ΣΑΣ ﬁne\u3000Ǆ",
    "The quick brown fox",
    "Control\u001dcharacters\u001eand\u0000NUL",
    numbered(201, 212),
]
CHOSEN_PROMPTS = [
    "how do i kill a python process",
    "HOW   DO I\nKILL\tA PYTHON -- PROCESS ???",
    "how do i kill a python processes",
    "kill a Python process",
    numbered(1, 13),
    numbered(1, 12),
    numbered(2, 13),
    "w0 " + numbered(1, 13),
    numbered(1, 13) + "!",
    numbered(1, 13) + "0",
    "w1 " + numbered(3, 13) + " w2",
    numbered(13, 13) + " " + numbered(1, 12),
    numbered(108, 120),
    "other words " + numbered(105, 117) + " and more",
    "other words " + numbered(105, 116) + " and more",
    numbered(115, 120) + " end " + numbered(1, 5),
    numbered(115, 120) + " " + numbered(1, 7),
    "die grösse",
    "DIE GRÖSSE DER STRASSE ÄRGER IM CAFÉ NAÏVE ŒUVRE SCHÖN UND οδος ОН СКАЗАЛ",
    unicodedata.normalize("NFD", "die größe der straße ärger im café naïve œuvre schön und οδος он сказал"),
    "die groesse der strasse ärger im café naïve œuvre schön und οδος он сказал привет",
    "Whats the stateoftheart in machinelearning",
    "what is the state of the art in machine learning",
    "写一首关于春天的诗",
    "请写一首关于春天的诗。",
    "re\u0301sume\u0301",
    "resume",
    "...",
    "   ",
    "",
    "i\u0307stanbul σας fine ǆ",
    "the quick brown fox",
    "the quick brown fox jumps",
    "control characters and\u0000nul",
    "control characters and nul",
    numbered(201, 212),
    "x " + numbered(201, 212),
    numbered(201, 212) + " x",
]


def drawn(rng, length):
    vocabulary = ["a", "the", "Of", "it's", "red", "Naïve", "СЛОВО", "up-to", "x", "(yes)"]
    return " ".join(rng.choice(vocabulary) for _ in range(length))


def make():
    rng = random.Random(13)
    evaluation = CHOSEN_EVALUATION + [drawn(rng, rng.randint(10, 60)) for _ in range(12)]
    prompts = list(CHOSEN_PROMPTS)
    for _ in range(60):
        source = rng.choice(evaluation[-12:]).split()
        start = rng.randrange(len(source))
        taken = " ".join(source[start:start + rng.randint(11, 16)])
        prompts.append(f"{drawn(rng, rng.randint(0, 8))} {taken.swapcase()} {drawn(rng, rng.randint(0, 8))}")
    found = [{"text": p, "words": " ".join(words(p)), "match": match(p, evaluation)} for p in prompts]
    golden = {
        "evaluation": evaluation,
        "distinct_prompts": len({tuple(words(p)) for p in evaluation if words(p)}),
        "distinct_ngrams": len(set().union(*map(ngrams, evaluation))),
        "prompts": found,
    }
    OUT.write_text(json.dumps(golden, ensure_ascii=True, indent=1) + "\n")


if __name__ == "__main__":
    make()
