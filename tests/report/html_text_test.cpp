#include "report/html_text.h"

#include "support/explained_pair.h"
#include "support/test_support.h"

using namespace armorm::report;
using armorm::test::hostile_text;
using armorm::test::long_text;
using Catch::Contains;

namespace {

// Inside the first element with this class, or all of them in turn.
std::string inside(const std::string& html, const std::string& open, const std::string& close) {
  std::string out;
  for (std::size_t at = html.find(open); at != std::string::npos; at = html.find(open, at)) {
    at += open.size();
    out += html.substr(at, html.find(close, at) - at);
  }
  return out;
}

constexpr const char* kSaid = "<div class=\"said\" dir=\"auto\">";

}  // namespace

TEST_CASE("no character of a text takes effect in a page", "[unit]") {
  CHECK(html::plain_text("<script>&amp;\"'</script>") == "&lt;script&gt;&amp;amp;&quot;&#39;&lt;/script&gt;");
  CHECK(html::plain_text(std::string("a\0b", 3)) ==
        "a\xe2\x90\x80"
        "b");
  CHECK(html::plain_text("\x1b\x7f\x01") == "\xe2\x90\x9b\xe2\x90\xa1\xe2\x90\x81");
  CHECK(html::plain_text("a\r\nb\rc\n\td") ==
        "a\nb\xe2\x90\x8d"
        "c\n\td");
  CHECK(html::plain_text("\xe2\x80\xae\xd7\xa9 \xf0\x9f\x91\xa9") == "\xe2\x80\xae\xd7\xa9 \xf0\x9f\x91\xa9");
  const std::string out = html::plain_text(hostile_text());
  for (const char c : out) CHECK((c == '\n' || c == '\t' || static_cast<unsigned char>(c) >= 0x20));
  CHECK(out.find_first_of("<>\"'") == std::string::npos);
}

TEST_CASE("bytes that are not UTF-8 are replaced", "[unit]") {
  const std::string r = "\xef\xbf\xbd";
  CHECK(html::plain_text("a\xff"
                         "b") == "a" + r + "b");
  CHECK(html::plain_text("\xe2\x82") == r + r);
  CHECK(html::plain_text("\xed\xa0\x80") == r + r + r);
  CHECK(html::plain_text("\x80\x80") == r + r);
}

TEST_CASE("short texts are not folded, long ones between two characters", "[unit]") {
  CHECK(html::fold_position("short") == 5);
  CHECK(html::fold_position(std::string(1700, 'x')) == 1700);
  CHECK(html::fold_position(std::string(100'000, 'x')) == 1500);
  const std::string words = std::string(1490, 'x') + " " + std::string(5000, 'y');
  CHECK(html::fold_position(words) == 1491);
  std::string emoji;  // four bytes each, one byte in
  for (int i = 0; i < 1000; ++i) emoji += "\xf0\x9f\x91\xa9";
  CHECK(html::fold_position("x" + emoji) == 1497);
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "\n";
  CHECK(html::fold_position(lines) == 24);
  CHECK(html::fold_position(lines.substr(0, 30)) == 30);
}

TEST_CASE("a folded text is complete", "[unit]") {
  for (const std::string& text : {long_text(), long_text() + hostile_text(), hostile_text()}) {
    const std::string block = html::text_block(text);
    CHECK(inside(block, kSaid, "</div>") == html::plain_text(text));
  }
  CHECK_THAT(html::text_block(long_text()),
             Contains("<details><summary>The other 98,520 of 100,020 characters</summary>"));
  CHECK_THAT(html::text_block(""), Contains("(empty)"));
  CHECK(html::text_block("short").find("<details") == std::string::npos);
}

TEST_CASE("earlier turns of many are folded, and roles are escaped", "[unit]") {
  std::vector<Turn> turns;
  for (int i = 0; i < 9; ++i)
    turns.push_back({i % 2 == 0 ? "user" : "assistant", "turn " + std::to_string(i)});
  turns.back().role = "<tool>";
  const std::string block = html::turns_block(turns);
  CHECK_THAT(block, Contains("<summary>6 earlier turns</summary>") && Contains("&lt;tool&gt;"));
  CHECK(block.find("turn 5") < block.find("</details>"));
  CHECK(block.find("turn 6") > block.find("</details>"));
  CHECK(html::turns_block({turns.begin(), turns.begin() + 4}).find("<details") == std::string::npos);
}
