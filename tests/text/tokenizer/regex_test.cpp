#include "text/tokenizer/regex.h"

#include <cstdlib>
#include <ctime>

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

namespace {

double cpu_seconds() {
  std::timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// The error of a pattern in tokenizer.json that takes too long for a text.
std::string gives_up(const std::string& pattern, const std::string& text) {
  const json value = pattern;
  const Regex regex(pattern, JsonView(value, kOrigin, "pre_tokenizer.pattern.Regex"));
  return test::error_of([&] { regex.find_all(text); }, ErrorKind::data);
}

std::string words(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += std::string(28, 'a') + "! ";
  return text;
}

}  // namespace

TEST_CASE("a pattern that backtracks without end is given up within a second for 2,000 words", "[unit]") {
  using Catch::Contains;
  for (const char* pattern : {"(a+)+$|.", "(a|aa)+$|.", "(?:a*)*b|.", "(?=(a+)+b)|.", "(?:[a-z]+)*\\d|."}) {
    CAPTURE(pattern);
    const double begin = cpu_seconds();
    const std::string error = gives_up(pattern, words(2000));
    CHECK(cpu_seconds() - begin < 1.0);
    CHECK_THAT(error, Contains("test: pre_tokenizer.pattern.Regex") && Contains(pattern) &&
                          Contains("60000 bytes") && Contains("steps"));
  }
}

TEST_CASE("the steps that a pattern may take grow with the text", "[unit]") {
  // Two to the 14th ways for each word: a few million steps, and far below the limit of each text.
  const json pattern = "(a+)+!|.";
  const Regex regex(pattern.get<std::string>(), JsonView(pattern, kOrigin, ""));
  for (const std::size_t count : {1, 10, 1000}) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += std::string(10, 'a') + "? ";
    CHECK(regex.find_all(text).size() == 12 * count);
  }
}

TEST_CASE("a pattern whose repeats pass over the text again and again is given up by time", "[unit]") {
  const double begin = cpu_seconds();
  CHECK_THAT(gives_up("[^\\n]*[^\\n]*b|.", std::string(100'000, 'a')), Catch::Contains("100000 bytes"));
  CHECK(cpu_seconds() - begin < 30.0);
}

TEST_CASE("long runs, which patterns of tokenizers match at once, take few steps", "[unit]") {
  const std::string pattern =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const json value = pattern;
  const Regex regex(pattern, JsonView(value, kOrigin, ""));
  CHECK(regex.find_all(std::string(1'000'000, 'a')).size() == 1);
  CHECK(regex.find_all(std::string(1'000'000, ' ') + "x").size() == 2);
  CHECK(regex.find_all(std::string(300'000, '7')).size() == 100'000);
}

TEST_CASE("\\K, which moves the start of a match past its end, is refused wherever it stands", "[unit]") {
  for (const char* pattern : {"a\\K", "(?=a\\K)", "(?=(?:a\\K))|b", "(?<=a\\K)", "[a]\\K+"}) {
    const json value = pattern;
    CHECK_THAT(test::error_of([&] { Regex(pattern, JsonView(value, kOrigin, "p")); }, ErrorKind::data),
               Catch::Contains("\\K"));
  }
}
