"""Writes tests/goldens/text/template: the output of jinja2 as configured by transformers.

conversations.json  the generated conversations, and for every *.jinja next to it the text (or the template's refusal).
snippets.json       one statement or expression per row, with its text, or null where jinja2 raises an error.
"""
import datetime as real_datetime
import json
import os
import pathlib
import random
import time

import jinja2
import transformers
from transformers.utils import chat_template_utils

assert transformers.__version__ == "5.23.0", transformers.__version__
assert jinja2.__version__ == "3.1.6", jinja2.__version__
OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/text/template"
NOW = 1721995200  # 2024-07-26 12:00:00 UTC
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
os.environ["TZ"] = "UTC"
time.tzset()


class PinnedClock(real_datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(NOW, tz)


chat_template_utils.datetime = PinnedClock


def render(template, messages, add_generation_prompt):
    texts, _ = chat_template_utils.render_jinja_template(
        [messages], chat_template=template, add_generation_prompt=add_generation_prompt, **TOKENS)
    return texts[0]


CONTENTS = [
    "Hello", "", " ", "  leading and trailing \t\n", "\n\nlines\n\n", "caf\u00e9 \u4f60\u597d \U0001f600 e\u0301",
    "\u00a0no-break\u3000wide\u2003", 'quotes "double" and \'single\'', "{{ braces }} {% if %} {# x #}", "back\\slash \\n",
    "<|eot_id|><|start_header_id|>system<|end_header_id|>", "<s>[INST] a [/INST]</s>", "<end_of_turn>\n<start_of_turn>user",
    "<|im_end|>\n<|im_start|>system", "tab\tand\rreturn\r\nend", "\x1f\x00\x7f control", "x" * 200, "&amp; <b>html</b>",
]


def conversations():
    rng = random.Random(11)
    rows = []
    for content in CONTENTS:
        rows.append([{"role": "user", "content": content}])
        rows.append([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": content}])
    for turns in (1, 2, 3, 4, 6):
        for system in (False, True):
            for _ in range(3):
                row = [{"role": "system", "content": rng.choice(CONTENTS)}] if system else []
                row += [{"role": ("user", "assistant")[i % 2], "content": rng.choice(CONTENTS)} for i in range(turns)]
                rows.append(row)
    for roles in (["assistant"], ["user", "user"], ["user", "system"], ["system"], ["system", "assistant"], ["tool"],
                  ["user", "tool", "tool", "assistant"], ["User"], [""], ["user", "<|eot_id|>"], ["ipython"]):
        rows.append([{"role": role, "content": rng.choice(CONTENTS)} for role in roles])
    rows.append([])
    return rows


def conversation_goldens():
    rows = []
    for messages in conversations():
        for prompt in (False, True):
            rendered = {}
            for path in sorted(OUT.glob("*.jinja")):
                try:
                    rendered[path.stem] = {"text": render(path.read_text(encoding="utf-8"), messages, prompt)}
                except jinja2.exceptions.UndefinedError:
                    rendered[path.stem] = {"error": None}
                except jinja2.exceptions.TemplateError as error:
                    rendered[path.stem] = {"error": str(error)}
            rows.append({"messages": messages, "add_generation_prompt": prompt, "rendered": rendered})
    return {"now": NOW, "special_tokens": TOKENS, "rows": rows}


MESSAGES = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": " Hi \u00e9t\u00e9 <b>\"x\" 'y'\n"},
            {"role": "assistant", "content": "ok"}]
SETUP = ("{%- set s = ' Hello, World-wide \u00c9t\u00e9 (it\\'s) ' -%}{%- set n = [3, 1, 2, 10] -%}"
         "{%- set d = {'b': 1, 'a': [1, 'x', none, true, 2.5], 'C': 'q\"u\\n\u00e9'} -%}{%- set e = [] -%}"
         "{%- set w = ['b', 'A', 'c', 'a', 'B'] -%}"
         "{%- set p = [{'n': 'x', 'v': 2}, {'n': 'y', 'v': 1}, {'n': 'X', 'v': 3}, {'n': 'z'}] -%}")

EXPRESSIONS = r"""
1 + 2 * 3 - 4 / 2 | 7 // 2 | -7 // 2 | 7 % 3 | -7 % 3 | 7 % -3 | 2 ** 10 | 2 ** -1 | -2 ** 2 | 2 ** 3 ** 2 | 1 / 3 | 1e3 | 1.5e-7 | 1e16 | 1e15 | 123456789012345678.0
0.1 + 0.2 | 1_000 | 0x1f | 0b101 | 0o17 | 1 / 0 | 1 % 0 | 1 // 0.0 | 7.5 // 2 | -7.5 % 2 | true + 1 | true | none | None | False | 5.0 | -0.0 | 1e400
'a' + 'b' | 'a' ~ 1 ~ none ~ 2.0 ~ [1] | 'a' + 1 | 1 + 'a' | 'ab' * 3 | 3 * 'ab' | 'ab' * -1 | [1] * 2 | [1] + [2] | [1] + (2,) | (1,) + (2,) | 'a' 'b' "c"
1 < 2 < 3 | 1 < 2 > 3 | 'a' < 'b' | [1, 2] < [1, 3] | 1 == 1.0 | 1 == true | '1' == 1 | none == none | undefined_x == undefined_y | 1 < 'a' | [] == () | {'a': 1} == {'a': 1.0}
'a' in 'abc' | 'd' not in 'abc' | 1 in [1, 2] | 'a' in d | 'z' in d | 1 in 'abc' | 1 in 5 | '' in 'a' | 'x' in undefined_x | not 1 in [1] | [1] in d | none in [none]
1 and 2 | 0 and 2 | 0 or 'x' | '' or none | not 0 | not not 'a' | 1 if true else 2 | 1 if false | (1 if false) is undefined | 'a' if s else 'b' | 1 if 0 else 2 if 0 else 3
s | s[0] | s[1] | s[-1] | s[100] | s[1:4] | s[:-1] | s[::-1] | s[::2] | s[5:1:-1] | s[1:100] | s[::0] | n[0] | n[-1] | n[9] | n[1:] | n[::-1] | n[-2:] | n[5:] | 'été'[1] | 'été'[::-1] | 'été'[:2]
d.b | d['b'] | d.a[1] | d['zz'] | d.zz | d.zz.y | d['zz']['y'] | d.items | d.items() | d.keys() | d.values() | d.get('b') | d.get('zz') | d.get('zz', 7) | d.keys()[0] | d.items()|list | d.0 | n.0 | n.1 | n['0']
x.y | x | x is defined | x[0] | x() | s() | s.nope | s.nope() | s['upper']() | d | n | (1,) | () | (1, 2) | [] | {} | {'a': {'b': []}} | ['a', "b'", 'c"', 'd\'"', 'é\n\t\\'] | [none, true, 1.0, -2]
s.strip() | s.lstrip() | s.rstrip() | s.strip(' H)') | 'xxaxx'.strip('x') | 'xxaxx'.lstrip('x') | 'xxaxx'.rstrip('xa') | s.strip(none) | 'abc'.strip(1) | '\u00a0a\u3000'.strip() | '\x1fa'.strip()
s.split() | s.split(' ') | s.split(' ', 1) | s.rsplit(' ', 1) | s.split(none, 1) | s.rsplit(none, 1) | 'a,b,,c'.split(',') | 'a,b,,c'.split(',', 2) | 'a'.split('') | ''.split() | ''.split(',') | 'a<b<c'.split('<')[-1] | 'a b c'.split(maxsplit=1) | '  a  b '.rsplit()
'a\nb\r\nc\n'.splitlines() | 'a\nb\n'.splitlines(true) | ''.splitlines() | 'a\n\nb'.splitlines() | 'a-b-c'.partition('-') | 'a-b-c'.rpartition('-') | 'abc'.partition('-') | 'abc'.rpartition('-')
s.startswith(' H') | s.endswith(') ') | s.startswith(('x', ' ')) | s.startswith('') | s.startswith(1) | 'abc'.removeprefix('a') | 'abc'.removesuffix('c') | 'abc'.removeprefix('x') | s.startswith(['a'])
s.replace('l', 'L') | s.replace('l', 'L', 1) | 'aaa'.replace('a', '') | 'abc'.replace('', '-') | 'abc'.replace('', '-', 2) | ''.replace('', 'x') | 'é'.replace('', '.') | s.replace('l')
s.upper() | s.lower() | s.title() | s.capitalize() | s.swapcase() | 'ß'.upper() | 'ǆ'.title() | 'ΑΣ ΟΔΟΣ'.lower() | 'ﬁn'.upper() | "they're bill's".title() | 'İ'.lower() | 'élan VITAL'.capitalize() | 'ŉ'.title()
','.join(['a', 'b']) | ','.join('abc') | ','.join([1]) | ''.join([]) | 'é'.join(['a', 'b']) | ', '.join(d) | ','.join(d.keys())
s.find('o') | s.find('zz') | s.rfind('o') | s.index('o') | s.index('zz') | s.find('o', 6) | s.find('o', 6, 8) | 'été!'.find('!') | 'été!'.find('', 2) | 'abc'.find('', 9) | s.count('l') | 'aaa'.count('aa') | 'abc'.count('') | s.find('o', -8)
'a1'.isalnum() | 'a'.isalpha() | '1'.isdigit() | '²'.isdigit() | '²'.isdecimal() | '½'.isnumeric() | ''.isalpha() | ' \t'.isspace() | 'AB'.isupper() | 'ab1'.islower() | '1'.islower() | 'Ab'.isupper() | 'é'.isalpha()
'a'.center(5) | 'a'.center(4) | 'ab'.center(5, '*') | 'a'.ljust(3) ~ '|' | 'a'.rjust(3) | '5'.zfill(3) | '-5'.zfill(4) | 'abc'.zfill(2) | 'a'.center(5, '**')
'{} {}'.format(1, 'a') | '{0} {1} {0}'.format('a', 'b') | '{x}'.format(x=1) | '{:>5}|{:<5}|{:^5}'.format('a', 'b', 'c') | '{:05d}'.format(42) | '{:.2f}'.format(3.14159) | '{:,}'.format(1234567) | '{!r}'.format('a') | '{{}}'.format() | '{'.format() | '{}'.format() | '{:x} {:b} {:#o}'.format(255, 5, 8) | '{:%}'.format(0.25) | '{:e}'.format(12345.678) | '{:g}'.format(0.0001) | '{a[b]}'.format(a={'b': 1}) | '{:*^9}'.format('mid') | '{:+d} {: d}'.format(3, 3) | '{:.3}'.format('abcdef') | '{:s}'.format(1) | '{:d}'.format('a') | '{}'.format(true) | '{:d}'.format(true)
'%s is %d' % ('a', 3) | '%s' % 'x' | '%5s|%-5s|' % ('a', 'b') | '%05d' % 42 | '%.2f' % 3.14159 | '%x' % 255 | '%%' % () | '%s' % () | '%s %s' % 'a' | '%s' % ('a', 'b') | '%(a)s' % {'a': 1} | '%r' % 'a' | '%e' % 12.5 | '%g' % 1e10 | '%+d' % 5 | '%d' % 'a' | '%s' % [1, 2] | '%c' % 'a' | '%d' % 3.9 | '%.1s' % 'abc'
s|trim | s|trim('( )') | '  x '|trim|length | 5|trim | x|trim | s|upper | s|lower | s|title | s|capitalize | 'foo-bar (baz) [qux] <quux'|title | 5|upper | x|upper | none|upper | s|length | n|length | d|length | x|length | 5|length | n|count
n|first | n|last | e|first | e|last | s|first | s|last | ''|first | d|first | n|sum | e|sum | n|sum(start=10) | p|sum(attribute='v') | [1.5, 2]|sum | ['a']|sum | n|min | n|max | e|min | w|max | p|max(attribute='n')
n|join | n|join(', ') | w|join('-') | e|join(',') | 'abc'|join('.') | p|join(',', attribute='n') | [1, none, 'a']|join(' ') | x|join(',') | d|join(',') | 5|join
n|list | 'abc'|list | d|list | x|list | 5|list | (1, 2)|list | n|reverse|list | 'abc'|reverse | n|sort | n|sort(reverse=true) | w|sort | w|sort(case_sensitive=true) | w|sort(true) | p[:3]|sort(attribute='v') | p[:3]|sort(attribute='n,v')|map(attribute='v')|list | [1, 'a']|sort | 'hello'|sort | [[2, 1], [1, 2]]|sort
w|unique|list | w|unique(true)|list | n|unique|list | p|unique(attribute='n')|map(attribute='v')|list | [1, 1.0, true]|unique|list
n|map('string')|list | w|map('upper')|join | p|map(attribute='n')|list | p|map(attribute='v')|list | p|map(attribute='v', default=0)|list | n|map|list | n|map('nope')|list | n|map('default', 1)|list | w|map('replace', 'a', 'z')|list | e|map('upper')|list | x|map('upper')|list | [[1, 2], [3, 4]]|map('first')|list | [[1, 2], [3, 4]]|map(attribute=1)|list | [{'a': {'b': 1}}]|map(attribute='a.b')|list | [[5]]|map(attribute='0')|list
n|select('odd')|list | n|select|list | [0, 1, '', 'a']|select|list | [0, 1, '']|reject|list | n|reject('gt', 2)|list | n|select('in', [1, 2])|list | n|select('divisibleby', 5)|list | p|selectattr('v')|map(attribute='n')|list | p|selectattr('v', 'defined')|list|length | p|rejectattr('v', 'defined')|list | p|selectattr('n', 'equalto', 'x')|list | p|selectattr('n', 'eq', 'x')|first | p|selectattr('v', 'gt', 1)|list | n|select('nope')|list | p|selectattr|list
n|select('odd')|length | (n|select('odd')) is iterable | (n|select('odd')) is sequence | (e|select) and 1 | n|map('string')|first | (n|map('string'))[0] | n|batch(3)|list | n|batch(3, 'x')|list | n|slice(3)|list | n|slice(3, 'x')|list | 'abcde'|batch(2)|list | e|batch(2)|list
x|default('d') | ''|default('d') | ''|default('d', true) | none|default('d') | x|d | 0|default(5, boolean=true) | d.zz|default('q') | d.zz.y|default('q') | 's'|default
s|replace('l', 'L') | s|replace('l', 'L', 1) | 5|replace('5', '6') | x|replace('a', 'b') | s|replace('l') | 'aaa'|replace('a', 'b', count=2) | 'a'|replace('a', 5)
5|string | 5.0|string | none|string | n|string | true|string | '5'|int | ' 5 '|int | '5.7'|int | 'abc'|int | 'abc'|int(9) | '0x1f'|int(0, 16) | '1f'|int(base=16) | 5.9|int | -5.9|int | true|int | none|int | x|int | n|int | '1_000'|int | '5'|float | 'abc'|float | '1e3'|float | 5|float | none|float | ' 2.5 '|float | 'abc'|float(1) | 'nan'|float | '-inf'|float | 'inf'|int
-5|abs | 5.5|abs | (-5)|abs | 'a'|abs | 2.5|round | 3.5|round | 2.675|round(2) | 42.55|round(1, 'floor') | 42.51|round(1, 'ceil') | 42|round | 1234|round(-2) | 2.5|round(method='nope') | 'a'|round | 1.005|round(2) | 15|round(-1) | 1e20|round
d|items|list | x|items|list | n|items|list | d|dictsort | d|dictsort(true) | {'x': 2, 'y': 1}|dictsort(by='value') | {'x': 2, 'y': 1}|dictsort(reverse=true) | n|dictsort | {'a': 2, 'B': 1}|dictsort(false, 'value')
'a\nb\n\nc'|indent | 'a\nb\n\nc'|indent(2) | 'a\nb\n\nc'|indent(2, true) | 'a\nb\n\nc'|indent(2, true, true) | 'a\nb'|indent('> ') | 'a\nb\n'|indent | ''|indent(2, true) | 'a'|indent(first=true)
d|tojson | d|tojson(indent=2) | n|tojson | s|tojson | 'é\u2028</script>&\x01\x7f'|tojson | 'é'|tojson(ensure_ascii=true) | '\U0001f600'|tojson(ensure_ascii=true) | {'b': 1, 'a': 2}|tojson(sort_keys=true) | {1: 2, none: 3, true: 4}|tojson | []|tojson(indent=2) | {}|tojson(indent=2) | [[], {}, [1]]|tojson(indent=1) | x|tojson | 1.0|tojson | 1e16|tojson | (1, 2)|tojson | none|tojson | d|tojson(separators=(',', ':')) | [1]|tojson(indent='\t') | messages|tojson | n|map('string')|tojson | 'a"b\\c/d'|tojson | range(3)|tojson
'<a & "b">'|escape | '<a>'|e|e | '<a>'|safe | '<a>'|safe|escape | '<a>'|forceescape | ('<a>'|safe) + '<b>' | '<b>' + ('<a>'|safe) | ('<a>'|safe) ~ '<b>' | ('<a>'|escape) is escaped | '<a>' is escaped | ["<a>"|safe] | 5|escape | ('<a>'|safe|upper) + '&'
'abc'|center(9) | '%s-%s'|format('a', 'b') | '%(x)s'|format(x=3) | 'foo bar baz qux'|truncate(9) | 'foo bar baz qux'|truncate(9, true) | 'foo bar baz qux'|truncate(11) | 'foo bar baz qux'|truncate(11, false, '..', 0) | 'a b, c_d é'|wordcount | d|attr('b') | s|attr('upper') is callable | d|attr('items') is callable
1 is defined | x is undefined | x is not defined | none is none | x is none | 'a' is string | 5 is string | d is mapping | n is mapping | n is sequence | d is sequence | s is sequence | 5 is sequence | x is sequence | n is iterable | 5 is iterable | s is iterable | x is iterable | (1, 2) is sequence
5 is number | 5.0 is number | true is number | '5' is number | 5 is integer | 5.0 is integer | true is integer | 5.0 is float | 5 is float | true is boolean | 1 is boolean | true is true | 1 is true | false is false | 0 is false | range is callable | s.upper is callable | s is callable | x is callable
3 is odd | 4 is even | 4 is odd | 'a' is odd | 9 is divisibleby 3 | 9 is divisibleby(4) | 9 is divisibleby 0 | 1 is eq 1 | 1 is eq(2) | 1 is ne 2 | 2 is gt 1 | 2 is lt 1 | 2 is ge 2 | 2 is le 1 | 2 is equalto 2 | 2 is greaterthan 1 | 2 is lessthan 3 | 1 is in [1, 2] | 'a' is in 'abc' | 5 is in 'abc' | none is sameas none | true is sameas true | 1 is sameas true | 'ab' is lower | 'AB' is upper | '1' is upper | 'Ab' is lower | 'upper' is filter | 'nope' is filter | 'odd' is test | not 5 is odd | 5 is odd and 4 is even | 5 is odd is even | 5 is nope | s is defined and s
range(5)|list | range(2, 5)|list | range(5, 0, -2)|list | range(0)|list | range(3)[1] | range(3)|length | range(1000001)|list | range(1, 2, 0) | range(3)[::-1]|list | dict(a=1, b=2) | dict([('a', 1)]) | dict({'a': 1}, b=2) | dict(x) | namespace(a=1).a | namespace(a=1).b | namespace({'a': 3}).a | namespace().x is defined
messages[1].content | messages[1]['content']|trim | messages|length | messages[-1].role | messages|map(attribute='role')|join(',') | messages | messages[5] | messages[5].role | messages[0].tool_calls | messages[0].tool_calls is defined | messages|selectattr('role', 'eq', 'user')|list|length | bos_token ~ eos_token | tools is none | documents | pad_token is defined | add_generation_prompt | messages[0] == {'role': 'system', 'content': 'Be kind.'}
strftime_now('%d %b %Y') | strftime_now('%Y-%m-%d %A %j %H:%M:%S') | strftime_now('') | strftime_now() | raise_exception('no') | raise_exception()
'\x41\u00e9\U0001f600\101\n\t\\\'\"' | '\q' | '\é' | "it's" | 'a
b' | '\x4' | nope() | n.append(1) | d.update({'a': 1}) | d.pop('b') | s.__class__ | ''.__class__.__mro__ | d.__len__ | x.__class__ | n.index(2) | n.count(1) | n.index(99) | (1, 2).index(2) | s|nope | [1, 2,] | {'a': 1,} | (1,2,) | [,] | {'a'} | {'a': 1, 'a': 2} | {[]: 1} | 1 + | (1 | [1 | 'a | 1 2 | a b | {{ | }} | - | not | s|upper|lower|title | -1|abs | -s | +s | +5 | - 5 | --5 | 1 - -1 | s.upper().lower().title() | d['a'][3:][0] | n[1:][0] | n[:2][-1] | [1,2,3][1:2] | [x] | [x]|length | {'a': x} | n[x] | d[x] | s[x] | n['a'] | n[1.0] | s['a'] | 10 // 3 * 2 % 4 | 1 if x | 2 * 3 ** 2 | 'a' ~ 'b' * 2 | 1 ~ 2 + 3 | 1 + 2 ~ 3 | 'b' > 'a' and 2 >= 2 | 1 != 2 | 'a' not in ['b'] | (1, 2) == (1, 2) | true == 1 and false == 0 | none < 1 | none is not none
"""

STATEMENTS = [
    "{% if 1 %}a{% elif 2 %}b{% else %}c{% endif %}", "{% if 0 %}a{% elif 2 %}b{% else %}c{% endif %}", "{% if 0 %}a{% elif 0 %}b{% else %}c{% endif %}",
    "{% if x %}a{% endif %}b", "{% if a = 1 %}{% endif %}", "{% if 1 %}", "{% endif %}", "{% if %}a{% endif %}", "{% else %}", "{% nope %}",
    "{% for i in n %}{{ i }},{% endfor %}", "{% for i in n if i > 2 %}{{ loop.index }}:{{ i }}/{{ loop.length }},{% else %}none{% endfor %}",
    "{% for i in n if i > 99 %}{{ i }}{% else %}none{% endfor %}", "{% for i in e %}x{% else %}empty{% endfor %}", "{% for i in x %}x{% else %}empty{% endfor %}",
    "{% for i in 5 %}x{% endfor %}", "{% for i in none %}x{% endfor %}", "{% for c in 'aé' %}[{{ c }}]{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in d|items %}{{ loop.index0 }}{{ k }}{% endfor %}", "{% for a, b in [[1, 2], (3, 4)] %}{{ a + b }} {% endfor %}",
    "{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for a, b in [[1, 2, 3]] %}{{ a }}{% endfor %}", "{% for (a, b) in [[1, 2]] %}{{ a }}{{ b }}{% endfor %}",
    "{% for i in n %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }} {% endfor %}",
    "{% for i in n %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }} {% endfor %}", "{% for i in n %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}",
    "{% for i in n %}{{ loop.cycle('a', 'b', 'c') }}{% endfor %}", "{% for i in n %}{{ loop.cycle() }}{% endfor %}", "{% for i in [1, 1, 2, 2, 1] %}{{ loop.changed(i) }} {% endfor %}",
    "{% for i in n %}{% for j in [1, 2] %}{{ loop.index }}{{ loop.last }}{% endfor %}{{ loop.index }};{% endfor %}", "{{ loop }}", "{{ loop.index }}",
    "{% for i in n %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "{% for i in n %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}", "{% break %}", "{% continue %}",
    "{% for i in n %}{% for j in n %}{% if j == 2 %}{% break %}{% endif %}{{ j }}{% endfor %}|{% endfor %}", "{% for i in n %}{% set z = i %}{% endfor %}{{ z }}",
    "{% set z = 0 %}{% for i in n %}{% set z = z + i %}{{ z }} {% endfor %}{{ z }}", "{% set ns = namespace(z=0) %}{% for i in n %}{% set ns.z = ns.z + i %}{% endfor %}{{ ns.z }}",
    "{% set q = 1 %}{% set q.z = 2 %}", "{% set d.b = 5 %}{{ d.b }}", "{% set nope.z = 1 %}", "{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a }}{{ ns.b }}", "{% set ns = namespace() %}{% set ns._a = 1 %}{{ ns._a }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = [1, 2, 3] %}", "{% set a = 1, 2 %}{{ a }}", "{% set a = 1 if false else 2 %}{{ a }}", "{% set true = 1 %}", "{% set 'a' = 1 %}", "{% set a %}x{{ 1 }}y{% endset %}[{{ a }}]",
    "{% set a | upper | replace('X', 'z') %}x{{ 1 }}y{% endset %}[{{ a }}]", "{% if 1 %}{% set z = 5 %}{% endif %}{{ z }}", "{% set a %}{% set inner = 1 %}{% endset %}{{ inner }}", "{% set a %}{% endset %}{{ a|length }}",
    "{% macro m(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(b=4, a=0) }} {{ m() }}", "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{% endmacro %}{{ m(z=2) }}",
    "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, z=3) }}", "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}", "{% macro m(x) %}{{ x }}{% if x > 0 %}{{ m(x - 1) }}{% endif %}{% endmacro %}{{ m(3) }}",
    "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}body{% endcall %}", "{% macro m() %}{{ caller(1) }}{{ caller(2) }}{% endmacro %}{% call(v) m() %}[{{ v }}]{% endcall %}", "{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}",
    "{% macro m() %}{{ s|trim }}{% endmacro %}{{ m() }}", "{% macro m() %}{{ later }}{% endmacro %}{% set later = 'L' %}{{ m() }}", "{% macro m() %}{% set inner = 1 %}{% endmacro %}{{ m() }}{{ inner }}", "{% macro m(a=1, b) %}{% endmacro %}",
    "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}", "{% for i in n %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}", "{% macro m() %} x {% endmacro %}{{ m()|trim }}|{{ m()|length }}",
    "{% filter upper %}a{{ 'b' }}{% endfilter %}", "{% filter replace('a', 'b')|upper %}aXa{% endfilter %}", "{% filter nope %}{% endfilter %}", "{% filter upper %}{% set f = 1 %}{% endfilter %}{{ f }}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with %}{% set a = 1 %}{{ a }}{% endwith %}{{ a }}", "{% set a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% endwith %}", "{% generation %}a{{ 1 }}{% endgeneration %}", "{% generation %}{% set g = 1 %}{% endgeneration %}{{ g }}",
    "{% print 1, 2 %}", "{{ 1, 2 }}", "{{ }}", "{# comment #}x{#- c -#} y ", "a {#- c -#} b", "{# unclosed", "{{ unclosed", "{% if", "{% raw %}{{ x }}{% endraw %}", "{% raw %}\n{% if %}\n{% endraw %}\nx", "a  {%- raw -%}  {{ }}  {%- endraw -%}  b", "{% raw %}", "{% raw %}a {% endraw -%}\n b", "  {% raw %} a {% endraw %}",
    "a\n  {% if 1 %}\n  b\n  {% endif %}\nc\n", "a\n  {%- if 1 %}\n  b\n  {%- endif %}\nc", "a\n  {% if 1 -%}\n  b\n  {% endif -%}\nc", "a\n  {%+ if 1 %}\n  b\n  {%+ endif %}\nc", "a {% if 1 +%}\nb{% endif +%}\nc", "a\n\n{% if 1 %}\n\nb\n\n{% endif %}\n\nc\n\n",
    "  {{ 1 }}\n  {{- 2 }}\n  {{ 3 -}}\n  {{ 4 }}\n", "{{ 1 }}\n", "{{ 1 }}\n\n", "\n{{ 1 }}", "x\r\n{{ 1 }}\r\ny\r", "  x {% if 1 %} y {% endif %} z", "  {# c #}\n x", "  {# c #} \n x", "a {# c +#}\nb", "a\n  {#+ c #}\nb", "{%- if 1 -%}  a  {%- endif -%}", "\t{% if 1 %}\t\n\t{% endif %}\n", "{{+ 1 }}", "a {{- '' -}} b", "\u00a0{%- if 1 -%}\u3000x{% endif %}", "{% if 1 %}{% endif %}\n\nb", "  {% set a = 1 %}{% set b = 2 %}\n{{ a }}", "{% for i in n %}\n  {{ i }}\n{% endfor %}\nend", "{% for i in n -%}\n  {{ i }}\n{%- endfor %}\nend", "   {%- for i in n +%}\n{{ i }}{% endfor %}",
    "{{ {'a': {'b': 1}}.a.b }}", "{{ {'a': 1}}}", "{{ [[1]][0][0] }}", "{{ '}}' }}", "{{ '%}' }}{% if '%}' %}y{% endif %}", "{{ \"{{\" }}", "}} %} #}", "{ { } }", "{{ 1 }}}", "{{ (1 }}", "{{ [1) }}", "{% if (1 %}{% endif %}",
    "{% include 'x' %}", "{% import 'x' as y %}", "{% extends 'x' %}", "{{ 1 ; 2 }}", "{{ ! }}", "{{ $ }}", "{{ a.b.c }}", "{{ s.upper }}"[:0] + "x", "{% for i in [1, 2, 3] recursive %}{{ i }}{% endfor %}"[:0] + "y", "{% set ns = namespace(l=[]) %}{% for i in n %}{% set ns.l = ns.l + [i * 2] %}{% endfor %}{{ ns.l|join(',') }}",
    "{% for m in messages %}{{ loop.index }}{{ m.role }}:{{ m.content|trim }}{{ ',' if not loop.last }}{% endfor %}", "{% set messages = messages[1:] %}{{ messages|length }}", "{% set g = n|map('string') %}{{ g|list }}{{ g|list }}", "{% set g = n|select('odd') %}{{ g|first }}{{ g|list }}", "{% for i in range(3) %}{{ i }}{% endfor %}{{ i }}",
    "{% set f = s.strip %}{{ f() }}", "{% set f = range %}{{ f(2)|list }}", "{% for i in n %}{{ i }}{% if loop.last %}{% for j in [9] %}{{ j }}{% endfor %}{% endif %}{% endfor %}", "{%set x=1%}{{x}}", "{%-set x=1-%}{{x}}", "{{'a'if 1 else'b'}}", "{{1if 1}}", "{% set content = 'a' + messages[1]['content'] | trim + 'b' %}{{ content }}",
]


STATEMENTS += [
    "{{ range is callable }} {{ dict is callable }} {{ namespace is callable }} {{ cycler is callable }} {{ joiner is callable }} {{ raise_exception is callable }} {{ s is callable }}",
    "{{ true[::-1] }}|", "{{ 5[1:] }}|", "{{ none[:] }}|", "{{ d[1:] }}|", "{% macro m() %}{% endmacro %}{{ m }}", "{% for i in n %}{{ loop }}{% endfor %}", "{{ cycler }}{{ joiner }}",
    "{{ [cycler] }}", "{% macro m() %}{% endmacro %}{{ [m] }}",
    "{{ s|nope }}", "{% if false %}{{ s|nope }}{% endif %}a", "{% if true %}{{ s|nope }}{% endif %}a", "{% if s is nope %}{% endif %}", "{% if false %}{{ s is nope }}{% endif %}a",
    "{{ s is nope }}", "{{ s|nope if false else 1 }}", "{{ 1 if true else s|nope }}", "{{ s|nope if true else 1 }}", "{{ (s|nope) and 1 }}", "{{ false and (s|nope) }}",
    "{% macro m() %}{{ s|nope }}{% endmacro %}a", "{% for i in [] %}{{ i|nope }}{% endfor %}a", "{% if true %}{{ x|nope|upper }}{% endif %}", "{% if false %}{% for i in s|nope %}{% endfor %}{% endif %}a",
    "{% if false %}{% for i in n %}{{ i|nope }}{% endfor %}{% endif %}a", "{% if false %}{% filter nope %}a{% endfilter %}{% endif %}b", "{% if false %}{% set x | nope %}a{% endset %}{% endif %}b",
    "{% if false %}{% set x = s|nope %}{% endif %}b", "{% if false %}a{% elif s|nope %}b{% endif %}", "{% if true %}a{% elif s|nope %}b{% else %}{{ s|nope }}{% endif %}",
    "{% if false %}{% with q = s|nope %}{% endwith %}{% endif %}a", "{% if false %}{% with q = 1 %}{{ s|nope }}{% endwith %}{% endif %}a", "{{ []|map('nope')|list }}", "{{ [1]|map('nope')|list }}",
    "{{ [s|nope if false else 1, 2] }}", "{{ [s|nope, 1 if false else 2] }}",
    "{% block a %}x{{ y }}{% endblock %}z", "{% set q = 1 %}{% block a %}{{ q }}{% endblock %}", "{% for i in [1, 2] %}{% block b %}{{ i }}{% endblock %}{% endfor %}", "{% block a scoped %}x{% endblock a %}",
    "{% for i in [1, 2] %}{% block b scoped %}{{ i }}{{ loop.index }}{% endblock %}{% endfor %}", "{% block a %}1{% endblock %}{% block a %}2{% endblock %}", "{% block a required %}{% endblock %}",
    "{% block a %}{% endblock b %}", "{% block a %}{% set z = 1 %}{% endblock %}{{ z }}", "{% if true %}{% block a %}x{% endblock %}{% endif %}", "{% if false %}{% block a %}x{% endblock %}{% endif %}",
    "{% set q = 1 %}{% if true %}{% set q = 2 %}{% block a %}{{ q }}{% endblock %}{% endif %}", "{% with k = 3 %}{% block a %}{{ k }}{% endblock %}{% endwith %}", "{% for i in n %}{% block a %}{% break %}{% endblock %}{% endfor %}",
    "{% block a %}{{ messages|length }}{{ bos_token }}{% endblock %}", "{% block %}{% endblock %}", "{% block a %}",
    "{{ p|groupby('v', default=0) }}", "{% for k, v in p|groupby('n') %}{{ k }}:{{ v|length }};{% endfor %}", "{% for g in p|groupby('n') %}{{ g.grouper }}{{ g.list|map(attribute='v')|list }}{{ g[0] }};{% endfor %}",
    "{% for g in p|groupby('n', case_sensitive=true) %}{{ g.grouper }}{{ g.list|length }};{% endfor %}", "{{ p|groupby('v') }}", "{{ [[1, 2], [1, 3], [0, 4]]|groupby(0) }}", "{{ n|groupby }}", "{{ 5|groupby('a') }}", "{{ []|groupby('a') }}",
    "{{ d|pprint }}", "{{ 'a'|pprint }}", "{{ 1.5|pprint }}", "{{ none|pprint }}", "{{ {'b': {'z': 1, 'y': ()}, 'a': (1,)}|pprint }}", "{{ [1, 2, 3]|pprint(true) }}", "{{ s|pprint }}", "{{ x|pprint }}",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{% set _ = c.reset() %}{{ c.next() }}", "{{ cycler() }}", "{% set c = cycler(1, 2) %}{{ c is callable }}{{ c.items }}{{ c.pos }}{{ c.nope }}",
    "{% set c = cycler(1) %}{% set c.pos = 3 %}", "{% set c = cycler(1, 2, 3) %}{% for i in n %}{{ c.next() }}{% endfor %}", "{% set j = joiner(', ') %}{{ j() }}a{{ j() }}b{{ j() }}", "{% set j = joiner() %}{{ j() }}{{ j() }}{{ j is callable }}", "{{ joiner(1, 2) }}",
    "{{ strftime_now('%z|%Z|%f|%e|%k|%-d|%G|%V|%u|%C|%D|%n|%t|%%') }}", "{{ strftime_now('%f%f%%f%%%f') }}", "{{ strftime_now('\u00e9%Y%z') }}", "{{ strftime_now('%z%Z') }}|",
]


# Intended differences: this engine prints no functions and generators, and its integers have 64 bits.
def snippets():
    for line in EXPRESSIONS.replace("'a\nb'", "'a\\nb'").strip().split("\n"):
        for part in line.split(" | "):
            yield "{{ " + part + " }}"
    yield from STATEMENTS


def snippet_goldens():
    rows = []
    for snippet in snippets():
        try:
            text = render(SETUP + snippet, MESSAGES, False)
        except Exception:  # noqa: BLE001 - any error of jinja2 or Python counts
            text = None
        if text is not None and any(mark in text for mark in ("<built-in", "<generator", " object at ", "<bound method")):
            continue
        rows.append({"template": snippet, "text": text})
    return {"now": NOW, "special_tokens": TOKENS, "messages": MESSAGES, "setup": SETUP, "rows": rows}


def write(name, value):
    (OUT / name).write_text(json.dumps(value, ensure_ascii=True, indent=0) + "\n")


if __name__ == "__main__":
    write("conversations.json", conversation_goldens())
    write("snippets.json", snippet_goldens())
