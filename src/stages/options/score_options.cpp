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
  list.add({"window", results, "Conversations held at once, among which common prefixes are shared"},
           fields.window)
      .add(
          {"on_bad_row", output,
           "error: a row that cannot be scored ends the run; skip: it gets a line with its \"error\", and so "
           "does a row that ends in a user's turn, which error only counts"},
          fields.on_bad_row)
      .add({"fields", output,
            "Fields to write for each row, comma-separated: score, rewards, gate, contributions, "
            "coefficients, tokens"},
           fields.fields)
      .add({"copy_keys", output,
            "Keys of the rows whose values are copied to the output, comma-separated; other keys that score "
            "does not use are counted and named"},
           fields.copy_keys)
      .add({"json", output,
            "With --output FILE: print a summary of the run (rows, errors, tokens, speed) as one JSON "
            "document (docs/output.md)"},
           fields.json);
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
  if (json && output == "-")
    fail_usage(
        "--json: standard output has the scores, which are JSON Lines already; give --output FILE, or leave "
        "--json out");
  stages::options::shared_options::at_least("window", window, 1);
  if (fields.empty())
    fail_usage("--fields: is empty; name at least one of {}", fmt::join(words_of(ScoreField{}), ", "));
  stages::options::check_copy_keys(copy_keys);
}

}  // namespace armorm
