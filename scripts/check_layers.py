#!/usr/bin/env python3
"""Checks that the includes of src/, apps/, tools/ and include/ keep to the layers that CONTRIBUTING.md declares.

Usage: check_layers.py [ROOT]   (default: the checkout that holds this script)

CONTRIBUTING.md holds the only table, in its block ```layers. Each line names a module (a folder below src/, or `apps`
and `tools`) and the modules whose headers it may include. A module may always include its own headers and those of
`core`. A module may name only modules that stand below it, so the table has no circle. A line that begins with `<` names
prefixes of system headers, and the modules that alone may include them.

Reported, each as `file:line: rule`: an include that the table does not allow, a relative include, a header of the tests,
a public header (include/armorm/) that includes anything but the standard library and armorm/, a folder that the table
does not name, and a module or permission of the table that no file has or uses. Exits 1 where anything was reported.
"""

import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
SUFFIXES = {".h", ".cpp", ".cu", ".cuh", ".in", ".inc"}
PUBLIC = "armorm"  # the module of include/armorm
EVERYWHERE = "core"
STANDARD_HEADER = re.compile(r"[a-z_0-9]+")


class Table:
    """The block ```layers: `allowed` module -> modules, `system` prefix -> modules; `lines` names each one's line."""

    def __init__(self, path):
        self.path, self.allowed, self.system, self.lines = path, {}, {}, {}
        inside = False
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.startswith("```"):
                inside = line == "```layers"
            elif inside and line.split("#")[0].strip():
                self.add(number, line.split("#")[0].split())
        if not self.allowed:
            sys.exit(f"{path}: no block ```layers with the table of modules")

    def add(self, number, words):
        prefixes = [word for word in words if word.startswith("<")]
        if prefixes:
            self.system[tuple(prefix[1:] for prefix in prefixes)] = words[len(prefixes):]
            self.lines[prefixes[0]] = number
        else:
            self.allowed[words[0]] = words[1:]
            self.lines[words[0]] = number

    def faults(self):
        """Names that are no module's, and modules that name one above them."""
        place = {module: i for i, module in enumerate(self.allowed)}
        for module, below in self.allowed.items():
            for other in below:
                where = f"{self.path.name}:{self.lines[module]}"
                if other not in place:
                    yield f"{where}: '{module}' may include '{other}', which has no line of its own"
                elif place[other] <= place[module]:
                    yield f"{where}: '{module}' may include '{other}', which stands above it; layers go down only"


class Checker:
    def __init__(self, root):
        self.root = root
        self.table = Table(root / "CONTRIBUTING.md")
        self.found = list(self.table.faults())
        self.used = set()  # (module or prefix, module)
        self.seen = set()  # modules that have files

    def report(self, path, number, rule):
        self.found.append(f"{path.relative_to(self.root)}:{number}: {rule}")

    def module_of(self, path):
        """The folder below src/, `apps`, `tools`, or `armorm` for public headers."""
        top, *rest = path.relative_to(self.root).parts[:-1]
        return {"src": "/".join(rest), "include": PUBLIC}.get(top, top)

    def check(self, path):
        module = self.module_of(path)
        if module not in self.table.allowed:
            self.report(path, 1, f"'{module}' is no module of the table in {self.table.path.name}")
            return
        self.seen.add(module)
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if match and match[1] == "<":
                self.check_system(path, number, module, match[2])
            elif match:
                self.check_own(path, number, module, match[2])

    def check_own(self, path, number, module, name):
        if any(part in (".", "..") for part in name.split("/")):
            self.report(path, number, f"relative include '{name}'; name it from src/, as \"folder/file.h\"")
        elif name.startswith(PUBLIC + "/"):
            self.check_module(path, number, module, PUBLIC, name)
        elif module == PUBLIC:
            self.report(path, number, f"a public header includes '{name}'; only the standard library and armorm/ may be")
        elif (self.root / "src" / name).is_file() and "/" in name:
            self.check_module(path, number, module, name.rpartition("/")[0], name)
        elif module in ("apps", "tools") and (path.parent / name).is_file():
            pass  # its own header, beside it
        elif (self.root / "tests" / name).is_file():
            self.report(path, number, f"'{name}' is a header of the tests")
        else:
            self.report(path, number, f"'{name}' does not exist below src/")

    def check_module(self, path, number, module, target, name):
        if target in (module, EVERYWHERE):
            return
        if target in self.table.allowed.get(module, []):
            self.used.add((module, target))
        else:
            allowed = " ".join([EVERYWHERE, *self.table.allowed[module]])
            self.report(path, number, f"'{module}' may not include '{name}'; it may include {allowed}")

    def check_system(self, path, number, module, name):
        if module == PUBLIC and not STANDARD_HEADER.fullmatch(name):
            self.report(path, number, f"a public header includes <{name}>; only the standard library and armorm/ may be")
        for prefixes, modules in self.table.system.items():
            if not name.startswith(prefixes):
                continue
            if module in modules:
                self.used.add((prefixes, module))
            else:
                self.report(path, number, f"'{module}' may not include <{name}>; only {' '.join(modules)} may")

    def check_permissions(self):
        for module, below in self.table.allowed.items():
            if module not in self.seen:
                self.unused(module, f"there is no module '{module}'")
                continue
            for other in below:
                if (module, other) not in self.used:
                    self.unused(module, f"'{module}' may include '{other}', but no file does")
        for prefixes, modules in self.table.system.items():
            for module in modules:
                if (prefixes, module) not in self.used and module in self.seen:
                    self.unused("<" + prefixes[0], f"'{module}' may include <{prefixes[0]}...>, but no file does")

    def unused(self, key, rule):
        self.found.append(f"{self.table.path.name}:{self.table.lines[key]}: {rule}; take it out of the table")

    def run(self):
        for top in ("src", "apps", "tools", "include"):
            for path in sorted((self.root / top).rglob("*")):
                if path.suffix in SUFFIXES and path.is_file():
                    self.check(path)
        self.check_permissions()
        return self.found


def main(arguments):
    if len(arguments) > 1 or any(a.startswith("-") for a in arguments):
        sys.exit(__doc__)
    root = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).resolve().parent.parent
    found = Checker(root.resolve()).run()
    print("\n".join(found) if found else "the includes keep to the layers")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
