#include "stages/options/score_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/date.h"
#include "core/error.h"

namespace armorm {
namespace {

const std::vector<std::string>& names() {
  static const std::vector<std::string> list{"score",         "rewards",      "gate",
                                             "contributions", "coefficients", "tokens"};
  return list;
}

void at_least(const char* flag, std::int64_t value, std::int64_t least) {
  if (value < least) fail_usage("--{}: {} is out of range; it must be at least {}", flag, value, least);
}

}  // namespace

ScoreField parse_score_field(const std::string& name) {
  const auto found = std::find(names().begin(), names().end(), name);
  if (found == names().end()) fail_usage("--fields: '{}' is unknown; use {}", name, score_field_names());
  return static_cast<ScoreField>(found - names().begin());
}

const std::string& name_of(ScoreField field) { return names()[static_cast<std::size_t>(field)]; }

std::string score_field_names() { return fmt::format("{}", fmt::join(names(), ", ")); }

OptionList ScoreOptions::declare() {
  OptionList list;
  list.add("model_path", model_path,
           "ArmoRM: a folder of stage2-train --export or of the released layout, or a Hub id")
      .add("input", input, "Conversations as JSON Lines, plain, gzip or zstd; - = standard input")
      .add("output", output, "File for the scores, there when it is whole; - = standard output, as they come")
      .add("device", device, "CUDA device index; -1 = CPU")
      .add("precision", precision, "Arithmetic of the backbone", {"bf16", "fp32", "fp8"})
      .add(
          "batch_invariant", batch_invariant,
          "Same bits for a conversation in any company, packs and threads; --batch_invariant=false is faster")
      .add("batch_tokens", batch_tokens, "Tokens in one forward pass; 0 = from the free memory")
      .add("window", window, "Conversations that are held, and shared prefixes searched in, at once")
      .add("threads", threads, "CPU threads; 0 = all that this process may use")
      .add("max_length", max_length,
           "Longest conversation in tokens, a longer one is a bad row; 0 = what the model allows")
      .add("on_bad_row", on_bad_row,
           "A row that cannot be scored ends the run, or gets a line with its \"error\"", {"error", "skip"})
      .add("allow_special_in_content", allow_special_in_content,
           "Let special-token strings inside message content become special tokens")
      .add(
          "template_date", template_date,
          "Date that a chat template which reads the clock is told, YYYY-MM-DD; empty = that of the training")
      .add("fields", fields,
           "What to write of each row, comma-separated: score, rewards, gate, contributions, "
           "coefficients, tokens");
  return list;
}

void ScorerOptions::validate() const {
  if (model_path.empty()) fail_usage("--model_path: is empty; name a model folder or a Hub id");
  at_least("device", device, -1);
  at_least("batch_tokens", batch_tokens, 0);
  at_least("threads", threads, 0);
  at_least("max_length", max_length, 0);
  if (!template_date.empty()) parse_date("--template_date", template_date);
}

void ScoreOptions::validate() const {
  ScorerOptions::validate();
  if (input.empty()) fail_usage("--input: is empty; name a file, or - for the standard input");
  if (output.empty()) fail_usage("--output: is empty; name a file, or - for the standard output");
  at_least("window", window, 1);
  if (fields.empty()) fail_usage("--fields: is empty; name at least one of {}", score_field_names());
  for (const std::string& field : fields) parse_score_field(field);
}

}  // namespace armorm
