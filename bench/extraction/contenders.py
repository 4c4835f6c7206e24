"""The precisions and kernels (armorm/cpu_kernels.h) that the benchmark programs are asked for, and what they answer."""
import json
import subprocess

PRECISIONS = ("bf16", "fp32", "int8")
KERNELS = ("libtorch", "avx2", "onednn", "avx512", "avx512_bf16", "amx")
# The type of the products, by the names of bench/ceiling.py. fp8 is multiplied as float32 on a CPU.
COMPUTE_TYPES = {"bf16": "bfloat16", "fp32": "float32", "fp8": "float32", "int8": "int8"}


def run_or_refuse(command):
    """(output, None), or (None, reason) if the program refuses its flags here: exit code 2."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode == 2:
        return None, (done.stderr.strip().splitlines() or ["exit code 2"])[-1].split(": ", 1)[-1]
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ValueError(f"{command[0]} ended with {done.returncode}: {last}")
    return done.stdout, None


def layer_weights(model):
    """Number of weights that a token is multiplied with in all layers of the model in a folder."""
    config = json.loads((model / "config.json").read_text())
    hidden, inner, dim = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    attention = hidden * dim * (2 * config["num_attention_heads"] + 2 * config["num_key_value_heads"])
    return config["num_hidden_layers"] * (attention + 3 * hidden * inner)
