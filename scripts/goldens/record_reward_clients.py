"""Records the bodies that OpenRLHF's own clients post: tests/goldens/serve/openrlhf_*.json.

usage: record_reward_clients.py CLONE   a git folder of OpenRLHF; needs aiohttp and requests
"""
import ast
import asyncio
import http.server
import json
import logging
import pathlib
import subprocess
import sys
import threading
import time

OLD = "707b1060"  # 2024-07-29: the first client, which posts queries alone
NEW = "3c3be6234e0cb353e76bb8019947db9dfe99fca7"
OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/serve"
bodies = []


class Recorder(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        answer = b'{"rewards": [0.5], "scores": [0.5], "extra_logs": {}}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


def functions(clone, commit, path, names):
    """The named functions of a file, without its imports."""
    source = subprocess.run(["git", "-C", clone, "show", f"{commit}:{path}"], check=True, capture_output=True).stdout
    found = [n for n in ast.walk(ast.parse(source))
             if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)) and n.name in names]
    for function in found:
        function.decorator_list = []
    space = {"asyncio": asyncio, "time": time, "logger": logging.getLogger("client")}
    space.update({name: __import__(name) for name in ("aiohttp", "requests")})
    exec(compile(ast.Module(found, []), path, "exec"), space)
    return space


def record(name, commit, call):
    bodies.clear()
    answer = call()
    OUT.mkdir(parents=True, exist_ok=True)
    entry = {"repository": "OpenRLHF/OpenRLHF", "commit": commit, "requests": bodies}
    (OUT / f"openrlhf_{name}.json").write_text(json.dumps(entry, indent=1) + "\n")
    print(name, bodies, answer)


def main():
    clone = sys.argv[1]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/get_reward"
    text = "<|begin_of_text|>é\n<|eot_id|>"
    new = functions(clone, NEW, "openrlhf/utils/agent.py", {"_fetch_rewards_via_http"})
    executor = type("Executor", (), {"reward_endpoints": [url]})()
    record("new", NEW, lambda: asyncio.run(new["_fetch_rewards_via_http"](executor, [text], ["é"], [None])))
    old = functions(clone, OLD, "openrlhf/utils/remote_rm_utils.py", {"request_api_wrapper"})
    record("old", OLD, lambda: old["request_api_wrapper"](url, {"query": [text]}))
    server.shutdown()


main()
