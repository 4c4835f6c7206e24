// The options of score. The program's help says what each field means (declarations.h); the comments here
// say what a value may be.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "armorm/reward_scorer.h"
#include "stages/options/choices.h"

namespace armorm {

struct ScoreOptions : ScorerOptions {
  std::string input = "-";
  std::string output = "-";
  std::int64_t window = 1024;  // >= 1
  OnBadRow on_bad_row = OnBadRow::error;
  std::vector<ScoreField> fields{ScoreField::score, ScoreField::rewards, ScoreField::gate,
                                 ScoreField::contributions};  // at least one

  void validate() const;  // usage errors
};

}  // namespace armorm
