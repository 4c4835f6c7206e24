// The JSON reader accepts and rejects the same texts as a second JSON library.
#include "data/json_reader.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>

#include "core/error.h"
#include "support/test_support.h"

using armorm::data::JsonReader;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

// Rebuilds the complete value, so that every reading function is used.
json rebuild(JsonReader& reader) {
  switch (reader.peek()) {
    case JsonReader::Kind::object: {
      json value = json::object();
      std::string key;
      reader.enter_object();
      while (reader.next_member(key)) value[key] = rebuild(reader);
      return value;
    }
    case JsonReader::Kind::array: {
      json value = json::array();
      reader.enter_array();
      while (reader.next_element()) value.push_back(rebuild(reader));
      return value;
    }
    case JsonReader::Kind::string:
      return reader.read_string();
    case JsonReader::Kind::number:
      return reader.read_number();
    case JsonReader::Kind::boolean:
      return reader.read_number() != 0;
    case JsonReader::Kind::null:
      reader.read_null();
      return nullptr;
  }
  return {};
}

bool parse(const std::string& text, json& value) {
  try {
    const std::string where = "x";
    JsonReader reader(text, where);
    value = rebuild(reader);
    reader.expect_end();
    return true;
  } catch (const armorm::Error&) {
    return false;
  }
}

bool skip(const std::string& text) {
  try {
    const std::string where = "x";
    JsonReader reader(text, where);
    reader.skip_value();
    reader.expect_end();
    return true;
  } catch (const armorm::Error&) {
    return false;
  }
}

// Numbers that overflow may differ: infinity here, an error there.
bool check_agrees(const std::string& text) {
  json expected;
  bool valid = true;
  try {
    expected = json::parse(text);
  } catch (const json::out_of_range&) {
    return false;
  } catch (const json::exception&) {
    valid = false;
  }
  CAPTURE(text);
  json found;
  CHECK(parse(text, found) == valid);
  CHECK(skip(text) == valid);
  if (valid) CHECK(found == expected);
  return valid;
}

}  // namespace

TEST_CASE("JSON texts are taken or refused as the standard has it", "[unit]") {
  const std::vector<std::string> texts{"{}",
                                       "[]",
                                       " [ ] ",
                                       "null",
                                       "true",
                                       "false",
                                       "0",
                                       "-0",
                                       "-1.5e+3",
                                       "1E5",
                                       "1.0",
                                       "\"\"",
                                       R"("\"\\\/\b\f\n\r\t")",
                                       R"("\u00e9\u20ac\ud83e\udd92\u0000")",
                                       "\"\xc3\xa9\xf0\x9f\xa6\x92\"",
                                       R"({"a":{"b":[1,{"c":null}]},"":[[]]})",
                                       "",
                                       " ",
                                       "{",
                                       "}",
                                       "[",
                                       "]",
                                       "[1",
                                       "[1,",
                                       "[1,]",
                                       "[,1]",
                                       "[1 2]",
                                       "{\"a\"}",
                                       "{\"a\":}",
                                       "{\"a\":1,}",
                                       "{,}",
                                       "{a:1}",
                                       "{\"a\":1 \"b\":2}",
                                       "{1:2}",
                                       "{]",
                                       "[}",
                                       "[1}",
                                       "01",
                                       "-",
                                       "+1",
                                       "1.",
                                       ".5",
                                       "1e",
                                       "1e+",
                                       "1.e5",
                                       "- 1",
                                       "0x1",
                                       "tru",
                                       "truex",
                                       "nul",
                                       "nulll",
                                       "True",
                                       "nan",
                                       "\"",
                                       "\"a",
                                       R"("\)",
                                       R"("\x")",
                                       R"("\u12")",
                                       R"("\u12g4")",
                                       R"("\ud800")",
                                       R"("\ud800\u0041")",
                                       R"("\udc00")",
                                       R"("\ud800\ud800")",
                                       R"("\u-123")",
                                       R"("\u+123")",
                                       "\"\n\"",
                                       "\"\t\"",
                                       "'a'",
                                       "1 1",
                                       "{} {}",
                                       "\xef\xbb\xbf 1x",
                                       "\"\xff\"",
                                       "\"\xc0\x80\"",
                                       "\"\xed\xa0\x80\"",
                                       "/*x*/1",
                                       "1.7976931348623157e308",
                                       "5e-324",
                                       "123456789012345678",
                                       "0.1",
                                       "[1.0000000000000002,-3e-5]",
                                       std::string("\"a\0b\"", 5),
                                       "-Infinit",
                                       "NaNN",
                                       "I"};
  int valid = 0;
  for (const std::string& text : texts) valid += check_agrees(text) ? 1 : 0;
  CHECK(valid == 21);
}

TEST_CASE("changed JSON texts are taken or refused alike", "[unit]") {
  const std::string seed =
      R"({"messages":[{"role":"user","content":"h\u00e9\ud83e\udd92 \"q\" \\ \n"},{"role":"a","content":""}],)"
      R"( "n": [1, -2.5e-3, 0, true, false, null, {}, [], {"x":[[1]]}], "long key":"value"})";
  std::mt19937 random(3);
  const std::string alphabet = "{}[]\",:\\u0123456789abcdefnrtE+-. x\n\xc3\xa9";
  int valid = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = seed;
    const int changes = 1 + static_cast<int>(random() % 3);
    for (int c = 0; c < changes && !text.empty(); ++c) {
      const std::size_t at = random() % text.size();
      const char letter = alphabet[random() % alphabet.size()];
      switch (random() % 4) {
        case 0:
          text[at] = letter;
          break;
        case 1:
          text.erase(at, 1 + random() % 3);
          break;
        case 2:
          text.insert(at, 1, letter);
          break;
        default:
          text.resize(at + 1);
          break;
      }
    }
    valid += check_agrees(text) ? 1 : 0;
  }
  CHECK(valid > 1000);
  CHECK(valid < 19'000);
}

TEST_CASE("numbers that Python writes and JSON has not", "[unit]") {
  const std::string text = "[NaN, Infinity, -Infinity, 1e999, -1e999, 1e-999, true]";
  const std::string where = "x";
  JsonReader reader(text, where);
  std::vector<double> values;
  reader.enter_array();
  while (reader.next_element()) values.push_back(reader.read_number());
  reader.expect_end();
  REQUIRE(values.size() == 7);
  CHECK(std::isnan(values[0]));
  CHECK(values[1] == INFINITY);
  CHECK(values[2] == -INFINITY);
  CHECK(values[3] == INFINITY);
  CHECK(values[4] == -INFINITY);
  CHECK(values[5] == 0);
  CHECK(values[6] == 1);
}

TEST_CASE("a zero byte is no end of a text", "[unit]") {
  CHECK_FALSE(skip(std::string("1\0", 2)));
  CHECK_FALSE(skip(std::string("\0", 1)));
  CHECK_FALSE(skip(std::string("{}\0{}", 5)));
  CHECK_FALSE(skip(std::string("[1,\0", 4)));
}

TEST_CASE("nesting is bounded", "[unit]") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(skip(nested(64)));
  CHECK_FALSE(skip(nested(65)));
  const std::string deep = nested(1'000'000);
  const std::string where = "the place";
  JsonReader reader(deep, where);
  CHECK_THROWS_WITH(reader.skip_value(), Contains("the place") && Contains("nested deeper than 64"));
}
