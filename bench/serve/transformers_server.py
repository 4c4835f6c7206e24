#!/usr/bin/env python3
"""A reward server as one writes it with FastAPI and transformers: POST /get_reward of an exported model, on the CPU.

Usage: transformers_server.py FOLDER --port 8001 [--threads 2] [--dtype bfloat16] [--batch_size 8]

Requests are scored one after another in a thread, in padded batches, with the modelling code of the export.
"""

import argparse
import os
import threading

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import uvicorn
from fastapi import FastAPI
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--batch_size", type=int, default=8)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    tokenizer = AutoTokenizer.from_pretrained(options.folder)
    tokenizer.padding_side = "right"
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = AutoModelForSequenceClassification.from_pretrained(
        options.folder, trust_remote_code=True, dtype=getattr(torch, options.dtype)).eval()
    lock, app = threading.Lock(), FastAPI()

    @app.get("/ready")
    def ready():
        return {}

    @app.post("/get_reward")
    def get_reward(data: dict):
        rewards = []
        with lock, torch.no_grad():
            texts = data["query"]
            for first in range(0, len(texts), options.batch_size):
                batch = tokenizer(texts[first : first + options.batch_size], return_tensors="pt", padding=True, add_special_tokens=False)
                rewards += model(**batch).score.float().flatten().tolist()
        return {"rewards": rewards, "scores": rewards, "extra_logs": {"dummy_scores": rewards}}

    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
