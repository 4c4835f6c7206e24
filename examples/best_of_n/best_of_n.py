#!/usr/bin/env python3
"""Best of n: of the answers to each prompt, the one that a reward server scores highest, and why.

    best_of_n.py --server http://127.0.0.1:8000 < prompts.jsonl > best.jsonl

A line of input has a prompt, as a text or a list of messages, and its answers; further members are copied:

    {"id": 1, "prompt": "Suggest a holiday.", "responses": ["A useful one.", "A useless one."]}

A line of output has, besides these members without the answers:

    best           index of the answer, from 0; of equal scores the first
    response       its text
    score, scores  its score, and those of all answers
    contributions  what the attributes contribute to the score, the largest first; they add up to it
    lead           its contributions minus those of the second-best answer, the largest first; absent for a single answer

If an answer has no score, the line has the member "error" instead. Exit code: 0; 2 for a line of input that is not as above;
4 if a line has an error; 5 if the server gives no scores. Needs nothing but Python's standard library.
"""
import argparse
import collections
import concurrent.futures
import json
import sys
import time
import urllib.error
import urllib.request

TIMEOUT = 600  # seconds
TRIES = 8
RESULTS = {"best", "response", "score", "scores", "contributions", "lead", "error"}


class Failure(Exception):
    def __init__(self, exit_code, message):
        super().__init__(message)
        self.exit_code = exit_code


def read_groups(lines):
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            group = json.loads(line)
        except ValueError as error:
            raise Failure(2, f"line {number}: no JSON: {error}") from None
        if not isinstance(group, dict) or not isinstance(group.get("prompt"), (str, list)):
            raise Failure(2, f"line {number}: expected an object with a prompt, a text or a list of messages")
        responses = group.get("responses")
        if not isinstance(responses, list) or not responses or not all(isinstance(r, str) for r in responses):
            raise Failure(2, f"line {number}: responses: expected a list of at least one text")
        if taken := RESULTS & set(group):
            raise Failure(2, f"line {number}: {sorted(taken)[0]}: is a member of the output; rename it")
        yield group


class Server:
    def __init__(self, url, key):
        self.url = url.rstrip("/") + "/v1/score"
        self.headers = {"Content-Type": "application/json"}
        if key:
            self.headers["Authorization"] = f"Bearer {key}"

    def results(self, group):
        """One for each answer. They go in one request, so that they share the computation of the prompt."""
        rows = [{"prompt": group["prompt"], "response": response} for response in group["responses"]]
        body = json.dumps({"rows": rows, "fields": ["score", "contributions"]}).encode()
        for left in reversed(range(TRIES)):
            try:
                with urllib.request.urlopen(urllib.request.Request(self.url, body, self.headers), timeout=TIMEOUT) as answer:
                    results = json.load(answer)["results"]
                if len(results) != len(rows):
                    raise Failure(5, f"{self.url}: {len(results)} results for {len(rows)} answers")
                return results
            except urllib.error.HTTPError as error:
                # A server that is full, or loads its model, says when to try again.
                if error.code not in (429, 503) or not left:
                    raise Failure(5, f"{self.url}: {error.code}: {error.read(1000).decode(errors='replace').strip()}") from None
                time.sleep(float(error.headers.get("Retry-After", 1)))
            except OSError as error:
                raise Failure(5, f"{self.url}: {error}; is the server running?") from None


def largest_first(values):
    return dict(sorted(values.items(), key=lambda item: -item[1]))


def choice(group, results):
    """The line of output."""
    line = {name: value for name, value in group.items() if name != "responses"}
    failed = [f"responses[{i}]: {result['error']}" for i, result in enumerate(results) if "error" in result]
    if failed:
        return {**line, "error": "; ".join(failed)}
    scores = [result["score"] for result in results]
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    best = results[order[0]]["contributions"]
    line.update(best=order[0], response=group["responses"][order[0]], score=scores[order[0]], scores=scores,
                contributions=largest_first(best))
    if len(order) > 1:
        second = results[order[1]]["contributions"]
        line["lead"] = largest_first({name: value - second[name] for name, value in best.items()})
    return line


def choices(groups, server, clients):
    """In the order of the input, with a bounded number of prompts in memory."""
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        running = collections.deque()
        for group in groups:
            running.append((group, pool.submit(server.results, group)))
            if len(running) > 2 * clients:
                done, results = running.popleft()
                yield choice(done, results.result())
        for done, results in running:
            yield choice(done, results.result())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="http://127.0.0.1:8000", metavar="URL")
    parser.add_argument("--api_key_file", help="file whose first line is the server's API key")
    parser.add_argument("--clients", type=int, default=8, help="prompts that are sent at a time")
    options = parser.parse_args()
    failed = False
    try:
        key = open(options.api_key_file, encoding="utf-8").readline().strip() if options.api_key_file else ""
        for line in choices(read_groups(sys.stdin), Server(options.server, key), options.clients):
            failed |= "error" in line
            print(json.dumps(line, ensure_ascii=False), flush=True)
    except Failure as failure:
        print(f"best_of_n.py: {failure}", file=sys.stderr)
        return failure.exit_code
    return 4 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
