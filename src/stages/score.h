// score: conversations -> the score of an ArmoRM and what it is made of, as JSON Lines.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/options.h"
#include "stages/options/stage_environment.h"

namespace armorm {

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

// Reads conversations, one a line: {"messages": [...]}, a bare list of messages, or {"prompt": text or
// messages, "response": text}, with an optional "id". Writes a line for each, in the order of the input:
// {"id": ..., "score": ..., "rewards": {name: value}, "gate": {...}, "contributions": {...}}, with "line": n
// where the row has no id. Holds --window rows at a time; those that are there are scored as soon as no more
// input is waiting. An output file is published when it is whole.
void run_score(const ScoreOptions& options, const StageEnvironment& environment = {});

}  // namespace armorm
