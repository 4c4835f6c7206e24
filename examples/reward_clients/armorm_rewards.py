"""Rewards of a running reward server for verl and TRL. An error is raised, never turned into a number.

ARMORM_URL          the server, default http://127.0.0.1:8000
ARMORM_API_KEY      key of a server with --api_key_file
ARMORM_FINGERPRINT  fingerprint of the model that must be served (/v1/models): another one is an error
"""
import json
import os
import time
import urllib.error
import urllib.request

URL = os.environ.get("ARMORM_URL", "http://127.0.0.1:8000").rstrip("/") + "/v1/score"
TIMEOUT = 120  # seconds of a request
PATIENCE = 600  # seconds for which a server that is full, being restarted or loading its model is asked again


def headers():
    out = {"Content-Type": "application/json"}
    if key := os.environ.get("ARMORM_API_KEY"):
        out["Authorization"] = f"Bearer {key}"
    if fingerprint := os.environ.get("ARMORM_FINGERPRINT"):
        out["X-Model-Fingerprint"] = fingerprint
    return out


def post(body):
    """The answer's JSON. Waits where the server says so, or is not there yet; other errors have the server's message."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(URL, body, headers()), timeout=TIMEOUT) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            wait = float(error.headers.get("Retry-After", 1))
            if error.code not in (429, 503) or time.monotonic() + wait > end:
                raise RuntimeError(f"{URL}: {error.code}: {error.read(2000).decode(errors='replace').strip()}") from error
        except (ConnectionError, urllib.error.URLError) as error:
            wait = 1.0
            refused = isinstance(getattr(error, "reason", error), ConnectionError)
            if not refused or time.monotonic() + wait > end:
                raise RuntimeError(f"{URL}: {error}; is the server running?") from error
        time.sleep(wait)


def scores(rows):
    """Scores of rows {"prompt": text or messages, "response": text}, in their order."""
    results = post(json.dumps({"rows": rows, "fields": ["score"]}).encode())["results"]
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
