#!/usr/bin/env python3
"""Writes docs/options/PROGRAM.md for each program, from the man page that the program prints of its own declarations.

    option_pages.py BIN [--check]     BIN: the folder of the programs. --check: change nothing; exit code 1 if a page differs

Needs nothing but Python's standard library.
"""
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs/options"
ESCAPES = (("\\fB", ""), ("\\fI", ""), ("\\fR", ""), ("\\-", "-"), ("\\(aq", "'"), ("\\(ga", "`"), ("\\(ha", "^"), ("\\(ti", "~"),
           ("\\(dq", '"'), ("\\:", ""), ("\\&", ""), ("\\e", "\\"))


def programs():
    return re.search(r"set\(ARMORM_PROGRAMS ([^)]+)\)", (ROOT / "apps/CMakeLists.txt").read_text(encoding="utf-8"))[1].split()


def plain(text):
    for escape, character in ESCAPES:
        text = text.replace(escape, character)
    return text


def man_page(folder, program):
    # Defaults hold the home folder; a page must not name the builder's.
    environment = {k: v for k, v in os.environ.items() if k != "ARMORM_DATA"} | {"HOME": "~"}
    return subprocess.run([folder / program, "--man_page"], env=environment, check=True, capture_output=True, text=True).stdout


def section(page, name):
    found = re.search(rf"^\.SH {name}\n(.*?)(?=^\.SH |\Z)", page, re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


def cell(text):
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def option_row(entry):
    head, *rest = [plain(line) for line in entry.strip().splitlines()]
    default = rest.pop()[len("Default: "):-1] if rest[-1].startswith("Default: ") else ""
    name, _, value = head.partition(" ")
    if len(default) > 60:
        default = default.replace(",", ", ")
    shown = f"`{default}`" if default else ""
    return f"| `{name}` | {cell(value)} | {shown} | {cell(' '.join(rest)[:-1])} |"


def examples(page):
    parts = re.findall(r"\.PP\n(.*?)\n\.PP\n\.RS 4\n\.nf\n(.*?)\n\.fi", section(page, "EXAMPLES"), re.DOTALL)
    return "\n\n".join(f"{plain(what)}\n\n```sh\n{plain(command)}\n```" for what, command in parts)


def page_of(folder, program):
    page = man_page(folder, program)
    rows = [option_row(entry) for entry in section(page, "OPTIONS").split(".TP\n")[1:] if "--help" not in plain(entry)]
    return f"""# {program}

<!-- Made from the program's declarations: scripts/option_pages.py build/release/bin -->

{plain(section(page, "DESCRIPTION").splitlines()[0])}

| option | value | default | meaning |
| --- | --- | --- | --- |
{chr(10).join(rows)}

A file for `--config` is JSON, comments allowed, with an object `common` and one for each program; each key is the name of an option.

## Examples

{examples(page)}
"""


def main():
    folder, check = pathlib.Path(sys.argv[1]).resolve(), "--check" in sys.argv[2:]
    stale = []
    for program in programs():
        path, text = PAGES / f"{program}.md", page_of(folder, program)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.name)
        if not check:
            PAGES.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale and check:
        sys.exit(f"docs/options/: {', '.join(stale)}: not what the programs declare; run scripts/option_pages.py BIN")


if __name__ == "__main__":
    main()
