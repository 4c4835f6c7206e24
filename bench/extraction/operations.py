#!/usr/bin/env python3
"""The operations of a layer, compared with a square product and a copy, for every precision and kernel that roofline_bench accepts here.

    operations.py MODEL_FOLDER --bin build/release/bin [--threads 2] [--tokens 2048] [--precisions bf16,fp32,int8] [--kernels]

Prints the programs' tables; what is refused is listed, and what fails is named and gives exit code 1.
"""
import argparse
import json
import pathlib
import re
import sys

from contenders import KERNELS, PRECISIONS, run_or_refuse


def summary(table):
    """Fractions of the square product and the copy, and tokens/s, of the program's table."""
    def of_product(operation):
        return float(re.search(rf"^\| {operation} \|.*?([\d.]+) %", table, re.MULTILINE).group(1))

    kernels = re.match(r"cpu \S+, kernels (\w+):", table)
    return {"layer_of_product": of_product("one layer"), "attention_of_product": of_product("attention"),
            "tokens_s": float(re.search(r": ([\d.]+) tokens/s", table).group(1)), "kernels": kernels.group(1) if kernels else None}


class Operations:
    def __init__(self, options):
        self.options, self.figures, self.refused, self.failed = options, {}, [], []

    def run(self, precision, kernels=None):
        name = precision + (f", kernels {kernels}" if kernels else "")
        command = [self.options.bin / "roofline_bench", self.options.model, "--threads", self.options.threads, "--tokens", self.options.tokens,
                   "--precision", precision, *(["--kernels", kernels] if kernels else [])]
        try:
            table, refusal = run_or_refuse(command)
            if refusal:
                self.refused.append(f"{name} ({refusal})")
                return "no such flag" not in refusal
            self.figures[name] = summary(table)
            print(f"### {name}\n\n{table.strip()}\n", flush=True)
        except (OSError, ValueError, AttributeError, IndexError) as error:
            self.failed.append(f"{name}: {error}")
            print(self.failed[-1], file=sys.stderr, flush=True)
        return True

    def run_all(self):
        for precision in self.options.precisions.split(","):
            self.run(precision)
        for precision in self.options.precisions.split(",") if self.options.kernels else ():
            for kernels in KERNELS:
                if not self.run(precision, kernels):
                    return


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--precisions", default=",".join(PRECISIONS))
    parser.add_argument("--kernels", action="store_true", help="also run every kernel by name")
    parser.add_argument("--figures", type=pathlib.Path, help="where to write the figures, as JSON")
    options = parser.parse_args()
    operations = Operations(options)
    operations.run_all()
    for title, names in (("Not offered here", operations.refused), ("Failed", operations.failed)):
        if names:
            print(f"{title}: {'; '.join(names)}.\n")
    if options.figures:
        options.figures.write_text(json.dumps({"operations": operations.figures}))
    return 1 if operations.failed else 0


if __name__ == "__main__":
    sys.exit(main())
