// Conversations whose score may not be what the client takes it for. Each kind is counted, and logged once.
#pragma once

#include <atomic>
#include <cstdint>

#include "stages/scoring/score_rows.h"

namespace armorm::stages::serving {

struct RowNoteCounts {
  std::int64_t open_answers = 0;        // texts that do not end as the chat template ends an answer
  std::int64_t without_answer = 0;      // the last turn is of a user, the system or a tool
  std::int64_t special_in_content = 0;  // a message has the text of a special token
};

// Thread-safe.
class RowNotes {
 public:
  // `special_allowed`: texts of special tokens in messages become tokens.
  explicit RowNotes(bool special_allowed) : special_allowed_(special_allowed) {}
  void take(const scoring::ScoreRow& row);
  RowNoteCounts counts() const;

 private:
  bool special_allowed_;
  std::atomic<std::int64_t> open_answers_ = 0;
  std::atomic<std::int64_t> without_answer_ = 0;
  std::atomic<std::int64_t> special_in_content_ = 0;
};

}  // namespace armorm::stages::serving
