// Prompts that overlap with evaluation prompts, as sets of tuples in Python find them
// (scripts/goldens/make_overlap_goldens.py).
#include "data/prompt_overlap.h"

#include <catch2/catch.hpp>
#include <string>

#include "data/rows.h"
#include "support/error_of.h"

using namespace armorm;
using namespace armorm::data;
using namespace armorm::test;
using Catch::Matchers::Contains;
using Match = PromptOverlap::Match;

namespace {

PromptOverlap overlap_with(const std::vector<std::string>& evaluation, std::int64_t ngram = 13) {
  PromptOverlap overlap(ngram);
  for (const std::string& prompt : evaluation) overlap.add(prompt);
  overlap.finish();
  return overlap;
}

Match match_of(const std::string& word) {
  return word == "exact" ? Match::exact : word == "ngram" ? Match::ngram : Match::none;
}

}  // namespace

TEST_CASE("prompts overlap as Python's sets of words say", "[data][golden]") {
  const auto expected = golden_json("prompt_overlap.json");
  const PromptOverlap overlap = overlap_with(expected.at("evaluation").get<std::vector<std::string>>());
  CHECK(overlap.prompts() == expected.at("distinct_prompts"));
  CHECK(overlap.ngrams() == expected.at("distinct_ngrams"));
  for (const auto& prompt : expected.at("prompts")) {
    const auto text = prompt.at("text").get<std::string>();
    INFO(text);
    CHECK(normalized_words(text) == prompt.at("words"));
    CHECK(overlap.find(text) == match_of(prompt.at("match")));
  }
}

TEST_CASE("words are compared without case, punctuation and the kind of white space", "[data][unit]") {
  CHECK(normalized_words(" I'm a--b,\n\tC.  d!") == "im ab c d");
  CHECK(normalized_words("Stra\u00dfe \u00abE\u0301T\u00c9\u00bb\u00a0\u2014 \u4f60\u597d\u3002") ==
        "strasse \u00e9t\u00e9 \u4f60\u597d");
  CHECK(normalized_words("?! \u2026").empty());
}

TEST_CASE("the length of common n-grams can be chosen", "[data][unit]") {
  const PromptOverlap overlap = overlap_with({"one two three four"}, 3);
  CHECK(overlap.ngrams() == 2);
  CHECK(overlap.find("zero two three four five") == Match::ngram);
  CHECK(overlap.find("two three five four") == Match::none);
  CHECK(overlap_with({"one"}, 1).find("any one") == Match::ngram);
  CHECK_THAT(error_of([] { PromptOverlap none(0); }, ErrorKind::usage), Contains("n-grams of 0 words"));
}

TEST_CASE("no evaluation prompts overlap with nothing", "[data][unit]") {
  CHECK(overlap_with({}).find("a prompt") == Match::none);
  CHECK(overlap_with({"", "?"}).find("!") == Match::none);
}

TEST_CASE("prompts can be compared only after the last evaluation prompt", "[data][unit]") {
  PromptOverlap overlap;
  CHECK_THROWS(overlap.find("a"));
  overlap.finish();
  CHECK_THROWS(overlap.add("a"));
}

TEST_CASE("each n-gram of many evaluation prompts is found, and none that spans two", "[data][unit]") {
  std::vector<std::string> evaluation;
  for (int p = 0; p < 500; ++p) {
    std::string prompt;
    for (int w = 0; w < 40; ++w) prompt += std::to_string(p * 40 + w) + " ";
    evaluation.push_back(prompt);
  }
  const PromptOverlap overlap = overlap_with(evaluation);
  CHECK(overlap.ngrams() == 500U * (40 - 12));
  std::size_t found = 0;
  for (int first = 0; first + 13 <= 500 * 40; ++first) {
    std::string prompt;
    for (int w = 0; w < 13; ++w) prompt += std::to_string(first + w) + " ";
    const bool within = first % 40 + 13 <= 40;
    if ((overlap.find(prompt) == Match::ngram) == within) ++found;
  }
  CHECK(found == 500U * 40 - 12);
}
