// Input rows of the toolchain: conversations, with labels or in pairs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "armorm/conversation.h"

namespace armorm::data {

// One row of the multi-objective set.
struct LabelledRow {
  std::int64_t row_id = 0;  // position in the source split
  std::int64_t answer = 0;  // number within the row, of forms with several answers to rate
  Conversation messages;
  std::vector<float> labels;  // one per attribute, NaN = missing
};

// A pair of the answers of a row with labels.
struct AnswerPair {
  std::size_t chosen = 0;
  std::size_t rejected = 0;
};

// One row of a preference set, of RewardBench or of RewardBench 2.
struct PreferenceRow {
  std::int64_t row_id = 0;
  Conversation chosen;
  Conversation rejected;
  std::string subset;  // RewardBench only
  // Best-of-n rows (RewardBench 2): all good and all bad answers to one prompt, at least one of each;
  // `chosen` and `rejected` are then the first of each. Empty for a pair.
  std::vector<Conversation> all_chosen;
  std::vector<Conversation> all_rejected;
  std::string id;  // best-of-n rows only: the id in the data set
  // Rows whose form says by labels which answer is better (data/form.h): all answers, and the pairs that the
  // labels make of them, which may be none. `chosen` and `rejected` are then empty.
  std::vector<Conversation> answers;
  std::vector<AnswerPair> pairs;
  std::int64_t tied_pairs = 0;
  std::int64_t unlabelled_answers = 0;
  float strength = std::numeric_limits<float>::quiet_NaN();  // of the preference; NaN = not given
};

}  // namespace armorm::data
