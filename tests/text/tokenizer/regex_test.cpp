#include "text/tokenizer/regex.h"

#include <cstdlib>

#include "core/error.h"
#include "io/read_file.h"
#include "support/error_of.h"
#include "support/test_support.h"
#include "text/tokenizer/normalizer.h"
#include "text/tokenizer/pre_tokenizer.h"

using namespace armorm;
using namespace armorm::text::tokenizer;
using nlohmann::json;

namespace {

const std::string kOrigin = "test";

json pieces_of(const json& pattern, const std::string& text) {
  const json step = {
      {"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
  const PreTokenizer pre = PreTokenizer::read(JsonView(step, kOrigin, ""));
  json pieces = json::array();
  pre.split(text, true, [&](std::string_view word) { pieces.push_back(word); });
  return pieces;
}

std::string replaced(const json& pattern, const std::string& text) {
  const json step = {{"type", "Replace"}, {"pattern", {{"Regex", pattern}}}, {"content", "\xe2\x90\x9f"}};
  TrackedText tracked{text, {}};
  Normalizer::read(JsonView(step, kOrigin, ""))->apply(tracked);
  return tracked.text;
}

// Returns whether the pattern is refused.
bool check(const json& item) {
  const json& pattern = item.at("pattern");
  CAPTURE(pattern.get<std::string>());
  try {
    Regex(pattern.get<std::string>(), JsonView(pattern, kOrigin, ""));
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    CHECK_FALSE(item.contains("exact"));
    return true;
  }
  CHECK_FALSE(item.at("pieces").is_null());  // tokenizers refuses it
  if (item.at("pieces").is_null()) return false;
  for (std::size_t i = 0; i < item.at("texts").size(); ++i) {
    const auto text = item.at("texts")[i].get<std::string>();
    CAPTURE(text);
    CHECK(pieces_of(pattern, text) == item.at("pieces")[i]);
    CHECK(replaced(pattern, text) == item.at("replaced")[i].get<std::string>());
  }
  return false;
}

}  // namespace

TEST_CASE("a pattern of tokenizer.json has the matches that tokenizers finds, or is refused", "[golden]") {
  const char* more = std::getenv("ARMORM_REGEX_CASES");  // more of make_regex_goldens.py
  const json cases = json::parse(io::read_text_file(more != nullptr ? std::filesystem::path(more)
                                                                    : test::golden("text/regex_cases.json")));
  REQUIRE(cases.size() > 250);
  std::size_t refused = 0;
  for (const json& item : cases) refused += check(item) ? 1 : 0;
  CHECK(refused < cases.size() / 3);
}

TEST_CASE("constructs that mean something else in Oniguruma are refused by name", "[unit]") {
  using Catch::Contains;
  const auto refusal = [](const std::string& pattern) {
    const json value = pattern;
    return test::error_of([&] { Regex(pattern, JsonView(value, kOrigin, "pattern.Regex")); },
                          ErrorKind::data);
  };
  CHECK_THAT(refusal("\\pL"), Contains("\\p without braces"));
  CHECK_THAT(refusal("\\Qa\\E"), Contains("\\Q"));
  CHECK_THAT(refusal("(?i:ss)"), Contains("\"ss\" under (?i)"));
  CHECK_THAT(refusal("[[:punct:]]"), Contains("[:punct:]"));
  CHECK_THAT(refusal("(?s:.)"), Contains("(?s"));
  CHECK_THAT(refusal("\\p{Greek}"), Contains("\\p{Greek}"));
  CHECK_THAT(refusal("a{2}+"), Contains("{n,m}+"));
  CHECK_THAT(refusal("\\K"), Contains("\\K"));
  std::string words;
  for (int i = 0; i < 1000; ++i) words += "\\b\\w";
  CHECK_THAT(refusal(words), Contains("too long"));
}
