#!/usr/bin/env python3
"""Sends many small requests to a reward server and samples its memory: does it grow, and does every request get its answer?

Usage: soak.py HOST:PORT --pid SERVER [--requests 1000000] [--processes 4]

Of each 100 requests on kept connections, 90 are answers to one of 50 prompts, and have to get the score that the same text got first; 2 each
are a row without an answer, broken JSON, an unknown path, a wrong type and a row beyond the longest conversation; 2 connections a hundred are
closed before the answer comes, and 8 requests use a new connection. Prints JSON: counts by kind, latencies of the scored ones, and the server's
anonymous memory, descriptors and threads every 2 % of the requests. Exits 1 if an answer was wrong. Nothing but the standard library.
"""

import argparse
import collections
import json
import multiprocessing
import pathlib
import socket
import sys
import time

PROMPTS = 50
TEXTS = 8
# Long enough for the cache of prompts.
TASK = "Explain each step of the calculation, name the rule that you use for it, and check the result in another way before you answer."


def request(body, path="/v1/score"):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"POST {path} HTTP/1.1\r\nHost: soak\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


def good(i):
    row = {"prompt": f"What is {i % PROMPTS} plus one? {TASK}", "response": "It is " + "very " * (i // PROMPTS % TEXTS) + "simple."}
    return request({"rows": [row], "fields": ["score"]})


BAD = [
    (request({"rows": [{"prompt": "x"}], "fields": ["score"]}), 200),  # with the row's error
    (request(b'{"rows": ['), 400),
    (request({}, "/v1/scores"), 404),
    (request({"rows": 7}), 422),
    (request({"rows": [{"prompt": "x", "response": "word " * 20000}], "fields": ["score"]}), 200),
]


class Connection:
    def __init__(self, address):
        self.address, self.socket, self.rest = address, None, b""

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket, self.rest = None, b""

    def send(self, data):
        if not self.socket:
            self.socket = socket.create_connection(self.address, timeout=60)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(data)

    def answer(self):
        """(status, body) of an answer that has a Content-Length."""
        while b"\r\n\r\n" not in self.rest:
            self.receive()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        while len(self.rest) < length:
            self.receive()
        body, self.rest = self.rest[:length], self.rest[length:]
        if b"Connection: close" in head:
            self.close()
        return int(head[9:12]), body

    def receive(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError("the server closed the connection")
        self.rest += piece


def run(address, first, count, shared, results):
    connection, scores, kinds, wrong = Connection(address), {}, collections.Counter(), []
    latencies = collections.Counter()  # by tenths of a millisecond
    for i in range(first, first + count):
        kind = i % 100
        if kind >= 98:
            connection.close()
            connection.send(good(i))
            connection.close()
            kinds["left"] += 1
        else:
            bad = BAD[kind % 5] if kind < 10 else None
            if kind >= 90:
                connection.close()
            begin = time.perf_counter()
            connection.send(bad[0] if bad else good(i))
            status, body = connection.answer()
            if bad:
                kinds[f"bad {kind % 5}"] += 1
                if status != bad[1] or (status == 200 and b'"error"' not in body):
                    wrong.append(f"{status} {body[:200]!r}")
            else:
                latencies[int((time.perf_counter() - begin) * 1e4)] += 1
                kinds["scored"] += 1
                text = i % (PROMPTS * TEXTS)
                if status != 200 or scores.setdefault(text, body) != body:
                    wrong.append(f"{status} {body[:200]!r}")
        if i % 100 == 99:
            with shared.get_lock():
                shared.value += 100
    results.put((dict(kinds), dict(latencies), wrong[:5], len(wrong)))


def state_of(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return {"anonymous_mb": round(int(fields["RssAnon"].split()[0]) / 1024, 1), "threads": int(fields["Threads"]),
            "descriptors": len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))}


def percentile(latencies, part):
    left = part * sum(latencies.values())
    for tenth, count in sorted(latencies.items()):
        left -= count
        if left <= 0:
            return tenth / 10


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=4)
    options = parser.parse_args()
    host, port = options.address.rsplit(":", 1)
    share = options.requests // options.processes // 100 * 100
    shared, results = multiprocessing.Value("q", 0), multiprocessing.Queue()
    workers = [multiprocessing.Process(target=run, args=((host, int(port)), n * share, share, shared, results)) for n in range(options.processes)]
    begin, samples = time.perf_counter(), []
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers) and len(samples) <= 50:
        if shared.value >= len(samples) * share * options.processes // 50:
            samples.append({"requests": shared.value, **state_of(options.pid)})
        if results.qsize() == options.processes:
            break
        time.sleep(0.05)
    kinds, latencies, wrong, n_wrong = collections.Counter(), collections.Counter(), [], 0
    for _ in workers:
        part = results.get(timeout=600)
        kinds.update(part[0])
        latencies.update(part[1])
        wrong += part[2]
        n_wrong += part[3]
    samples.append({"requests": shared.value, **state_of(options.pid)})
    wall = time.perf_counter() - begin
    print(json.dumps({"requests": sum(kinds.values()), "kinds": kinds, "wall_s": round(wall, 1), "requests_per_s": round(sum(kinds.values()) / wall),
                      "p50_ms": percentile(latencies, 0.5), "p99_ms": percentile(latencies, 0.99), "max_ms": max(latencies) / 10,
                      "wrong": n_wrong, "examples": wrong[:5], "server": samples}, indent=1))
    sys.exit(1 if n_wrong else 0)


if __name__ == "__main__":
    main()
