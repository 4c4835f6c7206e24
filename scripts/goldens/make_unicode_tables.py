"""Writes src/text/jinja/python_unicode_tables.inc: case maps and character classes of Python's str."""

import pathlib
import sys
import unicodedata

assert unicodedata.unidata_version.split(".")[0] in ("14", "15", "16"), unicodedata.unidata_version
ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def ranges(predicate):
    found = []
    for c in CODE_POINTS:
        if predicate(chr(c)):
            if found and found[-1][1] == c - 1:
                found[-1][1] = c
            else:
                found.append([c, c])
    return found


def case_ranges(function):
    """(begin, end, step, delta) rows for one-to-one maps; (code point, a, b, c) rows for longer ones."""
    simple, special = [], []
    for c in CODE_POINTS:
        mapped = [ord(x) for x in function(chr(c))]
        if len(mapped) > 1:
            special.append((c, *(mapped + [0, 0])[:3]))
        elif mapped != [c]:
            delta = mapped[0] - c
            last = simple[-1] if simple else None
            if last and last[3] == delta and c - last[1] == (last[2] or c - last[1]) and c - last[1] <= 2:
                last[2] = c - last[1]
                last[1] = c
            else:
                simple.append([c, c, 0, delta])
    return [(b, e, s or 1, d) for b, e, s, d in simple], special


def ignorable(c):
    """Case_Ignorable, seen through the final-sigma rule of str.lower."""
    return ("A" + c + "\u03a3").lower().endswith("\u03c2") and not (c + "\u03a3").lower().endswith("\u03c2")


def emit(out, kind, name, rows):
    out.append(f"constexpr {kind} {name}[] = {{")
    line = " "
    for row in rows:
        text = " {" + ",".join(hex(v) if v > 9 else str(v) for v in row) + "},"
        if len(line) + len(text) > 108:
            out.append(line)
            line = " "
        line += text
    out.append(line)
    out.append("};")


def main():
    out = [f"// Made by scripts/goldens/make_unicode_tables.py, Unicode {unicodedata.unidata_version}.", "// clang-format off"]
    for name, function in (("kUpper", str.upper), ("kLower", str.lower), ("kTitle", str.title)):
        simple, special = case_ranges(function)
        emit(out, "CaseRange", name, simple)
        emit(out, "CaseSpecial", name + "Special", special)
    for name, predicate in (
        ("kIsAlpha", str.isalpha), ("kIsDecimal", str.isdecimal), ("kIsDigit", str.isdigit),
        ("kIsNumeric", str.isnumeric), ("kIsUpper", str.isupper), ("kIsLower", str.islower),
        ("kIsTitle", lambda c: unicodedata.category(c) == "Lt"), ("kIsPrintable", str.isprintable),
        ("kIsIgnorable", ignorable)):
        emit(out, "CodeRange", name, ranges(predicate))
    (ROOT / "src/text/jinja/python_unicode_tables.inc").write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    sys.exit(main())
