"""The processor and machine of a report. Nothing but Python's standard library; PROC stands for /proc in tests."""
import datetime
import hashlib
import os
import pathlib
import platform
import re
import subprocess

PROC = pathlib.Path(os.environ.get("PROC", "/proc"))
# Instructions for products, as /proc/cpuinfo names them.
PRODUCT_FLAGS = ("amx_tile", "amx_bf16", "amx_int8", "amx_fp16", "avx512_bf16", "avx512_fp16", "avx512_vnni", "avx_vnni", "avx512f",
                 "avx2", "fma")
# The first that is exposed is in the processor's name: file name, flag, words.
CLASSES = (("amx", "amx_tile", "AMX"), ("avx512_bf16", "avx512_bf16", "AVX-512 BF16 without AMX"),
           ("avx512_vnni", "avx512_vnni", "AVX-512 VNNI"), ("avx512", "avx512f", "AVX-512"), ("avx2", "avx2", "AVX2"))
INTEL_MODELS = {(6, 85): "Skylake or Cascade Lake", (6, 106): "Ice Lake", (6, 143): "Sapphire Rapids", (6, 173): "Granite Rapids",
                (6, 207): "Emerald Rapids"}
AMD_FAMILIES = {26: "Zen 5"}
PACKAGES = ("torch", "transformers", "tokenizers", "scikit-learn", "scipy", "numpy", "safetensors")


def output_of(command, **kwargs):
    """Standard output, or nothing if the command cannot be run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, **kwargs).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


class Processor:
    """The first processor of /proc/cpuinfo; all are taken to be alike."""

    def __init__(self):
        first = (PROC / "cpuinfo").read_text(encoding="utf-8").split("\n\n", 1)[0]
        info = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}
        self.model_name = info.get("model name", platform.machine())
        self.family, self.model = int(info.get("cpu family", 0)), int(info.get("model", 0))
        self.stepping, self.flags = info.get("stepping", "?"), info.get("flags", "").split()
        self.is_amd = info.get("vendor_id") == "AuthenticAMD"
        self.generation = AMD_FAMILIES.get(self.family) if self.is_amd else INTEL_MODELS.get((self.family, self.model))
        self.instructions = next((c for c in CLASSES if c[1] in self.flags), ("scalar", "", "no AVX2"))

    def short_model_name(self):
        """Without trade marks, clock, number of cores, and words that all names have."""
        name = re.sub(r"\((?:R|TM)\)|@.*|\b\d+-Core\b|\b(?:CPU|Processor)\b", " ", self.model_name, flags=re.IGNORECASE)
        return re.sub(r"\s+", " ", name).strip()

    def file_name(self):
        """Such as xeon-6-207-amx: on virtual machines the model's name says little."""
        number = self.generation.replace(" ", "") if self.is_amd and self.generation else f"{self.family}-{self.model}"
        name = re.sub(r"\b(?:Intel|AMD)\b", " ", self.short_model_name())
        return re.sub(r"[^a-z0-9_]+", "-", f"{name} {number} {self.instructions[0]}".lower()).strip("-")

    def label(self):
        """For the head of a table."""
        return f"{self.short_model_name()} ({self.generation or f'family {self.family}, model {self.model}'}), {self.instructions[2]}"

    def description(self):
        return (f"{self.model_name}, family {self.family}, model {self.model}"
                + (f" ({self.generation})" if self.generation else "") + f", stepping {self.stepping}"
                + (", in a virtual machine" if "hypervisor" in self.flags else ""))


def caches():
    found = []
    for index in sorted(pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        found.append(f"L{level}{'' if kind == 'Unified' else kind[0].lower()} {size}")
    return ", ".join(found) or "unknown"


def memory():
    total = re.search(r"MemTotal:\s+(\d+)", (PROC / "meminfo").read_text())
    return f"{int(total.group(1)) / 2**20:.1f} GiB" if total else "unknown"


def commit():
    changed = output_of(["git", "status", "--porcelain", "--untracked-files=no"])
    return (output_of(["git", "rev-parse", "--short", "HEAD"]) or "unknown") + (", with changes" if changed else "")


def python_versions(python):
    code = ("import importlib.metadata as m, platform\nprint('Python', platform.python_version())\n"
            f"for name in {PACKAGES!r}:\n  try: print(name, m.version(name))\n  except m.PackageNotFoundError: pass")
    return ", ".join(output_of([python, "-c", code]).splitlines()) or "unknown"


def script_version(script):
    digest = hashlib.sha256(script.read_bytes()).hexdigest()[:12]
    known = output_of(["git", "-C", str(script.parent), "log", "-1", "--format=%h", "--", script.name])
    return f"{script.name} of RLHFlow/RLHF-Reward-Modeling, {f'commit {known}, ' if known else ''}SHA-256 {digest}..."


def facts(python, programs, script, threads):
    """For the head of a report, in order; the names are the table's."""
    processor = Processor()
    exposed = [f for f in PRODUCT_FLAGS if f in processor.flags]
    missing = [f for f in PRODUCT_FLAGS if f not in processor.flags]
    rows = {"processor": processor.description(),
            "instructions for products": f"exposed: {', '.join(exposed) or 'none'}; not exposed: {', '.join(missing) or 'none'}",
            "cores": f"{os.cpu_count()}; {threads} threads are used", "caches of a core": caches(), "memory": memory(),
            "kernel": f"{platform.system()} {platform.release()}", "commit": commit(),
            "programs": "; ".join(" ".join(line.split()) for line in output_of([str(programs / "stage2-train"), "--version"]).splitlines()) or "unknown",
            "compared with": python_versions(python)}
    if script:
        rows["published script"] = script_version(script)
    rows["flags"] = " ".join(processor.flags)
    return rows


def identity():
    """What bench/performance_table.py groups by and prints."""
    processor = Processor()
    return {"processor": processor.file_name(), "label": processor.label(), "date": datetime.date.today().isoformat()}
