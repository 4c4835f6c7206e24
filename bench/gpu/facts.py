#!/usr/bin/env python3
"""What the programs of bench/gpu.sh run on, as rows of a table in Markdown, and whether they can start there.

    facts.py FOLDER    FOLDER: the programs that `bench/gpu.sh build` collected

Exit code 1, with the reason, if the machine's LibTorch is not the version that the programs were built with, if a library is missing,
or if there is no GPU.
"""
import importlib.metadata
import pathlib
import platform
import subprocess
import sys

PACKAGES = ("torch", "transformers", "safetensors", "numpy")
QUERY = "name,driver_version,memory.total,clocks.max.sm,power.limit"


def output_of(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def version_of(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def built(folder):
    """What `bench/gpu.sh build` noted: name -> value."""
    try:
        lines = (folder / "built").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return dict(line.split(" ", 1) for line in lines if " " in line)


def gpu():
    """(name, other facts), or None where PyTorch sees no GPU."""
    import torch
    if not torch.cuda.is_available():
        return None
    properties = torch.cuda.get_device_properties(0)
    return properties.name, (f"compute capability {properties.major}.{properties.minor}, {properties.multi_processor_count} multiprocessors, "
                             f"{properties.total_memory / 2**30:.0f} GiB; CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}")


def missing_libraries(folder):
    lines = {line.strip() for program in sorted((folder / "bin").iterdir()) for line in output_of(["ldd", str(program)]).splitlines()}
    return sorted(line.split(" ")[0] for line in lines if "not found" in line)


def main():
    folder = pathlib.Path(sys.argv[1])
    known, problems = built(folder), []
    found = gpu()
    if found:
        print(f"| GPU | {found[0]} |\n| device | {found[1]} |")
    else:
        problems.append("PyTorch sees no GPU")
    print(f"| nvidia-smi ({QUERY}) | {'; '.join(output_of(['nvidia-smi', f'--query-gpu={QUERY}', '--format=csv,noheader']).splitlines()) or 'nothing'} |")
    versions = [f"{name} {version}" for name in PACKAGES if (version := version_of(name))]
    print(f"| Python | {platform.python_version()}, {', '.join(versions)} |")
    print(f"| system | {platform.system()} {platform.release()}, {' '.join(platform.libc_ver())} |")
    print(f"| programs | commit {known.get('commit', 'unknown')}, built with LibTorch {known.get('libtorch', 'unknown')} |")
    here = (version_of("torch") or "none").split("+")[0]
    if known.get("libtorch", here) != here:
        problems.append(f"the programs were built with LibTorch {known['libtorch']}, and this Python has {here}: name another one with "
                        "PYTHON, or build with this one")
    if missing := missing_libraries(folder):
        problems.append(f"these libraries are missing: {', '.join(missing)}; put them into lib/ of {folder}")
    for problem in problems:
        print(f"facts.py: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
