#include "core/options.h"

#include <cmath>

#include "core/error.h"
#include "io/publish.h"
#include "support/error_of.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;
using Catch::Matchers::Contains;

namespace {

enum class Color { red, green, blue };
constexpr std::array<std::string_view, 3> words_of(Color) { return {"red", "green", "blue"}; }

struct Fields {
  bool flag = false;
  std::int64_t whole = 7;
  double real = 0.5;
  std::string text = "a b";
  Color color = Color::green;
  std::vector<std::string> texts{"x", "y"};
  std::vector<double> reals;
  std::vector<std::int64_t> wholes{1, 2};
  std::vector<Color> colors{Color::blue, Color::red};

  OptionList list() {
    OptionList options;
    options.add({"flag", OptionEffect::output, "Shows more"}, flag)
        .add({"whole", OptionEffect::results, "How many"}, whole)
        .add({"real", OptionEffect::results, "How much"}, real)
        .add({"text", OptionEffect::inputs, "Which"}, text)
        .add({"color", OptionEffect::results, "Which color"}, color)
        .add({"texts", OptionEffect::inputs, "Which ones"}, texts)
        .add({"reals", OptionEffect::results, "How much each"}, reals)
        .add({"wholes", OptionEffect::resources, "How many each"}, wholes)
        .add({"colors", OptionEffect::output, "Which colors"}, colors);
    return options;
  }
};

ConfigFile config_in(const TempDir& dir, const std::string& content) {
  io::publish_text(dir / "c.json", content);
  return {(dir / "c.json").string(), {"common", "draw", "print"}, "draw", {"pages"}, "draw --help"};
}

std::vector<std::string> apply(Fields& fields, const std::string& content,
                               const std::vector<std::string>& given = {}) {
  const TempDir dir;
  const OptionList list = fields.list();
  return apply_config(config_in(dir, content), list, given);
}

// The error in the section of "draw", without the file's name.
std::string refusal(const std::string& content) {
  const TempDir dir;
  Fields fields;
  const OptionList list = fields.list();
  const ConfigFile file = config_in(dir, content);
  const std::string message = error_of([&] { apply_config(file, list, {}); }, ErrorKind::usage);
  REQUIRE_THAT(message, Catch::StartsWith(file.path + ": "));
  return message.substr(file.path.size() + 2);
}

std::string refused_value(const std::string& key, const std::string& value) {
  return refusal("{\"draw\": {\"" + key + "\": " + value + "}}");
}

}  // namespace

TEST_CASE("values are shown as a command line takes them", "[unit]") {
  Fields fields;
  const std::vector<OptionValue> values = values_of(fields.list());
  std::vector<std::string> names, texts;
  for (const OptionValue& value : values) {
    names.push_back(value.name);
    texts.push_back(value.text);
  }
  CHECK(names == std::vector<std::string>{"flag", "whole", "real", "text", "color", "texts", "reals",
                                          "wholes", "colors"});
  CHECK(texts == std::vector<std::string>{"false", "7", "0.5", "a b", "green", "x,y", "", "1,2", "blue,red"});
  CHECK(values[0].effect == OptionEffect::output);
  CHECK(values[1].effect == OptionEffect::results);
  fields.color = Color::blue;
  fields.colors = {};
  CHECK(values_of(fields.list())[4].text == "blue");
  CHECK(values_of(fields.list())[8].text.empty());
}

TEST_CASE("a declaration leaves the fields as they are and writes through to them", "[unit]") {
  Fields fields;
  const OptionList list = fields.list();
  CHECK(fields.whole == 7);
  fields.whole = 9;
  CHECK(value_text(list.options()[1]) == "9");
  const auto& field = std::get<WordField>(list.options()[4].target);
  field.assign("--color", {"red"});
  CHECK(fields.color == Color::red);
  CHECK(field.words() == std::vector<std::string>{"red"});
}

TEST_CASE("an enumeration's words are the choices of a single value", "[unit]") {
  Fields fields;
  const OptionList list = fields.list();
  CHECK(list.options()[4].choices() == std::vector<std::string>{"red", "green", "blue"});
  for (const std::size_t free : {0U, 1U, 2U, 3U, 5U, 8U}) CHECK(list.options()[free].choices().empty());
  const auto& one = std::get<WordField>(list.options()[4].target);
  const auto& several = std::get<WordField>(list.options()[8].target);
  CHECK_FALSE(one.is_list());
  CHECK(several.is_list());
  CHECK(error_of([&] { one.assign("--color", {"pink"}); }, ErrorKind::usage) ==
        "--color: 'pink' is unknown; use red, green or blue");
  CHECK_THAT(error_of(
                 [&] {
                   several.assign("--colors", {"red", "Blue"});
                 },
                 ErrorKind::usage),
             Catch::StartsWith("--colors: 'Blue'"));
  CHECK(fields.color == Color::green);
  CHECK(fields.colors == std::vector<Color>{Color::blue, Color::red});
  several.assign("--colors", {"green", "green"});
  CHECK(fields.colors == std::vector<Color>{Color::green, Color::green});
}

TEST_CASE("a config file sets fields of every type", "[unit]") {
  Fields fields;
  const auto assigned = apply(fields, R"({
    // comments are allowed
    "draw": {"flag": true, "whole": -3, "real": 2, "text": "", "color": "blue", "texts": [], "reals": [1, 0.25],
             "wholes": [9223372036854775807], "colors": ["green"]}})");
  CHECK(fields.flag);
  CHECK(fields.whole == -3);
  CHECK(fields.real == 2.0);
  CHECK(fields.text.empty());
  CHECK(fields.color == Color::blue);
  CHECK(fields.texts.empty());
  CHECK(fields.reals == std::vector<double>{1.0, 0.25});
  CHECK(fields.wholes == std::vector<std::int64_t>{9223372036854775807});
  CHECK(fields.colors == std::vector<Color>{Color::green});
  CHECK(assigned.size() == 9);
  CHECK(std::is_sorted(assigned.begin(), assigned.end()));
}

TEST_CASE("the program's section wins over common, and the command line over both", "[unit]") {
  Fields fields;
  const auto assigned = apply(fields,
                              R"({"common": {"whole": 1, "real": 1.5, "text": "c", "pages": 3},
                                  "draw": {"whole": 2, "flag": true}, "print": {"anything": [[]]}})",
                              {"text", "flag"});
  CHECK(fields.whole == 2);
  CHECK(fields.real == 1.5);
  CHECK(fields.text == "a b");
  CHECK_FALSE(fields.flag);
  CHECK(assigned == std::vector<std::string>{"real", "whole"});
  CHECK(apply(fields, "{}").empty());
}

TEST_CASE("a value of another type is refused with the key, the type and what was found", "[unit]") {
  CHECK(refused_value("flag", "1") == "draw.flag must be true or false, found 1");
  CHECK(refused_value("whole", "\"3\"") == "draw.whole must be a whole number, found \"3\"");
  CHECK(refused_value("whole", "3.5") == "draw.whole must be a whole number, found 3.5");
  CHECK_THAT(refused_value("whole", "9223372036854775808"), Contains("must be a whole number"));
  CHECK(refused_value("real", "true") == "draw.real must be a number, found true");
  CHECK(refused_value("text", "null") == "draw.text must be a string, found null");
  CHECK(refused_value("texts", "\"x\"") == "draw.texts must be a list, each a string, found \"x\"");
  CHECK(refused_value("wholes", "[1, 2.5]") ==
        "draw.wholes must be a whole number, or a list of them, found array");
  CHECK(refused_value("reals", "{}") == "draw.reals must be a list, each a number, found object");
  CHECK(refused_value("color", "2") == "draw.color must be a string, found 2");
  CHECK(refused_value("colors", "\"red\"") == "draw.colors must be a list, each a string, found \"red\"");
}

TEST_CASE("a word that is no choice is refused with the choices", "[unit]") {
  CHECK(refused_value("color", "\"pink\"") == "draw.color must be one of red, green, blue, found 'pink'");
  CHECK(refused_value("color", "\"Red\"") == "draw.color must be one of red, green, blue, found 'Red'");
  CHECK(refused_value("colors", R"(["red", ""])") == "draw.colors must be one of red, green, blue, found ''");
}

TEST_CASE("a key that is nearly right is refused, and so is one of another section", "[unit]") {
  for (const char* key : {"Flag", "flags", "whol", "whole ", "--whole", ""})
    CHECK(refused_value(key, "1") ==
          "unknown key '" + std::string(key) + "' in section 'draw'; `draw --help` lists the options");
  CHECK_THAT(refusal(R"({"common": {"page": 3}})"), Contains("unknown key 'page' in section 'common'"));
  CHECK_THAT(refused_value("pages", "3"), Contains("unknown key 'pages' in section 'draw'"));
}

TEST_CASE("a config file has the sections that it may have", "[unit]") {
  CHECK(refusal(R"({"paint": {}})") == "unknown section 'paint'; sections are common, draw, print");
  CHECK(refusal(R"({"whole": 3})") == "unknown section 'whole'; sections are common, draw, print");
  CHECK(refusal(R"({"print": []})") == "section 'print' must be an object");
  CHECK(refusal("[]") == "the top level must be an object of sections");
  CHECK_THAT(refusal("{"), Contains("is not valid JSON"));
  CHECK_THAT(refusal(std::string("{}\0{}", 5)), Contains("is not valid JSON"));
  CHECK(refusal(R"({"print": {"pages": [1]}, "print": {}})") ==
        "the key 'print' appears twice in one object; keep one");
  Fields fields;
  const OptionList list = fields.list();
  const ConfigFile missing{"/nonexistent/c.json", {"common"}, "draw", {}, ""};
  CHECK_THAT(error_of([&] { apply_config(missing, list, {}); }, ErrorKind::io),
             Catch::StartsWith("/nonexistent/c.json: cannot be read"));
}

TEST_CASE("settings in backquotes become flags where they are options", "[unit]") {
  const std::vector<std::string> names{"columns", "n_shards"};
  CHECK(with_flags("rename with `columns`", names) == "rename with --columns");
  CHECK(with_flags("`columns`: use `n_shards`, not `shards`", names) ==
        "--columns: use --n_shards, not `shards`");
  CHECK(with_flags("found '`', rename with `columns`", names) == "found '`', rename with --columns");
  CHECK(with_flags("`columns", names) == "`columns");
  CHECK(with_flags("``", names) == "``");
  CHECK(with_flags("", names).empty());
}

TEST_CASE("an optional number has no text until it is set, and a config sets it", "[unit]") {
  const TempDir dir;
  std::optional<std::int64_t> number;
  OptionList list;
  list.add({"number", OptionEffect::results, "A number or none"}, number);
  CHECK(value_text(list.options().front()).empty());
  io::publish_text(dir / "c.json", R"({"p": {"number": -1}})");
  const ConfigFile file{(dir / "c.json").string(), {"p"}, "p", {}, "p --help"};
  CHECK(apply_config(file, list, {}) == std::vector<std::string>{"number"});
  CHECK(number == -1);
  CHECK(value_text(list.options().front()) == "-1");
  io::publish_text(dir / "c.json", R"({"p": {"number": "1"}})");
  CHECK(error_of([&] { apply_config(file, list, {}); }, ErrorKind::usage).find("a whole number") !=
        std::string::npos);
}
