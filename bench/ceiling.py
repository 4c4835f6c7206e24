#!/usr/bin/env python3
"""What the processor can do at most: square products of each type and a copy, by PyTorch, on a number of threads.

    ceiling.py [--threads 2] [--size 2048] [--seconds 0.3] [--figures FILE]

Prints one line: GFLOP/s of all threads together (int8: 10^9 multiplications and additions a second), and GB/s of a copy, in which each
byte that is read and each that is written counts. Of the two layouts of the second factor the faster one counts. A type that PyTorch
multiplies slowly here gets a smaller product, and one that it cannot multiply is left out.
"""
import argparse
import json
import time

import torch

TYPES = ("float32", "bfloat16", "float16", "float64", "int8")


def best_seconds(run, seconds):
    """The shortest of at least three runs, after one that does not count."""
    run()
    best, end, count = float("inf"), time.perf_counter() + seconds, 0
    while count < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        best, count = min(best, time.perf_counter() - start), count + 1
    return best


def square(name, size):
    dtype = getattr(torch, name)
    if dtype == torch.int8:
        return torch.randint(-127, 128, (size, size), dtype=dtype)
    return torch.randn(size, size).to(dtype)


def product_gflops(name, size, seconds):
    multiply = torch._int_mm if name == "int8" else torch.mm
    a, b = square(name, size), square(name, size)
    columns = b.t().contiguous().t()
    best = min(best_seconds(lambda: multiply(a, b), seconds / 2), best_seconds(lambda: multiply(a, columns), seconds / 2))
    return 2 * size**3 / best / 1e9


def product_ceiling(name, size, seconds):
    """With a size at which one product takes at most about a second."""
    small = min(size, 256)
    rate = product_gflops(name, small, 0.02) * 1e9
    while size > small and 2 * size**3 / rate > 2.0:
        size //= 2
    return max(product_gflops(name, size, seconds), rate / 1e9)


def copy_ceiling(mebibytes, seconds):
    source = torch.ones(mebibytes << 18, dtype=torch.float32)
    target = torch.empty_like(source)
    return 2 * source.nbytes / best_seconds(lambda: target.copy_(source), seconds) / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--figures", help="where to write the figures, as JSON")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    figures = {"threads": options.threads}
    for name in TYPES:
        try:
            figures[name] = round(product_ceiling(name, options.size, options.seconds), 1)
        except RuntimeError:
            pass
    figures["copy"] = round(copy_ceiling(256, options.seconds), 1)
    print(", ".join(f"{name} {figures[name]:.0f}" for name in TYPES if name in figures) + f" GFLOP/s; copy {figures['copy']:.1f} GB/s")
    if options.figures:
        with open(options.figures, "w", encoding="utf-8") as file:
            json.dump(figures, file)


if __name__ == "__main__":
    main()
