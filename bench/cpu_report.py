#!/usr/bin/env python3
"""What bench/cpu.sh does around each comparison: waits for an idle machine, measures the ceiling, runs it, and reports.

    cpu_report.py processor                                         name of the processor, for names of files
    cpu_report.py idle                                              ends with 1 if the machine does other work
    cpu_report.py begin REPORT --python P --bin FOLDER [...]        the head of a report
    cpu_report.py step REPORT NAME TITLE --limit S [...] -- COMMAND one comparison; ends with 1 if it failed or was not run

REPORT is a Markdown file. Each call appends to it, and a line of JSON to the file beside it whose name ends with .jsonl: first
{"machine": ...}, then {"step": ...} for each step, which bench/performance_table.py reads. COMMAND prints Markdown; the FILE after
its --figures is the JSON that it writes.

Environment: LOAD_LIMIT (0.5 cores), ANY_LOAD=1 (measure anyway, and mark what was measured), IDLE_WAIT (seconds to wait for the
load to fall, 60), IDLE_SECONDS (of one measurement of the load, 1), PROC (/proc).
Needs nothing but Python's standard library.
"""
import argparse
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time

import machine

LOAD_LIMIT = float(os.environ.get("LOAD_LIMIT", "0.5"))
IDLE_WAIT = float(os.environ.get("IDLE_WAIT", "60"))
IDLE_SECONDS = float(os.environ.get("IDLE_SECONDS", "1"))
ANY_LOAD = os.environ.get("ANY_LOAD", "0") == "1"
CEILING_LIMIT = 180
STEADY = 0.15
ABOUT_LOAD = f"""Load is the number of cores that do other work, from the busy time in /proc/stat: over a second before each step, and over the
step less the step's own processor time. The load average of a minute is not used, because it still counts the step before. Time that a
hypervisor gave to other machines counts as other work. Above {LOAD_LIMIT:g} a step counts as measured under load. Ceilings are those of
PyTorch on the same threads, measured before and after each step: square products, and a copy; the higher of the two counts. Where they
differ by more than {100 * STEADY:.0f} % without other work, the processor itself was not steady: its clock, or neighbours on the same host."""


def busy_seconds():
    """Of all cores since they started; idling and waiting for a disk do not count, steal does."""
    fields = [int(field) for field in (machine.PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def own_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Load:
    """Cores busy with other work since construction."""

    def __init__(self):
        self.start, self.busy, self.own = time.monotonic(), busy_seconds(), own_seconds()

    def seconds(self):
        return time.monotonic() - self.start

    def cores(self):
        other = busy_seconds() - self.busy - (own_seconds() - self.own)
        return round(max(0.0, other / max(self.seconds(), 1e-3)), 2)


def found_load():
    """After waiting for it to fall, unless any load will do."""
    end = time.monotonic() + IDLE_WAIT
    while True:
        load = Load()
        time.sleep(IDLE_SECONDS)
        cores = load.cores()
        if cores <= LOAD_LIMIT or ANY_LOAD or time.monotonic() > end:
            return cores


def is_refused(load):
    return load > LOAD_LIMIT and not ANY_LOAD


def refusal(load):
    return (f"other work keeps {load:.1f} cores busy, and {LOAD_LIMIT:g} are accepted; stop it, or give ANY_LOAD=1 to measure anyway "
            "and mark the figures")


def run_limited(command, limit, output, log):
    """The exit status, or None after the limit. The command's processes end with it, and with this one."""
    child = subprocess.Popen(command, stdout=output, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        return child.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(child.pid, number)
                child.wait(5)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass


def read_json(path):
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


class Report:
    def __init__(self, path):
        self.path, self.figures = pathlib.Path(path), pathlib.Path(path).with_suffix(".jsonl")

    def add(self, text, record):
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text.rstrip("\n") + "\n")
        with self.figures.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def begin(options):
    identity = machine.identity() | {"quick": options.quick, "threads": options.threads}
    rows = machine.facts(options.python, options.bin, options.script, options.threads)
    report = Report(options.report)
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    head = f"# {identity['label']}, {identity['date']}\n\n| | |\n|---|---|\n{table}\n\n{ABOUT_LOAD}"
    if options.quick:
        head += "\n\n**A trial with QUICK=1: sizes are too small for its figures to mean anything.**"
    report.add(("\n" if report.path.exists() else "") + head, {"machine": identity | {k: v for k, v in rows.items() if k != "processor"}})


def measure_ceiling(options, folder, log):
    if options.no_ceiling:
        return {}
    figures = folder / "ceiling.json"
    figures.unlink(missing_ok=True)
    command = [options.python, "bench/ceiling.py", "--threads", str(options.threads), "--figures", str(figures), *options.ceiling]
    run_limited(command, CEILING_LIMIT, subprocess.DEVNULL, log)
    return read_json(figures)


def higher_of(before, after):
    """Of each figure, and the names of those that differ much."""
    both = {name: (before[name], after[name]) for name in before if name in after}
    unsteady = [name for name, (a, b) in both.items() if abs(a - b) > STEADY * max(a, b)]
    return {name: max(values) for name, values in both.items()} or before or after, unsteady


def ceiling_text(record):
    ceiling = record["ceiling"]
    products = ", ".join(f"{name} {value:.0f}" for name, value in ceiling.items() if name not in ("threads", "copy"))
    if not products:
        return "No ceiling was measured."
    text = f"Ceiling, {ceiling['threads']} threads: {products} GFLOP/s, copy {ceiling['copy']:.1f} GB/s."
    if record["unsteady"]:
        changes = ", ".join(f"{name} {record['ceiling_before'][name]:.0f} and {record['ceiling_after'][name]:.0f}" for name in record["unsteady"])
        text += f" **Not steady:** before and after the step it was {changes}."
    return text


def fractions(figures, ceiling):
    """Contenders that report their GFLOP/s and the type of their products, compared with the ceiling of that type."""
    rows = [r for r in figures.get("rows", []) if r.get("gflops") and ceiling.get(r.get("type"))]
    if not rows:
        return ""
    lines = [f"| {r['name']} | {r['gflops']:.0f} | {r['type']} | {100 * r['gflops'] / ceiling[r['type']]:.0f} % |" for r in rows]
    return "\n| | GFLOP/s | type | of the ceiling |\n|---|---:|---|---:|\n" + "\n".join(lines) + "\n"


def not_run(options, load):
    Report(options.report).add(f"\n## {options.title}\n\n**Not run:** {refusal(load)}.",
                               {"step": options.name, "status": "not run", "load_before": load})
    print(f"cpu_report.py: {options.name} is not run: {refusal(load)}", file=sys.stderr)
    return 1


def outcome(status, limit):
    if status == 0:
        return "ok"
    return f"stopped at its limit of {limit} s" if status is None else f"ended with status {status}"


def run_step(options, folder):
    """The record of a step, and its text."""
    log_path, output_path = folder / "log", folder / "output"
    with log_path.open("wb") as log, output_path.open("wb") as output:
        before = measure_ceiling(options, folder, log)
        load = Load()
        try:
            status = run_limited(options.command, options.limit, output, log)
        except OSError as error:
            status = 127
            log.write(f"{error}\n".encode())
        during, seconds = load.cores(), load.seconds()
    with (folder / "ceiling_log").open("wb") as log:
        after = measure_ceiling(options, folder, log)
    ceiling, unsteady = higher_of(before, after)
    written = options.command[options.command.index("--figures") + 1] if "--figures" in options.command else ""
    figures = read_json(written) if written else {}
    record = {"step": options.name, "status": outcome(status, options.limit), "load_during": during, "seconds": round(seconds, 1),
              "ceiling": ceiling, "ceiling_before": before, "ceiling_after": after, "unsteady": unsteady, "figures": figures}
    said = output_path.read_text(encoding="utf-8", errors="replace").strip()
    tail = "\n".join(log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-12:])
    return record, said, tail


def step_text(options, record, said, tail):
    text = f"\n## {options.title}\n\n"
    if record["loaded"]:
        text += "**Measured under load.** "
    text += f"Load {record['load_before']:.2f} before, {record['load_during']:.2f} during the step; {record['seconds']:.0f} s."
    text += "\n" if options.no_ceiling else f" {ceiling_text(record)}\n"
    if said:
        text += f"\n{said}\n{fractions(record['figures'], record['ceiling'])}"
    if record["status"] != "ok":
        text += f"\n**Failed:** {record['status']}. Its last messages:\n\n```\n{tail or '(none)'}\n```\n"
    return text


def step(options):
    load = found_load()
    if is_refused(load):
        return not_run(options, load)
    if "--figures" in options.command:  # not those of an earlier run
        pathlib.Path(options.command[options.command.index("--figures") + 1]).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        record, said, tail = run_step(options, pathlib.Path(folder))
    record["load_before"] = load
    record["loaded"] = max(load, record["load_during"]) > LOAD_LIMIT
    Report(options.report).add(step_text(options, record, said, tail), record)
    if record["status"] == "ok":
        return 0
    print(f"cpu_report.py: {options.name} {record['status']}\n{tail}", file=sys.stderr)
    return 1


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="action", required=True)
    commands.add_parser("processor")
    commands.add_parser("idle")
    for name in ("begin", "step"):
        command = commands.add_parser(name)
        command.add_argument("report")
        command.add_argument("--python", default="python3")
        command.add_argument("--threads", type=int, default=2)
        if name == "begin":
            command.add_argument("--bin", type=pathlib.Path, required=True)
            command.add_argument("--script", type=pathlib.Path)
            command.add_argument("--quick", action="store_true")
            continue
        command.add_argument("name")
        command.add_argument("title")
        command.add_argument("--limit", type=int, required=True)
        command.add_argument("--no_ceiling", action="store_true")
        command.add_argument("--ceiling", default="", type=str.split, help="further flags of ceiling.py")
        command.add_argument("command", nargs="+", help="after --")
    return parser.parse_args()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a step's processes end too
    options = parse()
    if options.action == "processor":
        print(machine.Processor().file_name())
    elif options.action == "idle":
        load = found_load()
        if is_refused(load):
            sys.exit(f"bench/cpu.sh: {refusal(load)}")
    elif options.action == "begin":
        begin(options)
    else:
        sys.exit(step(options))


if __name__ == "__main__":
    main()
