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
           fields.copy_keys);
}

void declare_explain(ScoreOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add({"explain", inputs,
            "Explain pairs of answers instead of scoring --input: a file, folder or Hub id in one of the "
            "forms "
            "that stage2-prepare reads; a line for each pair, with what each attribute adds and what would "
            "flip the preference"},
           fields.explain)
      .add({"explain_split", inputs, "Split of --explain"}, fields.explain_split)
      .add({"html", output, "Page of --explain with texts and bars, published when complete"}, fields.html)
      .add({"html_pairs", output, "Pairs on the page, the first ones; the lines have all"}, fields.html_pairs)
      .add({"training_gates", inputs,
            "File of stage2-train --training_gates: adds the training prompts with the nearest gate weights "
            "to --explain"},
           fields.training_gates);
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

// What --explain has no use for, and what only it uses.
void check_explain(const ScoreOptions& o) {
  const ScoreOptions defaults;
  const auto refuse = [](bool given, const char* flag, const char* why) {
    if (given) fail_usage("--{}: {}; leave it out", flag, why);
  };
  if (o.explain.empty()) {
    const char* const why = "is read with --explain only, which is not given";
    refuse(!o.html.empty(), "html", why);
    refuse(!o.training_gates.empty(), "training_gates", why);
    refuse(o.explain_split != defaults.explain_split, "explain_split", why);
  } else {
    refuse(o.input != defaults.input, "input", "is not read with --explain, whose pairs are the input");
    refuse(o.fields != defaults.fields, "fields", "is not read with --explain, whose lines have all fields");
    refuse(!o.copy_keys.empty(), "copy_keys", "is not read with --explain, whose lines have row ids");
    if (o.explain_split.empty()) fail_usage("--explain_split: is empty; name a split of {}", o.explain);
  }
  refuse(o.html.empty() && o.html_pairs != defaults.html_pairs, "html_pairs",
         "is read with --html only, which is not given");
  if (o.html == "-") fail_usage("--html: the lines are on the standard output; name a file for the page");
  if (!o.html.empty() && o.html == o.output)
    fail_usage("--html: {} is also --output; name another file", o.html);
  shared_options::at_least("html_pairs", o.html_pairs, 1);
}

}  // namespace

OptionList declare(ScoreOptions& fields) {
  OptionList list;
  shared_options::declare_model(fields, list);
  declare_files(fields, list);
  shared_options::declare_scorer(fields, list);
  declare_rows(fields, list);
  declare_explain(fields, list);
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
  stages::options::check_explain(*this);
}

}  // namespace armorm
