#!/usr/bin/env python3
"""Runs clang-tidy over the sources of build/lint/compile_commands.json; scripts/lint.sh calls it.

Usage: tidy.py [--fast] [--seconds=N] [FILE or FOLDER...]   (default: all below src/, apps/, tools/ and examples/)

--fast leaves out sources that include headers of LibTorch, themselves or through another header of this checkout.
A source that is found clean is remembered in $ARMORM_LINT_CACHE (default ~/.cache/armorm/lint) by the hash of all that
decides the finding: clang-tidy's version, .clang-tidy, the flags, and the source with the headers of this checkout
that it includes. Exits 1 where anything was found, else 3 where sources were not read because --seconds were over.
"""

import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build" / "lint"
CACHE = pathlib.Path(os.environ.get("ARMORM_LINT_CACHE", pathlib.Path.home() / ".cache/armorm/lint"))
FOLDERS = ("src/", "apps/", "tools/", "examples/")
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)
TORCH = ("ATen/", "c10/", "torch/", "caffe2/")


@functools.cache
def includes(path):
    """(headers of this checkout, whether LibTorch is included) of one file."""
    own, torch = [], False
    for kind, name in INCLUDE.findall(path.read_text(errors="replace")):
        candidates = [path.parent / name, ROOT / "src" / name, ROOT / "include" / name]
        found = next((c for c in candidates if c.is_file()), None)
        if found:
            own.append(found.resolve())
        elif kind == "<" and name.startswith(TORCH):
            torch = True
    return own, torch


def closure(path):
    """The file and all headers of this checkout that it includes, sorted."""
    seen, open_ = set(), [path]
    while open_:
        file = open_.pop()
        if file not in seen:
            seen.add(file)
            open_.extend(includes(file)[0])
    return sorted(seen)


def key_of(path, command, version):
    """Equal in every checkout with the same content."""
    digest = hashlib.sha256()
    for text in (version, (ROOT / ".clang-tidy").read_text(), command.replace(str(ROOT), ".")):
        digest.update(text.encode() + b"\0")
    for file in closure(path):
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def tidy(path, deadline):
    """clang-tidy's findings as text, "" for none; None after the deadline."""
    if time.monotonic() > deadline:
        return None
    command = ["clang-tidy", "--quiet", "-p", str(BUILD), str(path)]
    result = subprocess.run(command, capture_output=True, text=True)
    clean = result.returncode == 0 and "warning:" not in result.stdout and "error:" not in result.stdout
    return "" if clean else result.stdout or result.stderr


def sources(fast, wanted):
    """(file, its command) for each source to be read."""
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    commands = {pathlib.Path(e["file"]): e.get("command") or shlex.join(e["arguments"]) for e in entries}
    for path, command in sorted(commands.items()):
        name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else ""
        chosen = not wanted or any(name == w or name.startswith(w + "/") for w in wanted)
        if not name.startswith(FOLDERS) or not chosen:
            continue
        if fast and any(includes(file)[1] for file in closure(path)):
            continue
        yield path, command


def remember(path, command, version, key):
    """That the source is clean, unless it or a header changed while it was read."""
    includes.cache_clear()
    if key_of(path, command, version) == key:
        (CACHE / key).touch()


def main(arguments):
    fast = "--fast" in arguments
    seconds = [float(a.removeprefix("--seconds=")) for a in arguments if a.startswith("--seconds=")]
    deadline = time.monotonic() + min(seconds, default=float("inf"))
    wanted = [os.path.relpath(a, ROOT) for a in arguments if not a.startswith("-")]
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, text=True, check=True).stdout
    commands = dict(sources(fast, wanted))
    keys = {path: key_of(path, command, version) for path, command in commands.items()}
    CACHE.mkdir(parents=True, exist_ok=True)
    todo = [path for path, key in keys.items() if not (CACHE / key).exists()]
    print(f"clang-tidy: {len(keys)} sources, {len(todo)} of them new or changed", flush=True)
    reported, failed, unread = set(), 0, 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, findings in zip(todo, pool.map(lambda path: tidy(path, deadline), todo)):
            if findings is None:
                unread += 1
                continue
            if not findings:
                remember(path, commands[path], version, keys[path])
            elif findings not in reported:
                print(findings, flush=True)
            reported.add(findings)
            failed += bool(findings)
    if failed:
        print(f"clang-tidy: {failed} sources with findings")
    if unread:
        print(f"clang-tidy: {unread} sources were not read in time")
    return 1 if failed else 3 if unread else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
