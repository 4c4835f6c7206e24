#include "text/jinja/limits.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ctime>
#include <random>
#include <string>
#include <utility>

#include "core/error.h"
#include "support/test_support.h"
#include "text/chat_template.h"

using namespace armorm;

namespace {

std::string render(const std::string& source) {
  return text::ChatTemplate::compile(source, "test").render({{"user", "hi"}, {"assistant", "<b>"}}, {}).text;
}

std::string repeat(const std::string& text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("a hostile template is refused instead of hanging or crashing", "[unit]") {
  const std::string ns = "{% set ns = namespace(v='x', l=[]) %}";
  const std::string loop = "{% for i in range(100000) %}";
  CHECK_THROWS_AS(render(ns + loop + "{% set ns.v = ns.v ~ ns.v %}{% endfor %}"), Error);
  CHECK_THROWS_AS(render(ns + loop + "{% set ns.l = [ns.l] %}{% endfor %}"), Error);
  CHECK_THROWS_AS(render(ns + loop + "{% set ns.l = ns.l + [1] %}{% endfor %}"), Error);
  CHECK_THROWS_AS(render(loop + loop + "x{% endfor %}{% endfor %}"), Error);
  CHECK_THROWS_AS(render("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), Error);
  CHECK_THROWS_AS(render("{{ 'x' * 9999999999 }}"), Error);
  CHECK_THROWS_AS(render("{{ [1] * 9999999999 }}"), Error);
  CHECK_THROWS_AS(render("{{ 'x'.center(9999999999) }}"), Error);
  CHECK_THROWS_AS(render("{{ '%9999999999d' % 1 }}"), Error);
  CHECK_THROWS_AS(render("{{ 9223372036854775807 + 1 }}"), Error);
  CHECK_THROWS_AS(render("{{ (-9223372036854775807 - 1) // -1 }}"), Error);
  CHECK_THROWS_AS(render("{% set a = 'x' * 1000000 %}{{ a.replace('', a) }}"), Error);
  CHECK_THROWS_AS(render("{{ " + repeat("(", 100000) + "1" + repeat(")", 100000) + " }}"), Error);
  CHECK_THROWS_AS(render("{{ " + repeat("-", 100000) + "1 }}"), Error);
  CHECK_THROWS_AS(render("{{ " + repeat("not ", 100000) + "1 }}"), Error);
  CHECK_THROWS_AS(render(repeat("{% if 1 %}", 100000) + repeat("{% endif %}", 100000)), Error);
  CHECK_THROWS_AS(render("{{ 1" + repeat(" + 1", 100000) + " }}"), Error);
  CHECK_THROWS_AS(render("{{ x" + repeat(" if 1 else x", 100000) + " }}"), Error);
  CHECK_THROWS_AS(render(std::string(text::jinja::kMaxSourceBytes + 1, 'x')), Error);
}

namespace {

struct Used {
  bool refused = false;
  double seconds = 0;  // of the processor
  double megabytes = 0;
};

// Renders in a process of its own, whose memory is that of this template.
Used used_by(const std::string& source) {
  const pid_t child = fork();
  if (child == 0) {
    try {
      render(source);
    } catch (const Error& error) {
      _exit(error.kind() == ErrorKind::data ? 1 : 2);
    } catch (...) {
      _exit(2);
    }
    _exit(0);
  }
  int status = 0;
  rusage usage{};
  REQUIRE(wait4(child, &status, 0, &usage) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) < 2);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return {WEXITSTATUS(status) == 1, seconds(usage.ru_utime) + seconds(usage.ru_stime),
          static_cast<double>(usage.ru_maxrss) / 1024};
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kMostSeconds = 120;
constexpr double kMostMegabytes = 1e6;
#else
constexpr double kMostSeconds = 12;
constexpr double kMostMegabytes = 600;
#endif

// Two texts of 30 MB that differ in nothing or in the last byte.
const std::string kLong = "{% set a='a'*30000000 %}{% set b='a'*30000000 %}{% set c='a'*29999999~'b' %}";
// Lists that hold the one before twice, 60 times.
const std::string kDeep =
    "{% set ns=namespace(a=(1,), b=(1,), d=1, e=1) %}{% for i in range(60) %}{% set ns.a=(ns.a,ns.a) %}"
    "{% set ns.b=(ns.b,ns.b) %}{% set ns.d={'x':ns.d,'y':ns.d} %}{% set ns.e={'x':ns.e,'y':ns.e} %}{% endfor "
    "%}";
const std::string kOften = "{% for i in range(1000) %}";
const std::string kEnd = "{% endfor %}";

}  // namespace

TEST_CASE("long texts and shared values are charged by what they hold, whoever reads them", "[unit]") {
  const std::pair<const char*, std::string> templates[] = {
      {"join", "{{ (['a'*60000000]*1000000)|join }}"},
      {"sort by case", kLong + "{{ ([a,b]*100000)|sort(case_sensitive=true)|length }}"},
      {"unique", kLong + "{{ ([a,c]*400000)|unique(true)|list|length }}"},
      {"groupby", kLong + "{{ ([{'k':a},{'k':b}]*100000)|groupby('k', none, true)|length }}"},
      {"max", kLong + "{{ ([a,b]*100000)|max(true)|length }}"},
      {"in", kLong + "{{ c in ([a]*1000000) }}"},
      {"count", kLong + "{{ ([a]*1000000).count(b) }}"},
      {"index", kLong + "{{ ([a]*1000000).index(c) }}"},
      {"equal lists", kLong + "{{ [a]*1000000 == [b]*1000000 }}"},
      {"ordered lists", kLong + "{{ [a]*1000000 < [b]*1000000 }}"},
      {"select", kLong + "{{ ([a]*1000000)|select('eq', c)|list|length }}"},
      {"select in", kLong + "{{ (['b']*1000000)|select('in', a)|list|length }}"},
      {"map center", "{{ (['a']*1000000)|map('center', 60000000)|list|length }}"},
      {"startswith", kLong + "{{ a.startswith((c,)*1000000) }}"},
      {"format", kLong + "{{ ('%.0s'*1000000) % ((a,)*1000000) }}"},
      {"changed",
       kLong + "{% for i in range(100000) %}{% set x=loop.changed(a if i%2 else b) %}{% endfor %}"},
      {"deep ==", kDeep + "{{ ns.a == ns.b }}"},
      {"deep dicts", kDeep + "{{ ns.d == ns.e }}"},
      {"deep key", kDeep + "{{ {ns.a: 1}|length }}"},
      {"deep pprint", kDeep + "{{ ns.d|pprint }}"},
      {"deep tojson", kDeep + "{{ ns.d|tojson(sort_keys=true) }}"},
      {"upper", "{% set x='a'*30000000 %}" + kOften + "{% set y=x|upper %}" + kEnd},
      {"isalpha", "{% set x='\u00e9'*20000000 %}" + kOften + "{% set y=x.isalpha() %}" + kEnd},
      {"replace", "{% set x='a'*1000000 %}" + kOften + "{% set y=x.replace('', 'b') %}" + kEnd},
      {"slice", "{% set x='\u00e9'*20000000 %}" + kOften + "{% set y=x[1:] %}" + kEnd},
      {"pieces kept", "{% set n=namespace(l=[]) %}{% set x='a '*500000 %}" + kOften +
                          "{% set n.l=n.l+[x.split()] %}" + kEnd},
      {"texts kept", "{% set n=namespace(l=[]) %}" + kOften + "{% set n.l=n.l+['a'*60000000] %}" + kEnd},
      {"lists kept", "{% set n=namespace(l=[]) %}" + kOften + "{% set n.l=n.l+[[1]*1000000] %}" + kEnd},
      {"ranges kept", "{% set n=namespace(l=[]) %}{% set x=('x'~messages[0].content)*1000000 %}" + kOften +
                          "{% set n.l=n.l+[x~'x'] %}" + kEnd},
      {"arguments kept",
       "{% set x=[1]*1000000 %}{% macro m(n) %}{{ varargs|length }}{% if n %}{{ m(n-1, *x) }}{% endif %}"
       "{% endmacro %}{{ m(200) }}"},
      {"loops kept",
       "{% set x=[1]*1000000 %}{% macro m(n) %}{% for i in x %}{% if n %}{{ m(n-1) }}{% endif %}{% break %}"
       "{% endfor %}{% endmacro %}{{ m(200) }}"},
      {"numbers", "{% for i in range(100000) %}" + kOften + "{% set x='%.300f' % 1e308 %}" + kEnd + kEnd},
      {"dates", "{% set p='%c'*500 %}{% for i in range(100000) %}{% set x=strftime_now(p) %}{% endfor %}"},
  };
  for (const auto& [name, source] : templates) {
    CAPTURE(name);
    const Used used = used_by(source);
    CHECK(used.refused);
    CHECK(used.seconds < kMostSeconds);
    CHECK(used.megabytes < kMostMegabytes);
  }
}

TEST_CASE("searches, numbers and stripping take time in proportion to the text", "[unit]") {
  const std::pair<std::string, std::string> templates[] = {
      {"{{ ('a'*20000000).rfind('a'*10000000~'b') }}", "-1"},
      {"{{ ('a'*20000000).rfind('b'~'a'*10000000) }}", "-1"},
      {"{{ ('a'*20000000).rsplit('a'*10000000~'b')|length }}", "1"},
      {"{{ ('a'*20000000).rpartition('a'*10000000~'b')|map('length')|join(' ') }}", "0 0 20000000"},
      {"{{ ('0_'*10000000~'x')|int(7) }}", "7"},
      {"{{ ('a'*10000000).strip('b'*10000000~'a')|length }}", "0"},
  };
  for (const auto& [source, expected] : templates) {
    CAPTURE(source);
    const auto begin = std::clock();
    CHECK(render(source) == expected);
    CHECK(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC < kMostSeconds);
  }
}

TEST_CASE("long parts are found from the end as short ones are", "[unit]") {
  // 'x' * 100 + 'y', thrice, with '-' between.
  const std::string text = "{% set p='x'*100~'y' %}{% set t=p~'-'~p~'-'~p %}";
  CHECK(render(text +
               "{{ t.rfind(p) }} {{ t.rfind(p, 0, 204) }} {{ t.rfind(p, 0, 101) }} {{ t.rfind('z'*100) }}") ==
        "204 102 0 -1");
  CHECK(render(text + "{{ t.rsplit(p)|join(',') }} {{ t.rsplit(p, 1)|map('length')|join(' ') }}") ==
        ",-,-, 204 0");
  CHECK(render(text + "{{ t.rpartition(p)|map('length')|join(' ') }}") == "204 101 0");
  CHECK(render("{{ ('ab'*60).rsplit('ab'*40)|join(',') }} {{ ('ab'*60).rfind('ab'*40) }}") ==
        repeat("ab", 20) + ", 40");
}

TEST_CASE("underscores in numbers and sets of characters mean what they mean to Python", "[unit]") {
  CHECK(
      render("{{ '1_000'|int }} {{ '1__0'|int(7) }} {{ '_1'|int(7) }} {{ '1_'|int(7) }} {{ ' 1_2_3 '|int }} "
             "{{ '1_0.5'|float }}") == "1000 7 7 7 123 10.5");
  CHECK(render("{{ 'abcba'.strip('ab') }} {{ 'aabb'.strip('ba') }}| {{ 'xyx'|trim('xx') }}") == "c | y");
}

TEST_CASE("what chat templates do with long conversations is within the limits", "[unit]") {
  const std::string mega = "{% set x=messages[0].content*500000 %}";  // 1 MB
  for (const char* use :
       {"{{ x|trim|upper|lower|length }}", "{{ x|tojson|length }}", "{{ x.split('h')|length }}",
        "{{ x.replace('h', 'H')|length }}", "{{ x[5:-5]|length }}", "{{ x.strip()|title|length }}",
        "{% for i in range(300) %}{{ x[0] }}{{ x.startswith('hi') }}{{ 'zz' in x }}{% endfor %}"})
    CHECK_NOTHROW(render(mega + use));
  // A conversation of 1 MB that a template builds message by message.
  CHECK_NOTHROW(
      render("{% set ns=namespace(t='') %}{% set x='x'*1000 %}{% for i in range(1000) %}{% set ns.t=ns.t~x %}"
             "{% endfor %}{{ ns.t }}"));
  CHECK_NOTHROW(render("{{ range(100000)|map('string')|join(',') }}"));
  CHECK_NOTHROW(render("{{ range(5000)|map('string')|unique|sort|list|length }}"));
}

TEST_CASE("a namespace may hold itself", "[unit]") {
  CHECK(render("{% set ns = namespace() %}{% set ns.me = ns %}{{ ns.me.me is defined }}") == "True");
  CHECK(render("{% for i in [1] %}{% set x = loop.changed(loop) %}{{ x }}{% endfor %}") == "True");
}

TEST_CASE("a macro outlives the scope that made it", "[unit]") {
  CHECK(render("{% set ns = namespace() %}{% for i in [1, 2] %}{% macro m() %}{{ i }}{% endmacro %}{% set "
               "ns.m = m %}"
               "{% endfor %}{{ ns.m() }}") == "2");
}

TEST_CASE("a loop variable outlives its loop", "[unit]") {
  CHECK(render("{% set ns = namespace() %}{% for i in [1, 2] %}{% set ns.l = loop %}{% endfor %}{{ "
               "ns.l.index }}") == "2");
}

TEST_CASE("mutated templates either render or fail with a data error", "[unit]") {
  const std::string seed =
      "{%- set ns = namespace(a=[1]) %}{% macro m(x, y='z') -%}{{ x|upper ~ y }}{{ caller() if caller }}{% "
      "endmacro %}"
      "{% for m2 in messages if m2.role != 'x' %}{{ loop.index0 }}{{ m2['content']|trim|tojson }}"
      "{% if loop.last %}{{ m(m2.role, y=m2.content[::-1]) }}{% elif 1 %}{% continue %}{% endif %}{% else "
      "%}e{% endfor %}"
      "{% call m('q') %}{{ '%s %d'|format('a', 3) }}{{ '{:>4}'.format(1.5) }}{% endcall %}{# c -#}"
      "{% filter replace('a', 'b') %}{% raw %}{{ a }}{% endraw %}{% endfilter %}{{ {'a': [1, (2, "
      "3)]}.a[1:][0][-1] }}";
  const std::string bytes = "{}%#-+()[]|.,:~*/'\"\\ \n0az_\xC3\xA9";
  std::mt19937 generator(5);
  const auto pick = [&](std::size_t count) { return static_cast<std::size_t>(generator() % count); };
  CHECK(!render(seed).empty());
  int rendered = 0;
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string source = seed;
    for (std::size_t edits = 1 + pick(3); edits > 0; --edits) {
      const std::size_t at = pick(source.size());
      const std::size_t length = pick(12);
      switch (pick(3)) {
        case 0:
          source[at] = bytes[pick(bytes.size())];
          break;
        case 1:
          source.erase(at, length);
          break;
        default:
          source.insert(at, source.substr(pick(source.size()), length));
      }
    }
    try {
      render(source);
      ++rendered;
    } catch (const Error& error) {
      REQUIRE(error.kind() == ErrorKind::data);
      ++refused;
    }
  }
  CHECK(rendered > 100);
  CHECK(refused > 100);
}
