// The options of score.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/options.h"

namespace armorm {

enum class ScoreField { score, rewards, gate, contributions, coefficients, tokens };
ScoreField parse_score_field(const std::string& name);  // usage error for another word
const std::string& name_of(ScoreField field);
std::string score_field_names();  // "score, rewards, ..."

struct ScoreOptions {
  std::string model_path = "RLHFlow/ArmoRM-Llama3-8B-v0.1";  // folder or Hub id
  std::string input = "-";           // JSON Lines, also gzip or zstd; "-" = standard input
  std::string output = "-";          // "-" = standard output
  std::int64_t device = 0;           // CUDA device; -1 = CPU
  std::string precision = "bf16";    // bf16, fp32 or fp8
  bool batch_invariant = true;       // a score's bits depend on nothing but its conversation
  std::int64_t batch_tokens = 0;     // tokens in one forward pass; 0 = from free memory
  std::int64_t window = 1024;        // conversations held at once, >= 1
  std::int64_t threads = 0;          // CPU threads; 0 = all that this process may use
  std::int64_t max_length = 0;       // tokens of a conversation; 0 = the model's max_position_embeddings
  std::string on_bad_row = "error";  // error, or skip: an "error" in the row's output line
  bool allow_special_in_content = false;
  std::string template_date;  // YYYY-MM-DD, for chat templates that read the clock; empty = the model's own
  std::vector<std::string> fields{"score", "rewards", "gate", "contributions"};

  OptionList declare();
  void validate() const;
};

}  // namespace armorm
