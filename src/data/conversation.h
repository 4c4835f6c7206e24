// Input rows of the toolchain: conversations, with labels or in pairs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "armorm/conversation.h"

namespace armorm::data {

// One row of the multi-objective set.
struct LabelledRow {
  std::int64_t row_id = 0;  // position in the source split
  Conversation messages;
  std::vector<float> labels;  // one per attribute, NaN = missing
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
};

}  // namespace armorm::data
