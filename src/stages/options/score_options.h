// The options of score.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "armorm/reward_scorer.h"
#include "core/options.h"

namespace armorm {

enum class ScoreField { score, rewards, gate, contributions, coefficients, tokens };
ScoreField parse_score_field(const std::string& name);  // usage error for another word
const std::string& name_of(ScoreField field);
std::string score_field_names();  // "score, rewards, ..."

struct ScoreOptions : ScorerOptions {
  std::string input = "-";           // JSON Lines, also gzip or zstd; "-" = standard input
  std::string output = "-";          // "-" = standard output
  std::int64_t window = 1024;        // conversations held at once, >= 1
  std::string on_bad_row = "error";  // error, or skip: an "error" in the row's output line
  std::vector<std::string> fields{"score", "rewards", "gate", "contributions"};

  OptionList declare();
  void validate() const;
};

}  // namespace armorm
