#include "data/answer_pairs.h"

#include "support/test_support.h"

namespace armorm::data {

TEST_CASE("every chosen and every rejected answer is in a pair", "[unit]") {
  using Numbers = std::vector<std::pair<std::size_t, std::size_t>>;
  const auto numbers = [](std::size_t chosen, std::size_t rejected) {
    Numbers pairs;
    for (const AnswerPair& pair : pair_answers(chosen, rejected))
      pairs.emplace_back(pair.chosen, pair.rejected);
    return pairs;
  };
  CHECK(numbers(1, 1) == Numbers{{0, 0}});
  CHECK(numbers(1, 3) == Numbers{{0, 0}, {0, 1}, {0, 2}});
  CHECK(numbers(3, 2) == Numbers{{0, 0}, {1, 1}, {2, 0}});
}

TEST_CASE("the answers of a row are in its order, and the chosen ones before the rejected", "[unit]") {
  const auto answer = [](const char* text) { return Conversation{{"assistant", text}}; };
  const auto texts = [](const PreferenceRow& row) {
    std::string joined;
    for (const Conversation* conversation : answers_of(row)) joined += conversation->front().content;
    return joined;
  };
  PreferenceRow pair;
  pair.chosen = answer("a");
  pair.rejected = answer("b");
  CHECK(texts(pair) == "ab");
  PreferenceRow best_of_n = pair;
  best_of_n.all_chosen = {answer("a"), answer("c")};
  best_of_n.all_rejected = {answer("b"), answer("d"), answer("e")};
  CHECK(texts(best_of_n) == "acbde");
  PreferenceRow ranked;
  ranked.answers = {answer("x"), answer("y"), answer("z")};
  CHECK(texts(ranked) == "xyz");
}

}  // namespace armorm::data
