#include "stages/explain/pair_texts.h"

#include "armorm/error.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::explain;

namespace {

Conversation answered(const std::string& prompt, const std::string& answer) {
  return {{"user", prompt}, {"assistant", answer}};
}

}  // namespace

TEST_CASE("rows are paired as stage2-prepare pairs them", "[unit]") {
  data::PreferenceRow pair;
  pair.chosen = answered("p", "a");
  pair.rejected = answered("p", "b");
  REQUIRE(pairs_of(pair).size() == 1);
  CHECK_FALSE(has_several_answers(pair));
  CHECK(sides_of(pair, {}).rejected.back().content == "b");

  data::PreferenceRow ranked;
  ranked.answers = {answered("p", "a"), answered("p", "b"), answered("p", "c")};
  ranked.pairs = {{2, 0}, {1, 0}};
  REQUIRE(pairs_of(ranked).size() == 2);
  CHECK(sides_of(ranked, pairs_of(ranked)[0]).chosen.back().content == "c");
  CHECK(sides_of(ranked, pairs_of(ranked)[0]).rejected.back().content == "a");
  CHECK_THROWS_AS(sides_of(ranked, {3, 0}), Error);
  CHECK_THROWS_AS(sides_of(ranked, {0, -1}), Error);
  ranked.pairs.clear();
  CHECK(pairs_of(ranked).empty());

  data::PreferenceRow best;
  best.all_chosen = {answered("p", "good")};
  best.all_rejected = {answered("p", "bad"), answered("p", "worse")};
  REQUIRE(pairs_of(best).size() == 2);
  CHECK(sides_of(best, pairs_of(best)[1]).chosen.back().content == "good");
  CHECK(sides_of(best, pairs_of(best)[1]).rejected.back().content == "worse");
}

TEST_CASE("texts are split at the answer, and a prompt that both sides share comes once", "[unit]") {
  const Conversation chosen{{"system", "s"}, {"user", "p"}, {"assistant", "a"}};
  const Conversation rejected{{"system", "s"}, {"user", "p"}, {"assistant", "b"}, {"tool", "t"}};
  const report::PairTexts texts = texts_of({chosen, rejected});
  REQUIRE(texts.prompt.size() == 2);
  CHECK(texts.rejected_prompt.empty());
  CHECK(texts.prompt[1].text == "p");
  REQUIRE(texts.answer.rejected.size() == 2);
  CHECK(texts.answer.rejected[1].role == "tool");

  const Conversation other = answered("q", "b");
  const report::PairTexts differing = texts_of({chosen, other});
  REQUIRE(differing.rejected_prompt.size() == 1);
  CHECK(differing.rejected_prompt[0].text == "q");
}

TEST_CASE("a message of more than texts is shown as it is", "[unit]") {
  const Message call{"assistant", "", R"({"role":"assistant","tool_calls":[]})"};
  const Conversation chosen{{"user", "p"}, call};
  CHECK(texts_of({chosen, chosen}).answer.chosen[0].text == call.json);
}
