// The options of score. The program's help says what each field means (declarations.h); the comments here
// say what a value may be.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/precision.h"
#include "stages/options/choices.h"

namespace armorm {

struct ScoreOptions {
  std::string model_path = "RLHFlow/ArmoRM-Llama3-8B-v0.1";
  std::string input = "-";
  std::string output = "-";
  std::int64_t device = 0;  // >= -1
  Precision precision = Precision::bf16;
  bool batch_invariant = true;
  std::int64_t batch_tokens = 0;  // >= 0
  std::int64_t window = 1024;     // >= 1
  std::int64_t threads = 0;       // >= 0
  std::int64_t max_length = 0;    // >= 0; the model allows max_position_embeddings
  OnBadRow on_bad_row = OnBadRow::error;
  bool allow_special_in_content = false;
  std::string template_date;  // from 1970 on, or empty
  std::vector<ScoreField> fields{ScoreField::score, ScoreField::rewards, ScoreField::gate,
                                 ScoreField::contributions};  // at least one

  void validate() const;  // usage errors
};

}  // namespace armorm
