#!/usr/bin/env python3
"""What a GPU reaches at most at the shapes of a model: a copy, products in bf16 and e4m3, and causal attention.

    ceilings.py [--shape 8b] [--device cuda:0] [--seconds 0.15] [--figures FILE]

Prints tables in Markdown. "Products alone" are tokens/s if nothing but the layers' products took time; those of the last layer are left
out, because the extractor computes it for the wanted rows only. e4m3 products have a scale for each row of both factors, as in
--precision fp8, with exact and with fast accumulation. Attention is ATen's FlashAttention, called as the extractor calls it, and cuDNN's
through scaled_dot_product_attention where all sequences have one length.
On the CPU (--device cpu) all sizes are small and the figures mean nothing.
A measurement that fails is named and stops no other; the exit code is then 1.
"""
import argparse
import json
import math
import pathlib
import random
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "extraction"))
from shapes import SHAPES  # noqa: E402

E4M3_LARGEST = 448.0


class Clock:
    """Times what runs on a device."""

    def __init__(self, device, seconds):
        self.device, self.seconds = device, seconds

    def time(self, run, seconds=None):
        """Mean seconds of as many runs as fill the time, after one that does not count."""
        run()
        count = max(3, round((seconds or self.seconds) / max(self.total(run, 1), 1e-6)))
        return self.total(run, count) / count

    def total(self, run, count):
        if self.device.type == "cpu":
            begin = time.perf_counter()
            for _ in range(count):
                run()
            return time.perf_counter() - begin
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(count):
            run()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1e3


def products_of(shape):
    """(out, in) of each product of a layer."""
    hidden, inner = shape["hidden_size"], shape["intermediate_size"]
    kv = hidden // shape["num_attention_heads"] * shape["num_key_value_heads"]
    return {"qkv": (hidden + 2 * kv, hidden), "o": (hidden, hidden), "gate and up": (2 * inner, hidden), "down": (hidden, inner)}


def quantised(x):
    """e4m3 with a scale for each row."""
    scales = x.abs().amax(1, keepdim=True).float() / E4M3_LARGEST
    return (x / scales).to(torch.float8_e4m3fn), scales


class Ceilings:
    def __init__(self, shape, device, seconds):
        self.shape, self.device, self.clock = shape, device, Clock(device, seconds)
        self.small = device.type == "cpu"
        self.figures, self.failed = {"layers": shape["num_hidden_layers"] - 1}, []

    def attempt(self, name, method, *arguments):
        try:
            return method(*arguments)
        except (RuntimeError, ValueError, NotImplementedError) as error:
            self.failed.append(name)
            print(f"\n{name} failed: {' '.join(str(error).split())[:300]}", flush=True)
            return None

    def random(self, *size):
        return torch.randn(*size, device=self.device, dtype=torch.bfloat16)

    def copy(self):
        source = torch.empty(1 << (20 if self.small else 30), dtype=torch.uint8, device=self.device).random_()
        target = torch.empty_like(source)
        self.figures["copy_gbs"] = 2 * source.nbytes / self.clock.time(lambda: target.copy_(source)) / 1e9
        print(f"A copy moves {self.figures['copy_gbs']:.0f} GB/s.", flush=True)

    def square(self):
        """Briefly, and for so long that clocks fall to what the power limit allows."""
        n = 64 if self.small else 8192
        a, b = self.random(n, n), self.random(n, n)
        rates = [2 * n**3 / self.clock.time(lambda: a @ b, seconds) / 1e12 for seconds in ((0.01, 0.01) if self.small else (0.02, 2.0))]
        self.figures["square_tflops"] = rates[1]
        print(f"A product of {n} x {n} x {n} in bf16 reaches {rates[0]:.0f} TFLOP/s at first and {rates[1]:.0f} over two seconds.", flush=True)

    def kinds(self, rows, out, width):
        """Of one product: name -> what computes it."""
        x, weight = self.random(rows, width), self.random(out, width)
        yield "bf16", lambda: torch.nn.functional.linear(x, weight)
        if self.small:
            return
        (qx, sx), (qw, sw) = quantised(x), quantised(weight)
        for name, fast in (("fp8", False), ("fp8 fast", True)):
            yield name, lambda fast=fast: torch._scaled_mm(qx, qw.t(), sx, sw.view(1, -1), out_dtype=torch.bfloat16, use_fast_accum=fast)

    def product(self, rows, name, out, width, total):
        for kind, run in self.kinds(rows, out, width):
            seconds = self.attempt(f"{name}, {kind}, {rows} rows", self.clock.time, run)
            total[kind] = total.get(kind, 0.0) + (seconds or math.nan)
            if seconds:
                print(f"| {rows} | {name} | {kind} | {1e3 * seconds:.3f} | {2 * rows * out * width / seconds / 1e12:.0f} |", flush=True)

    def products(self, rows):
        total = {}
        for name, (out, width) in products_of(self.shape).items():
            self.attempt(f"{name}, {rows} rows", self.product, rows, name, out, width, total)
        for kind, seconds in total.items():
            rate = rows / seconds / self.figures["layers"]
            if not math.isnan(rate):
                self.figures.setdefault("products_alone", {}).setdefault(kind, {})[str(rows)] = rate

    def all_products(self):
        print("\n| rows | product | type | ms | TFLOP/s |\n|---:|---|---|---:|---:|", flush=True)
        for rows in (64,) if self.small else (4096, 32768, 131072):
            self.products(rows)
        print("\n| products alone | rows | tokens/s |\n|---|---:|---:|")
        for kind, rates in self.figures.get("products_alone", {}).items():
            for rows, rate in rates.items():
                print(f"| {kind} | {rows} | {rate:.0f} |")

    def packs(self):
        """Lengths of the sequences of some packs."""
        if self.small:
            return {"4 of 64": [64] * 4}
        source, mixed = random.Random(0), []
        while sum(mixed) < 131072 - 8192:
            mixed.append(round(math.exp(source.uniform(math.log(50), math.log(8192)))))
        return {"64 of 512": [512] * 64, "16 of 2048": [2048] * 16, "4 of 8192": [8192] * 4, "log-uniform 50-8192": mixed}

    def heads(self, tokens):
        """q, k and v as views of one matrix, as in the extractor, and the scale."""
        heads, kv_heads = self.shape["num_attention_heads"], self.shape["num_key_value_heads"]
        dim = self.shape["hidden_size"] // heads
        qkv = self.random(tokens, heads + 2 * kv_heads, dim)
        return qkv[:, :heads], qkv[:, heads: heads + kv_heads], qkv[:, heads + kv_heads:], dim**-0.5

    def flash(self, lengths):
        q, k, v, scale = self.heads(sum(lengths))
        starts = torch.tensor([0, *lengths], device=self.device).cumsum(0).int()
        counts, longest = starts.diff(), max(lengths)
        return self.clock.time(lambda: torch.ops.aten._flash_attention_forward(
            q, k, v, starts, starts, longest, longest, 0.0, True, False, scale=scale, seqused_k=counts))

    def cudnn(self, lengths):
        q, k, v, scale = self.heads(sum(lengths))
        dense = [x.reshape(len(lengths), lengths[0], x.shape[1], x.shape[2]).transpose(1, 2).contiguous() for x in (q, k, v)]
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.CUDNN_ATTENTION):
            return self.clock.time(lambda: torch.nn.functional.scaled_dot_product_attention(
                *dense, is_causal=True, scale=scale, enable_gqa=True))

    def attention(self):
        print("\n| attention | sequences | ms | TFLOP/s | alone, tokens/s |\n|---|---|---:|---:|---:|", flush=True)
        for pack, lengths in self.packs().items():
            ways = {"FlashAttention": self.flash} | ({"cuDNN": self.cudnn} if len(set(lengths)) == 1 else {})
            for name, way in ways.items():
                seconds = self.attempt(f"{name}, {pack}", way, lengths)
                if seconds:
                    # Two products over the half of each square that the causal mask leaves.
                    rate = sum(2 * self.shape["hidden_size"] * n * n for n in lengths) / seconds / 1e12
                    alone = sum(lengths) / seconds / self.figures["layers"]
                    self.figures.setdefault("attention_alone", {}).setdefault(name, {})[pack] = alone
                    print(f"| {name} | {pack} | {1e3 * seconds:.3f} | {rate:.0f} | {alone:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="8b")
    parser.add_argument("--device", type=torch.device, default="cuda:0")
    parser.add_argument("--seconds", type=float, default=0.15, help="of each measurement")
    parser.add_argument("--figures", type=pathlib.Path, help="where to write the figures, as JSON")
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    ceilings = Ceilings(SHAPES[options.shape], options.device, options.seconds)
    for method in (ceilings.copy, ceilings.square, ceilings.all_products, ceilings.attention):
        ceilings.attempt(method.__name__, method)
        if options.figures:
            options.figures.write_text(json.dumps(ceilings.figures))
    return 1 if ceilings.failed else 0


if __name__ == "__main__":
    sys.exit(main())
