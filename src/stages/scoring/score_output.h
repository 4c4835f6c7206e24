// The lines that score writes.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

#include "armorm/score.h"
#include "gating/reward_head.h"
#include "stages/scoring/score_rows.h"

namespace armorm::stages::scoring {

class ScoreLines {
 public:
  ScoreLines(const std::vector<std::string>& attributes, std::vector<ScoreField> fields);

  // Appends the line of row `row`, whose result is number `index` of `scores`. Numbers are the shortest that
  // read back as the same float32.
  void add(const ScoreRow& row, const gating::HeadScores& scores, std::size_t index,
           fmt::memory_buffer& out) const;
  // Of a row that was skipped: its "error" in place of fields.
  void add_bad(const ScoreRow& row, const std::string& reason, fmt::memory_buffer& out) const;

 private:
  void add_vector(ScoreField field, const gating::HeadScores& scores, std::size_t index,
                  fmt::memory_buffer& out) const;
  std::vector<std::string> keys_;  // "\"name\":" of each attribute
  std::vector<ScoreField> fields_;
};

}  // namespace armorm::stages::scoring
