#!/usr/bin/env python3
"""Writes ratings.csv, pairs.csv and answers.jsonl as samples of the formats: small, made of word lists, of no other use.

    make_sample.py FOLDER [ROWS]
"""
import csv
import json
import pathlib
import random
import sys

TOPICS = ["tea", "bread", "a garden", "a letter", "a bicycle", "a map", "soup", "a kite"]
STEPS = ["gather what you need", "read the instructions", "work in small steps", "check the result", "put the tools away", "ask a friend"]
RUDE = "That is a stupid question."
FILLER = "There is much that one could say, and more that one could add to it."


def answer(chance, topic):
    """A text and its ratings: useful (steps about the topic), polite, brief."""
    steps = chance.randint(0, 4)
    polite, filler = chance.random() < 0.7, chance.randint(0, 2)
    words = [f"For {topic}, {step}." for step in chance.sample(STEPS, steps)] + [FILLER] * filler
    text = " ".join(([] if polite else [RUDE]) + (words or ["I do not know."]))
    return text, {"useful": steps / 4, "polite": 0.9 if polite else 0.1, "brief": round(1 - min(len(text), 400) / 400, 2)}


def write_table(path, header, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def main(folder, rows):
    chance = random.Random(1)
    folder.mkdir(parents=True, exist_ok=True)
    ratings, pairs = [], []
    for i in range(rows):
        topic = chance.choice(TOPICS)
        prompt = f"How do I make {topic}? (question {i})"
        text, rating = answer(chance, topic)
        ratings.append([prompt, text, *rating.values()])
        better, worse = sorted((answer(chance, topic) for _ in range(2)), key=lambda side: -sum(side[1].values()))
        if sum(better[1].values()) > sum(worse[1].values()):
            pairs.append([prompt, better[0], worse[0]])
    write_table(folder / "ratings.csv", ["prompt", "response", "useful", "polite", "brief"], ratings)
    write_table(folder / "pairs.csv", ["prompt", "chosen", "rejected"], pairs)
    answers = {"good": "For tea, work in small steps. For tea, check the result.", "rude": RUDE}
    lines = [json.dumps({"id": name, "prompt": "How do I make tea?", "response": text}) + "\n" for name, text in answers.items()]
    (folder / "answers.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 400)
