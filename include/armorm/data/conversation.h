// What the toolchain reads: conversations, labelled or in pairs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace armorm {

struct Message {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};
using Conversation = std::vector<Message>;

// One row of the multi-objective set.
struct LabelledRow {
  std::int64_t row_id = 0;  // position in the source split
  Conversation messages;
  std::vector<float> labels;  // one per attribute, NaN = missing
};

// One row of a preference set or of RewardBench.
struct PreferenceRow {
  std::int64_t row_id = 0;
  Conversation chosen;
  Conversation rejected;
  std::string subset;  // RewardBench only
  std::string source;  // empty when the set has no such column
};

}  // namespace armorm
