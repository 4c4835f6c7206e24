#include <fmt/format.h>

#include "armorm/score.h"
#include "core/date.h"
#include "core/error.h"
#include "stages/options/declarations.h"
#include "stages/options/shared_options.h"

namespace armorm {
namespace {

void declare_backbone(ScoreOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add({"model_path", inputs,
            "ArmoRM: a folder of stage2-train --export or of the released layout, or a Hub id"},
           fields.model_path)
      .add({"input", inputs, "Conversations as JSON Lines, plain, gzip or zstd; - = standard input"},
           fields.input)
      .add({"output", output,
            "File for the scores, there when it is whole; - = standard output, as they come"},
           fields.output)
      .add(kDevice, fields.device)
      .add(kBackbonePrecision, fields.precision)
      .add({"batch_invariant", results,
            "Same bits for a conversation in any company, packs and threads; --batch_invariant=false is "
            "faster"},
           fields.batch_invariant)
      .add(kBatchTokens, fields.batch_tokens);
}

void declare_rows(ScoreOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add({"window", results, "Conversations that are held, and shared prefixes searched in, at once"},
           fields.window)
      .add(kThreads, fields.threads)
      .add({"max_length", results,
            "Longest conversation in tokens, a longer one is a bad row; 0 = what the model allows"},
           fields.max_length)
      .add({"on_bad_row", output,
            "A row that cannot be scored ends the run, or gets a line with its \"error\""},
           fields.on_bad_row)
      .add({"allow_special_in_content", results,
            "Let special-token strings inside message content become special tokens"},
           fields.allow_special_in_content)
      .add({"template_date", results,
            "Date that a chat template which reads the clock is told, YYYY-MM-DD; empty = that of the "
            "training"},
           fields.template_date)
      .add({"fields", output,
            "What to write of each row, comma-separated: score, rewards, gate, contributions, coefficients, "
            "tokens"},
           fields.fields);
}

void at_least(const char* flag, std::int64_t value, std::int64_t least) {
  if (value < least) fail_usage("--{}: {} is out of range; it must be at least {}", flag, value, least);
}

}  // namespace

OptionList declare(ScoreOptions& fields) {
  OptionList list;
  declare_backbone(fields, list);
  declare_rows(fields, list);
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
  if (fields.empty())
    fail_usage("--fields: is empty; name at least one of {}", fmt::join(words_of(ScoreField{}), ", "));
}

}  // namespace armorm
