#!/usr/bin/env python3
"""Checks the documentation: relative links and their anchors, quoted error messages, and the size of the first screen.

    check_docs.py [ROOT]     exit code 1, with a line for each fault

Every Markdown file in ROOT (default: this checkout) is read but those of test data and CHANGELOG.md's history of names. Anchors are those
that GitHub makes of headings. Links to other sites are not followed. Needs nothing but Python's standard library.
"""
import pathlib
import re
import sys
import urllib.parse

README_BYTES, README_TABLE_COLUMNS = 8192, 100
IGNORED = {"build", ".git", ".deps", ".cache", "demo-run", "goldens", "corpus"}
FENCE = re.compile(r"^( *)(```|~~~).*?^ *\2[ \t]*$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^()\s]+(?:\([^()\s]*\))?)\)")


def pages(root):
    return sorted(p for p in root.rglob("*.md") if not IGNORED & set(p.relative_to(root).parts[:-1]))


def prose(text):
    """Without code, whose brackets are no links."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))


def anchor(heading):
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def anchors(text):
    seen, found = {}, set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", FENCE.sub("", text), re.MULTILINE):
        name = anchor(heading)
        found.add(f"{name}-{seen[name]}" if name in seen else name)
        seen[name] = seen.get(name, 0) + 1
    return found | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


def link_faults(page, root):
    for link in LINK.findall(prose(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, fragment = urllib.parse.unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or root not in (target, *target.parents):
            yield f"{link}: no such file"
        elif fragment and target.suffix == ".md" and fragment not in anchors(target.read_text(encoding="utf-8")):
            yield f"{link}: no heading makes this anchor"


def source_messages(root):
    """All string literals of the sources, neighbours joined, with one placeholder."""
    texts = []
    for source in sorted(file for below in ("src/**/*.cpp", "apps/**/*.cpp", "apps/wheel/*.py") for file in root.glob(below)):
        joined = re.sub(r'"\s*\n\s*"', "", source.read_text(encoding="utf-8"))
        texts += re.findall(r'"((?:[^"\\\n]|\\.)*)"', joined)
    return "\n".join(texts).replace('\\"', '"')


def message_faults(root):
    """Each part of a message that docs/troubleshooting.md quotes is in the sources; flags are settings there."""
    page, messages = root / "docs/troubleshooting.md", source_messages(root)
    for row in re.findall(r"^\| (.+?) \| ", page.read_text(encoding="utf-8"), re.MULTILINE):
        if "(the system's loader)" in row:
            continue
        for quoted in re.findall(r"`([^`]+)`", row):
            for part in re.split(r"\.\.\.|--\w+:", quoted):
                part = part.strip(" '\":,;.")
                if len(part) > 3 and not said(part, messages):
                    yield f"no message says '{part}'"


def said(part, messages):
    """Whether a message holds `part`, whose values may be placeholders there."""
    pattern = re.escape(part).replace(r"\ ", " ")
    pattern = re.sub(r"'[^']*'|\"[^\"]*\"|\b\d+\b", lambda m: f"(?:{m[0]}|.{{0,3}}\\{{[^}}]*\\}}.?)", pattern)
    pattern = re.sub(r"\\-\\-(\w+)", r"(?:\\-\\-\1|`\1`|--\\{\\})", pattern)
    return re.search(pattern, messages) is not None


def readme_faults(root):
    text = (root / "README.md").read_text(encoding="utf-8")
    if len(text.encode()) > README_BYTES:
        yield f"{len(text.encode())} bytes, at most {README_BYTES}: move something to docs/"
    for line in text.splitlines():
        if line.startswith("|") and len(line) > README_TABLE_COLUMNS:
            yield f"a table's line of {len(line)} columns, at most {README_TABLE_COLUMNS}: {line[:40]}..."


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1]).resolve()
    faults = [f"{page.relative_to(root)}: {fault}" for page in pages(root) for fault in link_faults(page, root)]
    faults += [f"README.md: {fault}" for fault in readme_faults(root)]
    faults += [f"docs/troubleshooting.md: {fault}" for fault in message_faults(root)]
    print("\n".join(faults), file=sys.stderr, end="\n" if faults else "")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
