// Which answers of a row with several are compared.
#pragma once

#include <vector>

#include "data/conversation.h"

namespace armorm::data {

// Of c chosen and r rejected answers, both at least 1, max(c, r) pairs (i mod c, i mod r): every answer is in
// one of them.
std::vector<AnswerPair> pair_answers(std::size_t chosen, std::size_t rejected);

// All answers of a row: in its order, or the chosen and then the rejected ones.
std::vector<const Conversation*> answers_of(const PreferenceRow& row);

}  // namespace armorm::data
