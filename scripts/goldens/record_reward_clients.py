"""Records the bodies that the frameworks' own clients post: tests/goldens/serve/*.json.

    record_reward_clients.py FOLDER              needs aiohttp and requests
    record_reward_clients.py FOLDER --server URL   writes nothing: prints what the clients read of the answers of a server

Besides, verl loads examples/reward_clients/armorm_rewards.py and calls it as its reward manager does.
FOLDER has a git folder, or a checkout at the commit named below, of each framework: openrlhf, slime, verl, vllm, sglang; one that is
missing is left out. Of each file only the named functions run, or its statements without imports; what they use of their framework is
replaced by the objects given here.
"""
import argparse
import ast
import asyncio
import contextlib
import functools
import http.server
import importlib.util
import inspect
import io
import json
import logging
import pathlib
import os
import pprint
import random
import subprocess
import sys
import threading
import time
import types

import aiohttp
import requests

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/serve"
BOS, EOT = "<|begin_of_text|>", "<|eot_id|>"
PROMPT = f"{BOS}<|start_header_id|>user<|end_header_id|>\n\né\n{EOT}<|start_header_id|>assistant<|end_header_id|>\n\n"
MESSAGES = [{"role": "user", "content": "é"}]
ANSWERS = {
    "/get_reward": {"rewards": [0.5], "scores": [0.5], "extra_logs": {}},
    "/slime": 0.5,
    "/v1/score": {"results": [{"score": 0.5}]},
    "/v1/models": {"data": [{"id": "reward"}]},
    "/tokenize": {"tokens": [1, 2]},
    "/pooling": {"data": [{"data": [0.5]}]},
    "/v1/embeddings": {"data": [{"embedding": [0.5]}]},
}
posts = []  # path and body


class Recorder(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        posts.append((self.path, body))
        sglang = [{"embedding": [0.5]}] * len(body.get("conv", [0]))
        self.answer(ANSWERS.get(self.path, sglang if "conv" in body else {"data": [{"probs": [0.5]}]}))

    def do_GET(self):
        self.answer(ANSWERS[self.path])

    def answer(self, content):
        text = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


def source_of(folder, commit, path):
    if (folder / path).exists():
        return (folder / path).read_bytes()
    return subprocess.run(["git", "-C", folder, "show", f"{commit}:{path}"], check=True, capture_output=True).stdout


def run_source(client, folder, names=None, **space):
    """What the file defines: the named functions, or everything but its imports and its main program."""
    tree = ast.parse(source_of(folder, client["commit"], client["file"]))
    if names:
        found = [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)) and n.name in names]
        assert {n.name for n in found} == set(names), names
    else:
        found = [n for n in tree.body if not isinstance(n, (ast.Import, ast.ImportFrom, ast.If))]
    for function in found:
        function.decorator_list = []
    for function in [n for n in found if hasattr(n, "args")]:
        for argument in [*function.args.args, *function.args.kwonlyargs]:
            argument.annotation = None
        function.returns = None
    space = {"aiohttp": aiohttp, "requests": requests, "asyncio": asyncio, "time": time, "random": random, "pprint": pprint,
             "logger": logging.getLogger("client"), **space}
    exec(compile(ast.Module(found, []), client["file"], "exec"), space)
    return space


def openrlhf_new(client, folder, url):
    functions = run_source(client, folder, ["_fetch_rewards_via_http"])
    executor = types.SimpleNamespace(reward_endpoints=[url + "/get_reward"])
    return asyncio.run(functions["_fetch_rewards_via_http"](executor, [PROMPT + "a" + EOT], ["é"], [None]))


def openrlhf_old(client, folder, url):
    functions = run_source(client, folder, ["request_api_wrapper"])
    return functions["request_api_wrapper"](url + "/get_reward", {"query": [PROMPT + "a" + EOT]})


def slime(prompt, response, label):
    def call(client, folder, url):
        async def run():
            functions = run_source(client, folder, ["_get_shared_session", "remote_rm"], _shared_session=None)
            sample = types.SimpleNamespace(prompt=prompt, response=response, label=label)
            try:
                return await functions["remote_rm"](types.SimpleNamespace(rm_url=url + "/slime"), sample, max_retries=1)
            finally:
                await functions["_get_shared_session"]().close()

        return asyncio.run(run())

    return call


def verl(engine):
    """compute_score_disrm of a worker whose reward model runs in `engine`."""

    def call(client, folder, url):
        functions = run_source(client, folder, ["_post_request", "_preprocess_reward_inputs", "compute_score_disrm"])
        model = requests.get(url + "/v1/models", timeout=60).json()["data"][0]["id"]
        worker = types.SimpleNamespace(
            config=types.SimpleNamespace(reward_model=types.SimpleNamespace(
                rollout=types.SimpleNamespace(name=engine), model=types.SimpleNamespace(path=model))),
            reward_router_address=url.removeprefix("http://"), input_tokenizer=Tokenizer(), reward_model_tokenizer=Tokenizer())
        for name in ("_post_request", "_preprocess_reward_inputs"):
            setattr(worker, name, types.MethodType(functions[name], worker))
        return asyncio.run(functions["compute_score_disrm"](worker, Rollout()))

    return call


def verl_function(client, folder, url):
    """verl loads our client, and its naive reward manager calls it; what the client posts is no golden."""
    file = str(OUT.parents[2] / "examples/reward_clients/armorm_rewards.py")
    os.environ["ARMORM_URL"] = url
    loader = run_source({**client, "file": "verl/utils/import_utils.py"}, folder, ["load_module", "load_extern_object"], importlib=importlib,
                        os=os, PKG_PATH_PREFIX="pkg://", FILE_PATH_PREFIX="file://")
    sys.modules["verl"] = sys.modules["verl.utils"] = types.ModuleType("verl")
    sys.modules["verl.utils.import_utils"] = types.SimpleNamespace(load_extern_object=loader["load_extern_object"])
    reward = run_source({**client, "file": "verl/trainer/ppo/reward.py"}, folder, ["get_custom_reward_fn", "_call_with_kwargs"],
                        inspect=inspect, partial=functools.partial)
    function = reward["get_custom_reward_fn"]({"custom_reward_function": {"path": file, "name": "compute_score"}})
    manager = run_source({**client, "file": "verl/experimental/reward_loop/reward_manager/naive.py"}, folder, ["run_single"])

    async def run():
        this = types.SimpleNamespace(loop=asyncio.get_running_loop(), tokenizer=Tokenizer(), compute_score=function,
                                     is_async_reward_score=inspect.iscoroutinefunction(function), reward_router_address=None)
        return await manager["run_single"](this, Rollout())

    return asyncio.run(run())


class Tokenizer:
    eos_token, bos_token = EOT, BOS

    def decode(self, ids, skip_special_tokens=False):
        return "".join("a" if i else "" if skip_special_tokens else EOT for i in ids)

    def apply_chat_template(self, chat, add_generation_prompt, tokenize):
        assert not add_generation_prompt and not tokenize
        return BOS + "".join(f"<|start_header_id|>{m['role']}<|end_header_id|>\n\n{m['content'].strip()}{EOT}" for m in chat)


class Numbers(list):
    """As a tensor of one dimension, so far as is needed."""

    @property
    def shape(self):
        return [len(self)]

    def __getitem__(self, key):
        return Numbers(super().__getitem__(key)) if isinstance(key, slice) else super().__getitem__(key)

    def sum(self):
        return sum(self)


class Rollout:
    """A batch of one answer, "a" and the end of the turn."""

    non_tensor_batch = {"raw_prompt": MESSAGES, "data_source": "x", "reward_model": {"ground_truth": None}, "extra_info": {"prompt": MESSAGES}}
    batch = {"responses": Numbers([1, 0, 0]), "attention_mask": Numbers([1, 1, 1, 0])}

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self


def vllm(client, folder, url):
    """The example's main(), with what it prints."""
    functions = run_source(client, folder)
    host, port = url.removeprefix("http://").split(":")
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            functions["main"](types.SimpleNamespace(host=host, port=int(port)))
    except KeyError as error:
        printed.write(f"KeyError: {error}\n")
    return printed.getvalue()


def sglang(client, folder, url):
    """The example, whose address is another one, with what it prints."""
    here = types.SimpleNamespace(post=lambda to, **given: requests.post(url + "/" + to.rsplit("/", 1)[1], timeout=60, **given))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        run_source(client, folder, requests=here)
    return printed.getvalue()


CLIENTS = [
    # 2024-07-29: the first client, which posts queries alone.
    {"name": "openrlhf_old", "repository": "OpenRLHF/OpenRLHF", "commit": "707b1060", "file": "openrlhf/utils/remote_rm_utils.py",
     "call": openrlhf_old},
    {"name": "openrlhf_new", "repository": "OpenRLHF/OpenRLHF", "commit": "3c3be6234e0cb353e76bb8019947db9dfe99fca7",
     "file": "openrlhf/utils/agent.py", "call": openrlhf_new},
    {"name": "slime_text", "repository": "THUDM/slime", "commit": "624b824a898ab0ec1fcb4d373004c7f3852bf515",
     "file": "slime/rollout/rm_hub/__init__.py", "call": slime(PROMPT, "a" + EOT, "4")},
    {"name": "slime_messages", "repository": "THUDM/slime", "commit": "624b824a898ab0ec1fcb4d373004c7f3852bf515",
     "file": "slime/rollout/rm_hub/__init__.py", "call": slime(MESSAGES, "a", None)},
    {"name": "verl_vllm", "repository": "volcengine/verl", "commit": "b178a3cd56f58b2d502255daba591e92833930a7",
     "file": "verl/experimental/reward_loop/reward_loop.py", "call": verl("vllm")},
    {"name": "verl_sglang", "repository": "volcengine/verl", "commit": "b178a3cd56f58b2d502255daba591e92833930a7",
     "file": "verl/experimental/reward_loop/reward_loop.py", "call": verl("sglang")},
    {"name": "verl_function", "repository": "volcengine/verl", "commit": "b178a3cd56f58b2d502255daba591e92833930a7", "call": verl_function},
    {"name": "vllm_classify", "repository": "vllm-project/vllm", "commit": "3ff2de9c96353a55f7e7a818b9d0c63b9f1e7eeb",
     "file": "examples/pooling/classify/classification_online.py", "call": vllm},
    {"name": "vllm_reward", "repository": "vllm-project/vllm", "commit": "3f9a13d44d92a4535c34d186dce79edcb1e41b2f",
     "file": "examples/pooling/reward/sequence_reward_online.py", "call": vllm},
    {"name": "sglang_conv", "repository": "sgl-project/sglang", "commit": "20c02154ebef667e565158c5530f5458bdc2017f",
     "file": "examples/runtime/reward_model.py", "call": sglang},
]


def write(client):
    taken = [post for post in posts if post[0] != "/tokenize"]
    paths = {path for path, _ in taken}
    assert len(paths) == 1, paths
    entry = {**{key: client[key] for key in ("repository", "commit", "file")}, "path": paths.pop(), "requests": [body for _, body in taken]}
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{client['name']}.json").write_text(json.dumps(entry, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--server", metavar="URL")
    options = parser.parse_args()
    recorder = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=recorder.serve_forever, daemon=True).start()
    for client in CLIENTS:
        folder = options.folder / client["name"].split("_")[0]
        if not folder.exists():
            print(f"{client['name']}: left out, there is no {folder}")
            continue
        posts.clear()
        print(f"{client['name']}:", client["call"](client, folder, options.server or f"http://127.0.0.1:{recorder.server_port}"))
        if not options.server and "file" in client:
            write(client)
    recorder.shutdown()


main()
