#!/usr/bin/env python3
"""Sends groups of answers to a reward server from several clients, and writes what it measured as JSON.

Usage: load.py URL CONVERSATIONS.jsonl --clients 8 [--per_request 8] [--groups 40] [--protocol get_reward|v1_score] [--pid SERVER]

CONVERSATIONS.jsonl: one list of messages a line, the last one an answer; the two sides of a pair follow each other (bench/score/make_model.py).
Each pair becomes a group of eight answers to one prompt: both answers, and the first three quarters, half and quarter of their words.
--protocol get_reward sends texts that transformers rendered (--tokenizer), v1_score sends messages. A group goes out in 8 / per_request
requests. Clients take groups in turn; a client sends its next request when the answer is there. Nothing but the standard library, and
transformers to render.
"""

import argparse
import http.client
import json
import pathlib
import queue
import statistics
import threading
import time
import os


def groups_of(path):
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [row["messages"] if isinstance(row, dict) else row for row in rows]
    for chosen, rejected in zip(rows[::2], rows[1::2]):
        group = []
        for row in (chosen, rejected):
            words = row[-1]["content"].split(" ")
            for quarter in (4, 3, 2, 1):
                text = " ".join(words[: max(1, len(words) * quarter // 4)])
                group.append([*chosen[:-1], {"role": "assistant", "content": text}])
        yield group


def bodies(options):
    render = None
    if options.protocol == "get_reward":
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(options.tokenizer)
        render = lambda messages: tokenizer.apply_chat_template(messages, tokenize=False)  # noqa: E731
    for number, group in enumerate(groups_of(options.conversations)):
        if number == options.groups:
            return
        requests = []
        for first in range(0, len(group), options.per_request):
            rows = group[first : first + options.per_request]
            if render:
                texts = [render(row) for row in rows]
                requests.append({"query": texts, "prompts": texts, "labels": [None] * len(texts)})
            else:
                requests.append({"rows": rows, "fields": ["score"]})
        yield [json.dumps(request).encode() for request in requests]


def cpu_seconds(pid):
    if not pid:
        return 0.0
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


class Clients:
    def __init__(self, options):
        self.options, self.latencies, self.failures, self.scores = options, [], [], {}
        self.host = options.url.removeprefix("http://").rstrip("/")
        self.path = {"get_reward": "/get_reward", "v1_score": "/v1/score"}[options.protocol]
        self.work, self.lock = queue.SimpleQueue(), threading.Lock()

    def send(self, connection, place, body):
        begin = time.perf_counter()
        connection.request("POST", self.path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        seconds = time.perf_counter() - begin
        with self.lock:
            if answer.status != 200:
                self.failures.append(f"{answer.status} {text[:200]!r}")
                return
            self.latencies.append(seconds)
            content = json.loads(text)
            self.scores[place] = content["rewards"] if "rewards" in content else [r["score"] for r in content["results"]]

    def run_one(self):
        connection = http.client.HTTPConnection(self.host, timeout=600)
        while True:
            try:
                place, body = self.work.get_nowait()
            except queue.Empty:
                return connection.close()
            self.send(connection, place, body)

    def run(self):
        requests = 0
        for g, group in enumerate(bodies(self.options)):
            for r, body in enumerate(group):
                self.work.put(((g, r), body))
                requests += 1
        threads = [threading.Thread(target=self.run_one) for _ in range(self.options.clients)]
        cpu, begin = cpu_seconds(self.options.pid), time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return requests, time.perf_counter() - begin, cpu_seconds(self.options.pid) - cpu


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))] if values else float("nan")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("conversations", type=pathlib.Path)
    parser.add_argument("--tokenizer", help="folder with the chat template")
    parser.add_argument("--protocol", choices=["get_reward", "v1_score"], default="get_reward")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--per_request", type=int, default=8)
    parser.add_argument("--groups", type=int, default=40)
    parser.add_argument("--pid", type=int, default=0)
    options = parser.parse_args()
    clients = Clients(options)
    requests, wall, cpu = clients.run()
    answers = sum(len(scores) for scores in clients.scores.values())
    scores = [clients.scores[place] for place in sorted(clients.scores)]
    print(json.dumps({
        "clients": options.clients, "per_request": options.per_request, "requests": requests, "answers": answers, "failures": len(clients.failures),
        "first_failure": clients.failures[:1], "wall": wall, "cpu": cpu, "answers_per_second": answers / wall,
        "answers_per_cpu_second": answers / cpu if cpu else None, "mean": statistics.fmean(clients.latencies) if clients.latencies else None,
        "p50": percentile(clients.latencies, 0.5), "p99": percentile(clients.latencies, 0.99),
        "anonymous_bytes": peak_bytes(options.pid) if options.pid else None, "scores": [x for s in scores for x in s]}))


if __name__ == "__main__":
    main()
