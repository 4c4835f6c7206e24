"""Writes tests/goldens/text/regex_cases.json: patterns in Oniguruma's syntax and how `tokenizers` splits texts by them.

"pieces" is None where `tokenizers` refuses the pattern. The test compares pieces, or accepts a refusal by name; the patterns of EXACT
must not be refused. Give a count to write that many generated patterns to another file.
"""

import json
import random
import sys

from make_tokenizer_goldens import OUT
from tokenizers import NormalizedString, Regex, normalizers, pre_tokenizers

EXACT = [
    r"[\w&&[^a]]", r"[a-z&&[^aeiou]]+", r"[^a-z&&[^aeiou]]+", r"[a[bc]d]+", r"[a[^bc]]+", r"\h+", r"\H+", r"(?m:.+)", r".+", r"^a", r"a$", r"^", r"$",
    r"a{,2}", r"a{2}", r"a{1,}", r"a{", r"a{x}", r"x{,}", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)", r"\w+", r"\W+", r"\b", r"\B", r"\bx?", r"[^\S]+", r"[^\S\n]+",
    r"[\S&&[^.]]+", r"[\W\d]+", r"[\D]", r"\D+", r"\S+", r"[\H]", r"\p{Lu}+", r"\p{Ll}+", r"\p{Lo}+", r"\p{Lm}+", r"\p{Lt}+", r"\p{S}+", r"\p{P}+",
    r"\P{L}+", r"\p{^N}+", r"[^\P{L}]+", r"[\P{L}]+", r"\p{Han}+", r"\p{Hiragana}+", r"\p{Katakana}+", r"\p{Hangul}+", r"\p{Latin}+", r"\p{Cyrillic}+",
    r"\p{Z}+", r"\p{Zs}", r"\p{M}+", r"\p{Nd}", "[\u4e00-\u9fa5]+", r"[\u4e00-\u9fa5]+", r"\u0061", r"\x{e9}", r"\x41", r"[[:space:]]+", r"[[:digit:]x]+",
    r"[[:^digit:]]+", r"[[:word:]]+", r"[[:xdigit:]]+", r"[[:ascii:]]+", r"\v", r"\R", r"\N+", r"\O", r"a++b", r"a*?b", r"(a|b)+", r"(?>a+)b", r"(?<!a)b",
    r"(?<=a|b)c", r"\A.", r".\z", r"\s+(?!\S)|\s+", r"[\-a]+", r"[a\-z]+", r"[a-]", r"[-a]", r"\/", r"[\_.]+", r"\é", r"(?i)graBe|x", r"[[:alpha:]]+", r"[[:alnum:]]+", r"[[:^alpha:]]+", r"[\b]", r"(?i:k)",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
]
OTHER = [r"\pL", r"\Qa.\E", r"(?i:ss)", r"(?i:st)", r"(?i:ß)", r"[[:punct:]]", r"[[:upper:]]", r"[\w-x]", r"[a-\d]", r"a{2}+b", r"a{2}?", r"a(?i)b|c", r"\X",
         r"\K", r"(?s:.)", r"(?x: a b)", r"(?P<n>a)", r"(?#c)a", r"(a)\1", r"\G", r"[]a]", r"a{3,1}", r"\C-a", r"\y", r"(?W:\w)", r"\p{letter}", r"(?~a)", r"[a",
         r"a)", r"(a", r"\xe4\xb8\xad", r"*a", r"\p{Lu", r"(?i:\p{Lu})", r"[b-a]", r"(?<n>a)", r"\k<a>", r"a&&b", r"[a||b]", r"[a--b]"]
ATOMS = ["a", "b", "1", " ", ".", r"\w", r"\W", r"\s", r"\S", r"\d", r"\D", r"\h", r"\H", r"\b", r"\B", "^", "$", r"\p{L}", r"\P{L}", r"\p{Lu}", r"\p{N}", r"\p{P}",
         r"\p{S}", r"\n", r"\.", r"\R", "é", "中", r"\u4e2d", "[ab]", "[^ab]", r"[\w&&[^a]]", r"[^\S\n]", "[a-z]", r"[^\w\s]", "[[:digit:]]", "[a[^b]]", r"[\p{Lu}\d]",
         "{", "}", "]", "'", "s", "S"]
PIECES = ["a", "b", "aa", "ab", "A", "B", "1", "12", " ", "\n", "\r\n", "\t", ".", "!", "'s", "'S", "é", "É", "e\u0301", "ß", "ss", "ſ", "中", "文字", "あ", "ア", "한", "я", "Я", "ǅ",
          "ʰ", "$", "+", "€", "_", "-", "\u180e", "\u0085", "\u2028", "\u200d", "{", "}", "]", "f", "F", "x", "\x0b", "\u0b3c", "\u0661", "Ⅷ", "²", "\U0001f600", "\u1c89",
          "\u1c8a", "\U00010d50", "\U0002ebf0", "\U0001cc00", "\u1b4e", "\U0001e5ff", "\ua7cb", "K", "\u00ad"]


def text(rng):
    return "".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 14)))


def pattern(rng, depth=0):
    parts = []
    for _ in range(rng.randrange(1, 4)):
        kind = rng.random()
        if kind < 0.7 or depth > 1:
            part = rng.choice(ATOMS)
        else:
            part = rng.choice(["(?:%s)", "(%s)", "(?i:%s)", "(?m:%s)", "(?=%s)", "(?!%s)", "(?>%s)"]) % pattern(rng, depth + 1)
        if rng.random() < 0.35:
            part += rng.choice(["*", "+", "?", "{2}", "{,2}", "{1,2}", "+?", "*?", "?+"])
        parts.append(part)
    return "".join(parts) + ("|" + pattern(rng, depth + 1) if rng.random() < 0.15 and depth < 2 else "")


def case(source, texts):
    try:
        regex = Regex(source)
    except Exception:
        return {"pattern": source, "pieces": None}
    split = pre_tokenizers.Split(regex, "isolated")
    replace = normalizers.Replace(regex, "\u241f")
    pieces, replaced = [], []
    for sample in texts:
        pieces.append([piece for piece, _ in split.pre_tokenize_str(sample)])
        normalized = NormalizedString(sample)
        replace.normalize(normalized)
        replaced.append(normalized.normalized)
    return {"pattern": source, "texts": texts, "pieces": pieces, "replaced": replaced}


def main():
    rng = random.Random(11)
    fixed = ["", "abcABC 123\nx", "aé中 ß\r\n\n", "don't DON'T 'ſ s", "a$b.c-d_e {x} ]", "\u180e\u0085\u2028 \x0b", "аЯ ǅ ʰ Ⅷ²\u0661"]
    golden = [{**case(p, fixed + [text(rng) for _ in range(6)]), "exact": True} for p in EXACT]
    golden += [case(p, fixed) for p in OTHER]
    count = int(sys.argv[1]) if len(sys.argv) > 2 else 150
    golden += [case(pattern(rng), [text(rng) for _ in range(4)]) for _ in range(count)]
    target = sys.argv[2] if len(sys.argv) > 2 else OUT / "regex_cases.json"
    with open(target, "w", encoding="utf-8") as file:
        json.dump(golden, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")
    print(len(golden), "patterns,", sum(g["pieces"] is None for g in golden), "refused by tokenizers")


if __name__ == "__main__":
    main()
