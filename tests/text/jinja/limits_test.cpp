#include "text/jinja/limits.h"

#include <random>
#include <string>

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
