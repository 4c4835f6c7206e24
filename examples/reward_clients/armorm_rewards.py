"""Rewards of a running reward server for verl and TRL. An error is raised, never turned into a number."""
import json
import os
import urllib.request

URL = os.environ.get("ARMORM_URL", "http://127.0.0.1:8000") + "/v1/score"
TIMEOUT = 120  # seconds


def scores(rows):
    """Scores of rows {"prompt": text or messages, "response": text}, in their order."""
    body = json.dumps({"rows": rows, "fields": ["score"]}).encode()
    request = urllib.request.Request(URL, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        results = json.load(answer)["results"]
    if len(results) != len(rows):
        raise RuntimeError(f"{len(results)} results for {len(rows)} rows")
    for number, result in enumerate(results):
        if "error" in result:
            raise RuntimeError(f"row {number}: {result['error']}")
    return [float(result["score"]) for result in results]


def compute_score(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    """verl's custom_reward_function. verl gives no prompt: put it into extra_info["prompt"] of the data set."""
    return scores([{"prompt": as_prompt(extra_info["prompt"]), "response": solution_str}])[0]


def compute_score_batch(data_sources, solution_strs, ground_truths, extra_infos, **kwargs):
    """The same for verl's batch reward manager."""
    prompts = [as_prompt(info["prompt"]) for info in extra_infos]
    return scores([{"prompt": p, "response": s} for p, s in zip(prompts, solution_strs, strict=True)])


def reward(prompts, completions, **kwargs):
    """TRL's GRPOTrainer(reward_funcs=reward): texts, or conversations whose completion is one message."""
    rows = []
    for prompt, completion in zip(prompts, completions, strict=True):
        if isinstance(completion, str):
            rows.append({"prompt": prompt, "response": completion})
        else:
            rows.append({"messages": list(prompt) + list(completion)})
    return scores(rows)


def as_prompt(prompt):
    """Data frames hold messages as arrays."""
    return prompt if isinstance(prompt, str) else [dict(message) for message in prompt]
