"""Checks that the Hub cache is shared with huggingface_hub in both directions. Development only.

A small Hub on loopback serves one model and one data set. First our client fetches them and huggingface_hub reads the
cache offline; then huggingface_hub fetches them and our client reads the cache offline. Both caches must be equal except
for trees/ and CACHEDIR.TAG, which only huggingface_hub uses.

    python scripts/goldens/check_hub_cache.py build/release/bin/test_hub
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = {
    "config.json": b'{"model_type": "llama"}',
    "model.safetensors": bytes(range(256)) * 4000,
    "tokenizer.json": b"{}",
    "chat_template.jinja": b"",
}
DATASET = {"README.md": b"# A set\n", "data/train-00000-of-00001.parquet": b"PAR1" * 100_000}
REPOS = {"models/org/name": MODEL, "datasets/org/set": DATASET}


def is_lfs(name):
    return name.endswith((".safetensors", ".parquet"))


def etag(name, content):
    if is_lfs(name):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Hub(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def reply(self, body, headers=(), status=200):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self):
        path = self.path.split("?")[0].lstrip("/")
        for repo, files in REPOS.items():
            if path.startswith(f"api/{repo}/revision/") or path == f"api/{repo}":
                siblings = [{"rfilename": name} for name in files]
                body = json.dumps({"id": repo.split("/", 1)[1], "sha": COMMIT, "siblings": siblings, "private": False,
                                   "downloads": 0, "likes": 0, "tags": []}).encode()
                return self.reply(body, [("Content-Type", "application/json")])
            if path.startswith(f"api/{repo}/tree/"):
                entries = [{"type": "file", "path": name, "size": len(content), "oid": "0" * 40}
                           for name, content in files.items()]
                return self.reply(json.dumps(entries).encode(), [("Content-Type", "application/json")])
            prefix = repo.removeprefix("models/") + "/resolve/"
            if path.startswith(prefix):
                name = path.removeprefix(prefix).split("/", 1)[1]
                if name in files:
                    tag = etag(name, files[name])
                    return self.reply(files[name], [("X-Repo-Commit", COMMIT), ("ETag", f'"{tag}"')])
        return self.reply(b"", [("X-Error-Code", "EntryNotFound")], 404)

    do_HEAD = do_GET


FETCH = """
import sys, huggingface_hub
assert huggingface_hub.__version__ == "2.4.0", huggingface_hub.__version__
offline = sys.argv[1] == "offline"
print(huggingface_hub.snapshot_download("org/name", local_files_only=offline))
print(huggingface_hub.snapshot_download("org/set", repo_type="dataset", revision="v1.0", local_files_only=offline))
"""


def run_theirs(environment, offline):
    command = [sys.executable, "-c", FETCH, "offline" if offline else "online"]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout.split()


def run_ours(program, environment, home):
    report = pathlib.Path(home) / "report"
    environment = environment | {"ARMORM_INTEROP_REPORT": str(report)}
    subprocess.run([program, "[.interop]"], env=environment, check=True, stdout=subprocess.DEVNULL)
    return report.read_text().split()


def tree(home):
    root = pathlib.Path(home) / "hub"
    out = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if "/trees/" in name:
            continue
        if path.is_symlink():
            out[name] = "-> " + os.readlink(path)
        elif path.is_file() and path.name != "CACHEDIR.TAG":
            out[name] = hashlib.sha256(path.read_bytes()).hexdigest() if "/blobs/" in name or "/refs/" in name else ""
    return out


def check_content(folders):
    for folder, files in zip(folders, REPOS.values(), strict=True):
        for name, content in files.items():
            assert (pathlib.Path(folder) / name).read_bytes() == content, (folder, name)


def main(program):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    base |= {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "no_proxy": "127.0.0.1",
             "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        made = run_ours(program, base | {"HF_HOME": ours}, ours)
        check_content(made)
        assert run_theirs(base | {"HF_HOME": ours}, offline=True) == made
        made = run_theirs(base | {"HF_HOME": theirs}, offline=False)
        check_content(made)
        assert run_ours(program, base | {"HF_HOME": theirs, "HF_HUB_OFFLINE": "1"}, theirs) == made
        assert tree(ours) == tree(theirs), (tree(ours), tree(theirs))
        print(f"the caches agree, {len(tree(ours))} entries")
    server.shutdown()


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
