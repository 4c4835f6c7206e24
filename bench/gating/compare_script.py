"""stage2-train and the published Python script, one after the other on the same files; prints ratios.

    compare_script.py STAGE2_TRAIN SCRIPT [--pairs 8000] [--width 4096] [--steps 20 60] [--repeat 3] [--threads 2]

SCRIPT is armo-rm/stage-2_train.py of a checkout of RLHFlow/RLHF-Reward-Modeling. The data are random bf16 embeddings whose
19 rewards are correlated with verbosity, so that both search the penalty grid. Each program runs with both numbers of steps: the
difference gives the time of a step, and the shorter run minus its steps gives the rest (loading, debiasing, validation).
On a machine with other work, trust processor time.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch
from safetensors.torch import save_file

N_ATTRIBUTES, VERBOSITY, BATCH, HIDDEN = 19, 4, 1024, 1024


def make_data(root, pairs, width):
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(N_ATTRIBUTES, width, generator=generator) / width**0.5
    share = torch.rand(N_ATTRIBUTES, 1, generator=generator) * 0.5
    share[VERBOSITY] = 0
    weight = weight * (1 - share) + share * weight[VERBOSITY]
    folder = root / "data/ArmoRM"
    (folder / "embeddings/model").mkdir(parents=True)
    (folder / "regression_weights").mkdir()
    torch.save({"weight": weight}, folder / "regression_weights/model_objectives.pt")
    prompts = torch.randn(pairs, 1, width, generator=generator).expand(pairs, 2, width).to(torch.bfloat16).contiguous()
    sides = torch.randn(pairs, 2, width, generator=generator).to(torch.bfloat16)
    save_file({"embeddings": sides, "prompt_embeddings": prompts}, folder / "embeddings/model/pairs-train.safetensors")


def run(command, root, threads):
    """Wall seconds, processor seconds, peak memory in MiB."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    environment |= {"HOME": str(root), "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    start = time.perf_counter()
    child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"{command[0]} ended with {status}:\n{output[-2000:]}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(name, command, steps, arguments, root):
    few, many = (run([*command, "--n_steps", str(n)], root, arguments.threads) for n in steps)
    result = {"name": name, "memory": max(few[2], many[2])}
    for i, clock in enumerate(("wall", "processor")):
        step = (many[i] - few[i]) / (steps[1] - steps[0])
        result[clock] = {"step": step, "rest": few[i] - steps[0] * step}
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage2_train", type=pathlib.Path)
    parser.add_argument("script", type=pathlib.Path)
    parser.add_argument("--pairs", type=int, default=8000)
    parser.add_argument("--width", type=int, default=4096)
    parser.add_argument("--steps", type=int, nargs=2, default=[20, 60])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", type=int, default=-1)
    parser.add_argument("--figures", type=pathlib.Path, help="where to write the figures, as JSON")
    arguments = parser.parse_args()
    shared = ["--model_path", "model", "--multi_objective_dataset", "objectives", "--preference_dataset", "pairs",
              "--device", str(arguments.device)]
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        make_data(root, arguments.pairs, arguments.width)
        here = [str(arguments.stage2_train.resolve()), *shared, "--threads", str(arguments.threads), "--on_unmet", "max",
                "--data_root", str(root / "data/ArmoRM"), "--output_dir", str(root / "out")]
        contenders = {"the script": [sys.executable, str(arguments.script.resolve()), *shared],
                      "here, fp32": [*here, "--precision", "fp32"], "here, bf16": [*here, "--precision", "bf16"]}
        for command in contenders.values():  # files in the page cache; ours measures its kernels once and keeps the rates
            run([*command, "--n_steps", "1"], root, arguments.threads)
        rounds = []
        for _ in range(arguments.repeat):
            rounds.append({n: measure(n, c, arguments.steps, arguments, root) for n, c in contenders.items()})
    report(rounds, arguments)
    if arguments.figures:
        arguments.figures.write_text(json.dumps(figures(rounds, arguments.width)))


def step_flops(width):
    """Of a step of ours: each layer's product forwards, for the weights and, but for the first layer, for the inputs."""
    layers = [(width, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, N_ATTRIBUTES)]
    return 2 * BATCH * (3 * sum(a * b for a, b in layers) - width * HIDDEN)


def ratios(rounds, clock):
    return {name: round(statistics.median(r["the script"][clock]["step"] / r[name][clock]["step"] for r in rounds), 3) for name in rounds[0]}


def figures(rounds, width):
    step = {name: statistics.median(r[name]["wall"]["step"] for r in rounds) for name in rounds[0]}
    return {"step_ms": {name: round(1000 * value, 1) for name, value in step.items()},
            "ratio": ratios(rounds, "wall"), "processor_time": {"ratio": ratios(rounds, "processor")},
            "rows": [{"name": f"{name}, a step", "type": type_of, "gflops": round(step_flops(width) / step[name] / 1e9, 1)}
                     for name, type_of in (("here, fp32", "float32"), ("here, bf16", "bfloat16"))]}


def spread(values, form):
    values = sorted(values)
    middle = statistics.median(values)
    return form.format(middle) + (f" ({form.format(values[0])} - {form.format(values[-1])})" if len(values) > 1 else "")


def report(rounds, arguments):
    print(f"{arguments.pairs} pairs x {arguments.width}, {arguments.threads} threads, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}\n")
    base = "the script"
    print("| | clock | a step, ms | ratio | all else, s | ratio | whole run of 2000 steps, ratio | peak memory, MiB |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for name in rounds[0]:
        for clock in ("wall", "processor"):
            steps = [r[name][clock]["step"] for r in rounds]
            rest = [r[name][clock]["rest"] for r in rounds]
            ratios = [r[base][clock]["step"] / r[name][clock]["step"] for r in rounds]
            rest_ratios = [r[base][clock]["rest"] / r[name][clock]["rest"] for r in rounds]
            whole = [(r[base][clock]["rest"] + 2000 * r[base][clock]["step"]) / (r[name][clock]["rest"] + 2000 * r[name][clock]["step"])
                     for r in rounds]
            print(f"| {name} | {clock} | {spread([1000 * s for s in steps], '{:.0f}')} | {spread(ratios, '{:.2f}')} | {spread(rest, '{:.1f}')} "
                  f"| {spread(rest_ratios, '{:.1f}')} | {spread(whole, '{:.2f}')} | {max(r[name]['memory'] for r in rounds):.0f} |")


if __name__ == "__main__":
    main()
