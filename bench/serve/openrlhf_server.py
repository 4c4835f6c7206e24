#!/usr/bin/env python3
"""OpenRLHF's own reward server, openrlhf/cli/serve_rm.py of 2024-07-29, on the CPU: POST /get_reward.

Usage: openrlhf_server.py CLONE FOLDER --port 8002 [--threads 2] [--batch_size 8] [--bf16]

CLONE is a git folder of OpenRLHF; FOLDER a model of bench/score/make_model.py. Needs transformers 4.43.1, as that commit, with peft, accelerate,
fastapi and uvicorn. Its code runs as it is; packages that only training needs (deepspeed, bitsandbytes) are replaced by empty modules. Its
model has one reward, of a head of random weights, on the decoder of FOLDER, in the precision of its files without --bf16.
"""

import argparse
import importlib
import importlib.machinery
import io
import os
import runpy
import subprocess
import sys
import tarfile
import tempfile
import types

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
COMMIT = "707b1060"


def package(name, folder):
    """An empty package whose modules can be imported, without its __init__.py."""
    module = types.ModuleType(name)
    module.__path__ = [folder]
    sys.modules[name] = module
    return module


def prepare(clone, folder):
    archive = subprocess.run(["git", "-C", clone, "archive", COMMIT, "openrlhf"], check=True, capture_output=True).stdout
    tarfile.open(fileobj=io.BytesIO(archive)).extractall(folder, filter="data")
    for name in ("deepspeed", "bitsandbytes"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__spec__ = importlib.machinery.ModuleSpec(name, None)
    package("openrlhf", f"{folder}/openrlhf")
    utils = package("openrlhf.utils", f"{folder}/openrlhf/utils")
    utils.DeepspeedStrategy = None
    models = package("openrlhf.models", f"{folder}/openrlhf/models")
    models.get_llm_for_sequence_regression = importlib.import_module("openrlhf.models.model").get_llm_for_sequence_regression
    utils.get_tokenizer = importlib.import_module("openrlhf.utils.utils").get_tokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone")
    parser.add_argument("folder")
    parser.add_argument("--port", type=int, default=8002)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--bf16", action="store_true")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        prepare(options.clone, folder)
        sys.argv = ["serve_rm.py", "--reward_pretrain", options.folder, "--host", "127.0.0.1", "--port", str(options.port),
                    "--batch_size", str(options.batch_size), *(["--bf16"] if options.bf16 else [])]
        runpy.run_path(f"{folder}/openrlhf/cli/serve_rm.py", run_name="__main__")


if __name__ == "__main__":
    main()
