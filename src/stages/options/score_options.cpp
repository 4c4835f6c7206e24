#include <fmt/format.h>

#include <functional>
#include <set>
#include <string_view>

#include "armorm/score.h"
#include "core/date.h"
#include "core/error.h"
#include "stages/options/common_options.h"
#include "stages/options/declarations.h"
#include "stages/options/shared_options.h"

namespace armorm::stages::options {
namespace {

void declare_files(ScoreOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add({"input", inputs, "Conversations as JSON Lines, plain, gzip or zstd; - = standard input"},
           fields.input)
      .add({"output", output,
            "File for the scores, published when complete, or a FIFO or character device, written line by "
            "line; - = standard output, line by line"},
           fields.output);
}

void declare_rows(ScoreOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add({"window", results, "Conversations held in memory; common prefixes are shared within this window"},
           fields.window)
      .add({"on_bad_row", output,
            "error: stop at a row that cannot be scored; skip: write a line with its \"error\" and continue. "
            "A row that ends in a user's turn is only counted by error, and gets an \"error\" by skip"},
           fields.on_bad_row)
      .add({"fields", output,
            "Fields to write for each row, comma-separated: score, rewards, gate, contributions, "
            "coefficients, tokens"},
           fields.fields)
      .add({"copy_keys", output,
            "Keys of the input rows to copy to the output, comma-separated; other unused keys are counted "
            "and named"},
           fields.copy_keys);
}

// A line of output must not have a key twice.
void check_copy_keys(const std::vector<std::string>& keys) {
  std::set<std::string, std::less<>> taken{"id", "line", "error"};
  for (const std::string_view word : words_of(ScoreField{})) taken.emplace(word);
  for (const std::string& key : keys)
    if (key.empty() || !taken.insert(key).second)
      fail_usage(
          "--copy_keys: '{}' is in every line already, is given twice or is empty; expected other keys", key);
}

}  // namespace

OptionList declare(ScoreOptions& fields) {
  OptionList list;
  shared_options::declare_model(fields, list);
  declare_files(fields, list);
  shared_options::declare_scorer(fields, list);
  declare_rows(fields, list);
  return list;
}

}  // namespace armorm::stages::options

namespace armorm {

void ScoreOptions::validate() const {
  ScorerOptions::validate();
  if (input.empty()) fail_usage("--input: is empty; name a file, or - for the standard input");
  if (output.empty()) fail_usage("--output: is empty; name a file, or - for the standard output");
  stages::options::shared_options::at_least("window", window, 1);
  if (fields.empty())
    fail_usage("--fields: is empty; name at least one of {}", fmt::join(words_of(ScoreField{}), ", "));
  stages::options::check_copy_keys(copy_keys);
}

}  // namespace armorm
