#include "data/answer_pairs.h"

#include <algorithm>

namespace armorm::data {

std::vector<AnswerPair> pair_answers(std::size_t chosen, std::size_t rejected) {
  std::vector<AnswerPair> pairs(std::max(chosen, rejected));
  for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = {i % chosen, i % rejected};
  return pairs;
}

std::vector<const Conversation*> answers_of(const PreferenceRow& row) {
  std::vector<const Conversation*> all;
  for (const auto* some : {&row.answers, &row.all_chosen, &row.all_rejected})
    for (const Conversation& answer : *some) all.push_back(&answer);
  if (all.empty()) all = {&row.chosen, &row.rejected};
  return all;
}

}  // namespace armorm::data
