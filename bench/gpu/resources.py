#!/usr/bin/env python3
"""What nvcc gives each of our CUDA kernels: registers, shared memory, stack, and spills to memory.

    resources.py [--architecture sm_90] [--nvcc nvcc]

Prints a table in Markdown. Exit code 1 if a kernel spills or a file does not compile.
"""
import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Of what ptxas prints for a kernel, in this order.
ENTRY = re.compile(r"Compiling entry function '(\w+)'")
MEMORY = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers(?:.*?(\d+) bytes smem)?")


class Kernel:
    def __init__(self, mangled):
        self.mangled, self.stack, self.stored, self.loaded, self.registers, self.shared = mangled, 0, 0, 0, 0, 0

    def spills(self):
        return self.stored > 0 or self.loaded > 0


def kernels_in(text):
    kernels = []
    for line in text.splitlines():
        if found := ENTRY.search(line):
            kernels.append(Kernel(found.group(1)))
        elif kernels and (found := MEMORY.search(line)):
            kernels[-1].stack, kernels[-1].stored, kernels[-1].loaded = map(int, found.groups())
        elif kernels and (found := USED.search(line)):
            kernels[-1].registers, kernels[-1].shared = int(found.group(1)), int(found.group(2) or 0)
    return kernels


def readable(names):
    """Without namespaces, return type and parameters, where c++filt is installed."""
    try:
        plain = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return names
    plain = [re.sub(r"(\(anonymous namespace\)|\w+)::", "", name.removeprefix("void ")) for name in plain]
    return [re.sub(r"\([^()]*\)$", "", name) for name in plain]


def compiled(source, options):
    command = [options.nvcc, f"-arch={options.architecture}", "-std=c++17", "-O3", "--resource-usage", f"-I{ROOT / 'src'}",
               f"-I{ROOT / 'include'}", "-cubin", "-o", "/dev/null", str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"resources.py: {source.name}: {(done.stderr.strip().splitlines() or ['nvcc failed'])[-1]}")
    return kernels_in(done.stderr + done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", default="sm_90")
    parser.add_argument("--nvcc", default="nvcc")
    options = parser.parse_args()
    print("| file | kernel | registers | shared bytes | stack bytes | spilled bytes, stores and loads |\n|---|---|---:|---:|---:|---:|")
    spilled = False
    for source in sorted((ROOT / "src/model/cuda").glob("*.cu")):
        kernels = compiled(source, options)
        for kernel, name in sorted(zip(kernels, readable([k.mangled for k in kernels])), key=lambda pair: pair[1]):
            print(f"| {source.name} | `{name}` | {kernel.registers} | {kernel.shared} | {kernel.stack} | {kernel.stored} and {kernel.loaded} |")
            spilled |= kernel.spills()
    return 1 if spilled else 0


if __name__ == "__main__":
    sys.exit(main())
