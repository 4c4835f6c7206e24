// The pairs of a preference row, and their texts as reports show them.
#pragma once

#include <cstdint>
#include <vector>

#include "data/conversation.h"
#include "report/gate_figures.h"

namespace armorm::stages::explain {

// The answers of a row by number: 0 and 1 for a row of one chosen and one rejected answer; for rows of
// several, the numbers that stage2-prepare records for the pair.
struct RowPair {
  std::int64_t chosen = 0;
  std::int64_t rejected = 1;
};

// As stage2-prepare pairs them, in the same order; none where labels make no pair.
std::vector<RowPair> pairs_of(const data::PreferenceRow& row);
bool has_several_answers(const data::PreferenceRow& row);

// The two conversations of a pair. data error if the row has no such answers.
struct PairSides {
  const Conversation& chosen;
  const Conversation& rejected;
};
PairSides sides_of(const data::PreferenceRow& row, const RowPair& pair);

report::PairTexts texts_of(const PairSides& sides);

}  // namespace armorm::stages::explain
