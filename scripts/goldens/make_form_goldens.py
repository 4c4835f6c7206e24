#!/usr/bin/env python3
"""Makes tests/goldens/data/forms: for each form of docs/data-forms.md a few rows with the schema of the published sets, as `datasets`
writes them (Parquet and JSON Lines), and the pairs or labels that a loader makes of them. Each loader is written from the set's public
card, or from the code that its authors publish; none looks at this project's sources."""

import itertools
import json
import pathlib
import shutil

import datasets
import numpy as np
from datasets import Features, List, Value

assert datasets.__version__ == "5.2.0", datasets.__version__
datasets.disable_progress_bars()

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "goldens" / "data" / "forms"
TEXT, INT, FLOAT, BOOL = Value("string"), Value("int64"), Value("float64"), Value("bool")
MESSAGES = List({"content": TEXT, "role": TEXT})


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def system(text):
    return {"role": "system", "content": text}


def answered(prompt, text):
    prompt = [user(prompt)] if isinstance(prompt, str) else list(prompt)
    return prompt + [assistant(text)]


class Pairs:
    """Collects the pairs of rows; `rank` takes one value for each answer, None = no label."""

    def __init__(self):
        self.pairs, self.ties, self.unlabelled = [], 0, 0

    def add(self, row, answers, chosen, rejected, strength=None):
        self.pairs.append({"row": row, "ids": [chosen, rejected], "chosen": answers[chosen],
                           "rejected": answers[rejected], "strength": strength})

    def rank(self, row, answers, values, best_only=False, strength=None):
        self.unlabelled += sum(value is None for value in values)
        labelled = [i for i, value in enumerate(values) if value is not None]
        combinations = list(itertools.combinations(labelled, 2))
        if best_only and labelled:
            best = max(labelled, key=lambda i: values[i])
            combinations = [(best, i) for i in labelled if i != best]
        for i, j in combinations:
            if values[i] == values[j]:
                self.ties += 1
            elif values[i] > values[j]:
                self.add(row, answers, i, j, strength)
            else:
                self.add(row, answers, j, i, strength)

    def result(self):
        return {"pairs": self.pairs, "ties": self.ties, "unlabelled": self.unlabelled}


def write(form, kind, rows, features, results):
    folder = OUT / kind / form
    folder.mkdir(parents=True, exist_ok=True)
    table = datasets.Dataset.from_list(rows, features=Features(features))
    table.to_parquet(str(folder / "rows.parquet"))
    table.to_json(str(folder / "rows.jsonl"), force_ascii=False)
    (folder / "expected.json").write_text(json.dumps(results, indent=1) + "\n")


# TRL, "Dataset formats and types": preference with explicit and implicit prompt, standard and conversational.
def explicit_prompt():
    rows = [{"prompt": f"Is {n} even?", "chosen": "yes" if n % 2 == 0 else "no", "rejected": "perhaps",
             "system": "Be brief." if n == 1 else ""} for n in range(3)]
    pairs = [{"row": n, "chosen": ([system("Be brief.")] if n == 1 else []) + answered(r["prompt"], r["chosen"]),
              "rejected": ([system("Be brief.")] if n == 1 else []) + answered(r["prompt"], r["rejected"])}
             for n, r in enumerate(rows)]
    write("explicit_prompt", "pairs", rows, {k: TEXT for k in rows[0]}, {"default": {"pairs": pairs}})


def conversational():
    sky = [user("What colour is the sky?")]
    rows = [{"prompt": sky, "chosen": [assistant("It is blue.")], "rejected": [assistant("It is green.")]},
            {"prompt": sky, "chosen": sky + [assistant("Blue.")], "rejected": sky + [assistant("Green.")]}]
    pairs = [{"row": n, "chosen": answered(sky, r["chosen"][-1]["content"]),
              "rejected": answered(sky, r["rejected"][-1]["content"])} for n, r in enumerate(rows)]
    write("conversational", "pairs", rows, {k: MESSAGES for k in rows[0]}, {"default": {"pairs": pairs}})


def implicit_conversational():
    """Without a prompt column: the sides hold it."""
    rows = [{"chosen": answered("Hi", f"Hello {n}"), "rejected": answered("Hi", "No")} for n in range(2)]
    pairs = [{"row": n, **r} for n, r in enumerate(rows)]
    write("implicit_conversational", "pairs", rows, {k: MESSAGES for k in rows[0]},
          {"default": {"form": "conversational", "pairs": pairs}})


def implicit_prompt():
    """TRL's extract_prompt: up to the first character that differs, without a space before it."""
    rows = [{"chosen": "The sky is blue.", "rejected": "The sky is green."},
            {"chosen": "1 + 1 =2", "rejected": "1 + 1 =3"},
            {"chosen": "Caf\u00e9 or tea? \u00e9t\u00e9", "rejected": "Caf\u00e9 or tea? \u00e8re"},
            {"chosen": "The same text", "rejected": "The same text"}]
    found = Pairs()
    for n, row in enumerate(rows):
        a, b = row["chosen"], row["rejected"]
        if a == b:
            found.ties += 1
            continue
        at = next(i for i in range(min(len(a), len(b))) if a[i] != b[i])
        at -= a[at - 1] == " "
        found.add(n, [answered(a[:at], a[at:]), answered(a[:at], b[at:])], 0, 1)
    write("implicit_prompt", "pairs", rows, {k: TEXT for k in rows[0]}, {"default": found.result()})


def several_rejected():
    rows = [{"prompt": "Name a prime.", "chosen": "7", "rejected": ["8", "9", "10"]},
            {"prompt": "Name a colour.", "chosen": "red", "rejected": ["seven"]}]
    found = Pairs()
    for n, row in enumerate(rows):
        answers = [answered(row["prompt"], text) for text in [row["chosen"], *row["rejected"]]]
        for j in range(1, len(answers)):
            found.add(n, answers, 0, j)
    write("several_rejected", "pairs", rows, {"prompt": TEXT, "chosen": TEXT, "rejected": List(TEXT)},
          {"default": found.result()})


def best_of_n():
    """allenai/reward-bench-2 has the longer list decide the number of pairs; tested with its own goldens."""
    rows = [{"id": "1", "prompt": "Q", "chosen": ["a", "b"], "rejected": ["c"], "subset": "Ties"}]
    write("best_of_n", "pairs", rows,
          {"id": TEXT, "prompt": TEXT, "chosen": List(TEXT), "rejected": List(TEXT), "subset": TEXT},
          {"default": {"best_of_n": [{"chosen": [answered("Q", "a"), answered("Q", "b")], "rejected": [answered("Q", "c")]}]}})


def orca_dpo():
    """Intel/orca_dpo_pairs: columns system, question, chosen, rejected, all text; an empty system prompt is none."""
    rows = [{"system": "You are careful.", "question": "How many legs has a spider?", "chosen": "Eight.", "rejected": "Six."},
            {"system": "", "question": "Say hi.", "chosen": "Hi!", "rejected": "Bye!"}]
    pairs = []
    for n, row in enumerate(rows):
        before = ([system(row["system"])] if row["system"] else []) + [user(row["question"])]
        pairs.append({"row": n, "chosen": answered(before, row["chosen"]), "rejected": answered(before, row["rejected"])})
    write("orca_dpo", "pairs", rows, {k: TEXT for k in rows[0]}, {"default": {"pairs": pairs}})


def dialogue(text):
    """A transcript of Anthropic/hh-rlhf: turns that begin with "\n\nHuman:" or "\n\nAssistant:"."""
    messages = []
    for part in text.replace("\n\nHuman:", "\0user\1").replace("\n\nAssistant:", "\0assistant\1").split("\0")[1:]:
        role, content = part.split("\1")
        messages.append({"role": role, "content": content.strip()})
    return messages


def hh_rlhf():
    head = "\n\nHuman: Do you like tea?\n\nAssistant: I do.\n\nHuman: Which\n\nkind? \n\nAssistant:"
    rows = [{"chosen": head + " Green tea.", "rejected": head + " Coffee\nis better. "},
            {"chosen": "\n\nHuman: Hi\n\nAssistant: Hello", "rejected": "\n\nHuman: Hi\n\nAssistant: "}]
    found = Pairs()
    for n, row in enumerate(rows):
        found.add(n, [dialogue(row["chosen"]), dialogue(row["rejected"])], 0, 1)
    write("hh_rlhf", "pairs", rows, {"chosen": TEXT, "rejected": TEXT}, {"default": found.result()})


def pku_saferlhf():
    """The card: better_response_id and safer_response_id are the id of the preferred response."""
    rows = [{"prompt": f"Prompt {n}", "response_0": f"first {n}", "response_1": f"second {n}", "prompt_source": "x",
             "is_response_0_safe": True, "is_response_1_safe": False, "better_response_id": better,
             "safer_response_id": safer} for n, (better, safer) in enumerate([(0, 1), (1, 1), (1, 0), (None, 0)])]
    results = {}
    for label in ("better_response_id", "safer_response_id"):
        found = Pairs()
        for n, row in enumerate(rows):
            answers = [answered(row["prompt"], row[f"response_{k}"]) for k in (0, 1)]
            if row[label] is None:
                found.unlabelled += 2
            else:
                found.add(n, answers, row[label], 1 - row[label])
        results[label] = found.result()
    results["default"] = results["better_response_id"]
    write("pku_saferlhf", "pairs", rows,
          {"prompt": TEXT, "response_0": TEXT, "response_1": TEXT, "prompt_source": TEXT, "is_response_0_safe": BOOL,
           "is_response_1_safe": BOOL, "better_response_id": INT, "safer_response_id": INT}, results)


def tagged(prompt):
    """HelpSteer2's card: multi-turn prompts are "{user turn 1}\n<extra_id_1>Assistant\n{...}\n<extra_id_1>User\n{...}"."""
    messages = []
    for k, part in enumerate(prompt.split("\n<extra_id_1>")):
        if k == 0:
            messages.append(user(part))
        else:
            name, content = part.split("\n", 1)
            messages.append({"role": {"User": "user", "Assistant": "assistant"}[name], "content": content})
    return messages


TURNS = "Name a fruit.\n<extra_id_1>Assistant\nApple.\n<extra_id_1>User\nAnother\none!"


def helpsteer2():
    """preference_strength: -3 (response 1 is much better) to 3 (response 2 is much better)."""
    rows = [{"split": "train", "prompt": prompt, "response_1": f"one {n}", "response_2": f"two {n}",
             "preference_strength": strength, "preference_statement": "s", "preference_elaboration": "e",
             "three_most_similar_preferences": [{"statement": "s", "elaboration": "e", "strength": strength}]}
            for n, (prompt, strength) in enumerate([("c#", -3), (TURNS, 1), ("a tie", 0), ("plain", 2)])]
    found = Pairs()
    for n, row in enumerate(rows):
        answers = [answered(tagged(row["prompt"]), row[f"response_{k}"]) for k in (1, 2)]
        s = row["preference_strength"]
        found.rank(n, answers, [max(-s, 0), max(s, 0)], strength=abs(s))
    write("helpsteer2", "pairs", rows,
          {**{k: TEXT for k in ("split", "prompt", "response_1", "response_2")}, "preference_strength": INT,
           "preference_statement": TEXT, "preference_elaboration": TEXT,
           "three_most_similar_preferences": List({"statement": TEXT, "elaboration": TEXT, "strength": INT})},
          {"default": found.result()})


def helpsteer3():
    """overall_preference: -3 (response 1 is much better than response 2) to 3; context is a list of messages."""
    context = [user("Hi"), assistant("Hello"), user("Tell a joke")]
    rows = [{"domain": "general", "language": "english", "context": context[2 * (n % 2):], "response1": f"one {n}",
             "response2": f"two {n}", "overall_preference": strength,
             "individual_preference": [{"score": strength or 1, "reasoning": "r", "feedback1": "f", "feedback2": "g"}]}
            for n, strength in enumerate([-1, 3, 0, None, 2])]
    found = Pairs()
    for n, row in enumerate(rows):
        answers = [answered(row["context"], row["response1"]), answered(row["context"], row["response2"])]
        s = row["overall_preference"]
        if s is None:
            found.unlabelled += 2
        else:
            found.rank(n, answers, [-s, s], strength=abs(s))
    write("helpsteer3", "pairs", rows,
          {"domain": TEXT, "language": TEXT, "context": List({"role": TEXT, "content": TEXT}), "response1": TEXT,
           "response2": TEXT, "overall_preference": INT,
           "individual_preference": List({"score": INT, "reasoning": TEXT, "feedback1": TEXT, "feedback2": TEXT})},
          {"default": found.result()})


def shp():
    """labels: 1 if A is preferred, 0 if B; score_ratio: score of the preferred comment to that of the other, >= 1."""
    rows = [{"post_id": f"p{n}", "domain": "askculinary_train", "upvote_ratio": 0.9, "history": f"Question {n}\n\nwith text",
             "score_A": 4, "score_B": 8, "human_ref_A": f"A {n}", "human_ref_B": f"B {n}", "labels": label,
             "seconds_difference": 12.0, "score_ratio": ratio}
            for n, (label, ratio) in enumerate([(0, 2.0), (1, 1.5), (1, 7.25)])]
    found = Pairs()
    for n, row in enumerate(rows):
        answers = [answered(row["history"], row["human_ref_A"]), answered(row["history"], row["human_ref_B"])]
        found.add(n, answers, 1 - row["labels"], row["labels"], row["score_ratio"])
    write("shp", "pairs", rows,
          {"post_id": TEXT, "domain": TEXT, "upvote_ratio": FLOAT, "history": TEXT, "score_A": INT, "score_B": INT,
           "human_ref_A": TEXT, "human_ref_B": TEXT, "labels": INT, "seconds_difference": FLOAT, "score_ratio": FLOAT},
          {"default": found.result()})


def nectar():
    """The card's schema; rank 1 is the best."""
    def row(prompt, ranks):
        return {"prompt": prompt, "turns": 1, "num_responses": len(ranks), "source": ["a", "b"], "good_natured": True,
                "answers": [{"answer": f"answer {k}", "model": f"m{k}", "rank": rank} for k, rank in enumerate(ranks)]}
    rows = [row("\n\nHuman: Which is best? \n\nAssistant: ", [2.0, 1.0, 3.0, 4.0]),
            row("\n\nHuman: One\n\nAssistant: Two\n\nHuman: Three\n\nAssistant: ", [1.0, 2.0, 2.0]),
            row("\n\nHuman: All alike\n\nAssistant: ", [1.0, 1.0])]
    results = {}
    for which in ("all", "best"):
        found = Pairs()
        for n, r in enumerate(rows):
            prompt = dialogue(r["prompt"])[:-1]
            answers = [answered(prompt, a["answer"]) for a in r["answers"]]
            found.rank(n, answers, [-a["rank"] for a in r["answers"]], best_only=which == "best")
        results[which] = found.result()
    results["default"] = results["all"]
    write("nectar", "pairs", rows,
          {"prompt": TEXT, "turns": INT, "num_responses": INT, "source": List(TEXT), "good_natured": BOOL,
           "answers": List({"answer": TEXT, "model": TEXT, "rank": FLOAT})}, results)


def mt_bench():
    """winner: model_a, model_b, tie or tie (bothbad); turn: which turn was judged, of conversations that hold both."""
    def conversation(name):
        return [user("First question"), assistant(f"{name} first"), user("Second question"), assistant(f"{name} second")]
    rows = [{"question_id": 81 + n, "model_a": "a", "model_b": "b", "winner": winner, "judge": "expert_0",
             "conversation_a": conversation("A"), "conversation_b": conversation("B"), "turn": turn}
            for n, (winner, turn) in enumerate([("model_a", 1), ("model_b", 2), ("tie", 1), ("tie (bothbad)", 2), ("model_b", 1)])]
    found = Pairs()
    for n, row in enumerate(rows):
        answers = [row[f"conversation_{side}"][: 2 * row["turn"]] for side in "ab"]
        found.rank(n, answers, [row["winner"] == "model_a", row["winner"] == "model_b"])
    write("mt_bench", "pairs", rows,
          {"question_id": INT, "model_a": TEXT, "model_b": TEXT, "winner": TEXT, "judge": TEXT, "conversation_a": MESSAGES,
           "conversation_b": MESSAGES, "turn": INT}, {"default": found.result()})


def summarize_from_feedback():
    """Queries as in openai/summarize-from-feedback; choice is the index of the better summary."""
    info = [{"id": "t3_1", "post": "My cat sleeps all day.", "title": "Sleepy cat", "subreddit": "cats", "site": None, "article": None},
            {"id": "x", "post": None, "title": None, "subreddit": None, "site": "cnn", "article": "A bridge was built."},
            {"id": "t3_2", "post": "I lost my\nkeys.", "title": "Keys", "subreddit": "help", "site": None, "article": None}]
    rows = [{"info": i, "split": "train", "summaries": [{"text": f" short {n}", "policy": "sup1", "note": None},
                                                        {"text": f" other {n}", "policy": "ref", "note": "ok"}],
             "choice": choice, "worker": "w", "batch": "b", "extra": {"confidence": 5}}
            for n, (i, choice) in enumerate(zip(info, (1, 0, 0)))]
    found = Pairs()
    for n, row in enumerate(rows):
        i = row["info"]
        query = (f"SUBREDDIT: r/{i['subreddit']}\n\nTITLE: {i['title']}\n\nPOST: {i['post']}\n\nTL;DR:" if i["post"]
                 else f"Article:\n\n{i['article']}\n\nTL;DR:")
        answers = [answered(query, s["text"]) for s in row["summaries"]]
        found.add(n, answers, row["choice"], 1 - row["choice"])
    write("summarize_from_feedback", "pairs", rows,
          {"info": {k: TEXT for k in ("id", "post", "title", "subreddit", "site", "article")}, "split": TEXT,
           "summaries": List({"text": TEXT, "policy": TEXT, "note": TEXT}), "choice": Value("int32"), "worker": TEXT,
           "batch": TEXT, "extra": {"confidence": INT}}, {"default": found.result()})


ASPECTS = ("helpfulness", "honesty", "instruction_following", "truthfulness")


def number(text):
    """None for N/A, as RLHFlow's scripts skip it."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def ultrafeedback_rows():
    def completion(name, overall, fine, ratings):
        return {"annotations": {a: {"Rating": r, "Rationale": "because", "Type": ["1"] if a != "honesty" else None}
                                for a, r in zip(ASPECTS, ratings)},
                "custom_system_prompt": "Be honest.", "critique": "fine", "fine-grained_score": fine, "model": name,
                "overall_score": overall, "principle": "honesty", "response": f"response of {name}"}
    rows = [{"source": "evol_instruct", "instruction": "Explain rain.", "models": ["a", "b", "c", "d"],
             "completions": [completion("a", 7.5, 4.25, ("5", "4", "4", "4")), completion("b", 8.0, 3.5, ("3", "4", "N/A", "3")),
                             completion("c", 7.5, 4.25, ("5", "3", "4", "5")), completion("d", 2.0, None, ("N/A", "N/A", "N/A", "N/A"))],
             "correct_answers": ["None"], "incorrect_answers": ["None"]},
            {"source": "flan", "instruction": "Name \u00e9t\u00e9.", "models": ["a", "b"],
             "completions": [completion("a", 3.0, 2.0, ("1", "2", "2", "3")), completion("b", 9.0, 4.0, ("4", "5", "5", "5"))],
             "correct_answers": ["None"], "incorrect_answers": ["None"]}]
    aspect = {"Rating": TEXT, "Rationale": TEXT, "Type": List(TEXT)}
    features = {"source": TEXT, "instruction": TEXT, "models": List(TEXT),
                "completions": List({"annotations": {a: aspect for a in ASPECTS}, "custom_system_prompt": TEXT, "critique": TEXT,
                                     "fine-grained_score": FLOAT, "model": TEXT, "overall_score": FLOAT, "principle": TEXT,
                                     "response": TEXT}),
                "correct_answers": List(TEXT), "incorrect_answers": List(TEXT)}
    return rows, features


def ultrafeedback():
    rows, features = ultrafeedback_rows()
    results = {}
    for score in ("fine-grained_score", "overall_score"):
        for which in ("all", "best"):
            found = Pairs()
            for n, row in enumerate(rows):
                answers = [answered(row["instruction"], c["response"]) for c in row["completions"]]
                found.rank(n, answers, [number(c[score]) for c in row["completions"]], best_only=which == "best")
            results[f"{score} {which}"] = found.result()
    results["default"] = results["fine-grained_score all"]
    write("ultrafeedback", "pairs", rows, features, results)
    labelled = []
    for n, row in enumerate(rows):
        for k, c in enumerate(row["completions"]):
            labels = {f"ultrafeedback-{a}": (number(c["annotations"][a]["Rating"]), -0.5, 5) for a in ASPECTS}
            labels["ultrafeedback-overall_score"] = (c["overall_score"], -0.5, 10)
            labelled.append(rated(n, k, answered(row["instruction"], c["response"]), labels))
    write("ultrafeedback", "ratings", rows, features, labelled)


def rated(row, answer, messages, labels):
    """labels: name -> (x, a, d), which is (x + a) / d in float32; missing ones are left out."""
    values = {name: float(np.float32((x + a) / d)) for name, (x, a, d) in labels.items() if x is not None}
    return {"row": row, "answer": answer, "messages": messages, "labels": values}


def helpsteer():
    """0 to 4; the released model's card maps its rewards back by reward * 5 - 0.5."""
    names = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
    rows = [{"prompt": prompt, "response": f"response {n}", **dict(zip(names, values))}
            for n, (prompt, values) in enumerate([("c#", (3, 4, 4, 2, 1)), (TURNS, (0, 1, 2, 3, 4)), ("q", (4, 4, 4, 0, None))])]
    labelled = [rated(n, 0, answered(tagged(r["prompt"]), r["response"]), {f"helpsteer-{k}": (r[k], 0.5, 5) for k in names})
                for n, r in enumerate(rows)]
    write("helpsteer", "ratings", rows, {"prompt": TEXT, "response": TEXT, **{k: INT for k in names}}, labelled)


def beavertails():
    rows = [{"prompt": f"p {n}", "response": f"r {n}", "category": {"animal_abuse": not safe, "privacy_violation": False},
             "is_safe": safe} for n, safe in enumerate([True, False])]
    labelled = [rated(n, 0, answered(r["prompt"], r["response"]), {"beavertails-is_safe": (float(r["is_safe"]), 0, 1)})
                for n, r in enumerate(rows)]
    write("beavertails", "ratings", rows,
          {"prompt": TEXT, "response": TEXT, "category": {"animal_abuse": BOOL, "privacy_violation": BOOL}, "is_safe": BOOL}, labelled)


def code_ultrafeedback():
    """RLHFlow's script: annotations joined to responses by model; the attribute is 'code-' + preference."""
    rows = [{"instruction": f"Write {n}", "preference": preference,
             "responses": [{"model": m, "response": f"def {m}(): pass"} for m in "abc"],
             "annotations": [{"model": m, "rating": rating, "rationale": "r"} for m, rating in ratings]}
            for n, (preference, ratings) in enumerate([
                ("readability", [("c", "5"), ("a", "1"), ("b", "3")]),
                ("instruction-following", [("a", "4"), ("b", "N/A"), ("c", "2")])])]
    labelled = []
    for n, row in enumerate(rows):
        ratings = {a["model"]: number(a["rating"]) for a in row["annotations"]}
        for k, response in enumerate(row["responses"]):
            labelled.append(rated(n, k, answered(row["instruction"], response["response"]),
                                  {f"code-{row['preference']}": (ratings[response["model"]], -0.5, 5)}))
    write("code_ultrafeedback", "ratings", rows,
          {"instruction": TEXT, "preference": TEXT, "responses": List({"model": TEXT, "response": TEXT}),
           "annotations": List({"model": TEXT, "rating": TEXT, "rationale": TEXT})}, labelled)


def prometheus():
    """prometheus-eval/Feedback-Collection: orig_instruction, orig_response and orig_score, a text of 1 to 5."""
    rows = [{"orig_instruction": f"Do {n}", "orig_response": f"Done {n}", "orig_score": score, "instruction": "long",
             "output": f"Good. [RESULT] {score}", "orig_criteria": "c", "orig_reference_answer": "a", "input": ""}
            for n, score in enumerate(["1", "5", "3"])]
    labelled = [rated(n, 0, answered(r["orig_instruction"], r["orig_response"]), {"prometheus-score": (float(r["orig_score"]), -0.5, 5)})
                for n, r in enumerate(rows)]
    write("prometheus", "ratings", rows, {k: TEXT for k in rows[0]}, labelled)


def code_ultrafeedback_pairs():
    """RLHFlow's CodeUltraFeedback-standard: all pairs of responses of different rating, joined by model."""
    rows = [{"instruction": f"Write {n}", "preference": "readability",
             "responses": [{"model": m, "response": f"def {m}(): return {n}"} for m in "abc"],
             "annotations": [{"model": m, "rating": rating, "rationale": "r"} for m, rating in ratings]}
            for n, ratings in enumerate([[("c", "5"), ("a", "1"), ("b", "3")], [("b", "4"), ("a", "4"), ("c", "N/A")],
                                         [("a", "2"), ("b", "1")]])]
    results = {}
    for which in ("all", "best"):
        found = Pairs()
        for n, row in enumerate(rows):
            ratings = {a["model"]: number(a["rating"]) for a in row["annotations"]}
            answers = [answered(row["instruction"], r["response"]) for r in row["responses"]]
            found.rank(n, answers, [ratings.get(r["model"]) for r in row["responses"]], best_only=which == "best")
        results[which] = found.result()
    results["default"] = results["all"]
    write("code_ultrafeedback", "pairs", rows,
          {"instruction": TEXT, "preference": TEXT, "responses": List({"model": TEXT, "response": TEXT}),
           "annotations": List({"model": TEXT, "rating": TEXT, "rationale": TEXT})}, results)


def prometheus2():
    """prometheus-eval/Preference-Collection: orig_preference is A or B; all columns are texts."""
    rows = [{"orig_criteria": "c", "orig_feedback_A": "f", "orig_feedback_B": "g", "orig_instruction": f"Do {n}",
             "orig_reference_answer": "a", "orig_response_A": f"A {n}", "orig_response_B": f"B {n}", "orig_score_A": "4",
             "orig_score_B": "2", "orig_preference": better, "instruction": "long", "output": "A", "input": "", "orig_feedback": "f"}
            for n, better in enumerate(["A", "B", None, "B"])]
    found = Pairs()
    for n, row in enumerate(rows):
        answers = [answered(row["orig_instruction"], row[f"orig_response_{side}"]) for side in "AB"]
        if row["orig_preference"] is None:
            found.unlabelled += 2
        else:
            found.add(n, answers, "AB".index(row["orig_preference"]), 1 - "AB".index(row["orig_preference"]))
    write("prometheus2", "pairs", rows, {k: TEXT for k in rows[0]}, {"default": found.result()})


def argilla_capybara():
    """The card's schema; each side is a conversation, rated from 1 to 5."""
    opening = [user("Hi"), assistant("Hello"), user("Why?")]
    rows = [{"source": "Airoboros", "chosen": opening + [assistant(f"Because {n}.")], "chosen_rating": good, "chosen_model": "m",
             "rejected": opening + [assistant("Never mind.")], "rejected_rating": bad, "rejected_model": "k"}
            for n, (good, bad) in enumerate([(5, 4), (4, 1), (3, None)])]
    labelled = [rated(n, k, r[side], {"argilla-overall_quality": (r[f"{side}_rating"], -0.5, 5)})
                for n, r in enumerate(rows) for k, side in enumerate(("chosen", "rejected"))]
    write("argilla_capybara", "ratings", rows,
          {"source": TEXT, "chosen": MESSAGES, "chosen_rating": INT, "chosen_model": TEXT, "rejected": MESSAGES,
           "rejected_rating": INT, "rejected_model": TEXT}, labelled)


def argilla_math():
    """The card's schema; the ratings are those of distilabel's task for instruction following, from 1 to 5."""
    rows = [{"metadata": "{}", "instruction": f"1 + {n}?", "chosen_response": str(1 + n), "chosen_rating": good,
             "rejected_response": "0", "rejected_rating": bad} for n, (good, bad) in enumerate([(5.0, 1.0), (4.5, 4.0)])]
    labelled = [rated(n, k, answered(r["instruction"], r[f"{side}_response"]),
                      {"ultrafeedback-instruction_following": (r[f"{side}_rating"], -0.5, 5)})
                for n, r in enumerate(rows) for k, side in enumerate(("chosen", "rejected"))]
    write("argilla_math", "ratings", rows,
          {"metadata": TEXT, "instruction": TEXT, "chosen_response": TEXT, "chosen_rating": FLOAT, "rejected_response": TEXT,
           "rejected_rating": FLOAT}, labelled)


def argilla_openorca():
    """The card's schema; JudgeLM rates the generations in their order, from 1 to 10. Some rows have no rating."""
    rows = [{"system": "Be brief." if n == 0 else "", "input": f"Question {n}", "chosen": f"good {n}", "rejected": f"bad {n}",
             "generations": [f"bad {n}", f"good {n}"], "order": ["rejected", "chosen"], "labelling_model": "gpt-4-1106-preview",
             "rating": rating, "status": "unchanged", "chosen_score": 9.0, "in_gsm8k_train": False}
            for n, rating in enumerate([[7.0, 9.0], None, [10.0, 1.0], [8.5, None]])]
    labelled = []
    for n, row in enumerate(rows):
        prompt = ([system(row["system"])] if row["system"] else []) + [user(row["input"])]
        for k, text in enumerate(row["generations"]):
            labelled.append(rated(n, k, answered(prompt, text),
                                  {"argilla-judge_lm": (row["rating"][k] if row["rating"] else None, -0.5, 10)}))
    write("argilla_openorca", "ratings", rows,
          {**{k: TEXT for k in ("system", "input", "chosen", "rejected")}, "generations": List(TEXT), "order": List(TEXT),
           "labelling_model": TEXT, "rating": List(FLOAT), "status": TEXT, "chosen_score": FLOAT, "in_gsm8k_train": BOOL}, labelled)


def prompt_response():
    """Columns of labels as they are, for attributes of the same names."""
    rows = [{"prompt": "p", "response": f"r {n}", "quality": q, "safe": s} for n, (q, s) in enumerate([(0.25, 1.0), (None, 0.0)])]
    labelled = [rated(n, 0, answered(r["prompt"], r["response"]), {k: (r[k], 0, 1) for k in ("quality", "safe")})
                for n, r in enumerate(rows)]
    write("prompt_response", "ratings", rows, {"prompt": TEXT, "response": TEXT, "quality": FLOAT, "safe": FLOAT}, labelled)


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    for make in (explicit_prompt, conversational, implicit_conversational, implicit_prompt, several_rejected, best_of_n,
                 orca_dpo, hh_rlhf, pku_saferlhf, helpsteer2, helpsteer3, shp, nectar, mt_bench, summarize_from_feedback,
                 ultrafeedback, code_ultrafeedback_pairs, prometheus2, helpsteer, beavertails, code_ultrafeedback, prometheus,
                 argilla_capybara, argilla_math, argilla_openorca, prompt_response):
        make()


if __name__ == "__main__":
    main()
