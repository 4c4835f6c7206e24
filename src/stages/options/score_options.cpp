#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>

#include "armorm/score.h"
#include "core/date.h"
#include "core/error.h"
#include "core/log.h"
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
           fields.copy_keys)
      .add(
          {"json", output,
           "Print the results as one JSON document (docs/output.md): with --output FILE a summary of the run "
           "(rows, errors, tokens, speed), with --evaluate its report"},
          fields.json);
}

void declare_evaluation(ScoreOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add({"evaluate", inputs,
            "Evaluate the model on preference data instead of scoring --input: a set (a file, a folder or a "
            "Hub id), several, comma-separated, or a recipe (docs/mixtures.md). Prints accuracies; --output "
            "then gets a line per pair, or nothing if it is -"},
           fields.evaluate)
      .add({"dataset_split", inputs, "Split of --evaluate"}, fields.dataset_split)
      .add({"dataset_config", inputs, "Config of --evaluate, if its card names several; empty = its default"},
           fields.dataset_config)
      .add({"columns", inputs, "Column renames of --evaluate, comma-separated: chosen=winner,rejected=loser"},
           fields.columns)
      .add(kForm, fields.form)
      .add(kPreferenceLabel, fields.preference_label)
      .add(kRankedPairs, fields.ranked_pairs)
      .add(
          {"benchmark", output,
           "Summary of --evaluate: the sections of RewardBench 1 or 2, or none; auto = by the rows' subsets"},
          fields.benchmark)
      .add({"report", output, "JSON file for the results of --evaluate; empty = none"}, fields.report);
}

// Options of --evaluate that have an effect with it alone. Those that programs of the pipeline have too may
// stand in the `common` section of a config, and are only named.
void check_without_evaluate(const ScoreOptions& options) {
  if (options.benchmark != Benchmark::auto_ || !options.report.empty())
    fail_usage("--{}: has an effect with --evaluate alone; name the preference data there",
               options.report.empty() ? "benchmark" : "report");
  const ScoreOptions defaults;
  std::vector<std::string> unused;
  const auto look = [&unused](bool is_given, const char* flag) {
    if (is_given) unused.emplace_back(flag);
  };
  look(options.dataset_split != defaults.dataset_split, "--dataset_split");
  look(!options.dataset_config.empty(), "--dataset_config");
  look(!options.columns.empty(), "--columns");
  look(options.form != defaults.form, "--form");
  look(!options.preference_label.empty(), "--preference_label");
  look(options.ranked_pairs != defaults.ranked_pairs, "--ranked_pairs");
  if (!unused.empty()) log::warn("{}: no effect without --evaluate", fmt::join(unused, ", "));
}

void check_with_evaluate(const ScoreOptions& options) {
  if (std::find(options.evaluate.paths.begin(), options.evaluate.paths.end(), "") !=
      options.evaluate.paths.end())
    fail_usage("--evaluate: one of its sets is empty; name files, folders, Hub ids or a recipe");
  if (options.input != "-")
    fail_usage("--input: is not read with --evaluate, which names the rows; leave one of them out");
  if (!options.copy_keys.empty())
    fail_usage(
        "--copy_keys: has no effect with --evaluate, whose lines have their row's number; leave it out");
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
  declare_evaluation(fields, list);
  return list;
}

}  // namespace armorm::stages::options

namespace armorm {

void ScoreOptions::validate() const {
  ScorerOptions::validate();
  if (input.empty()) fail_usage("--input: is empty; name a file, or - for the standard input");
  if (output.empty()) fail_usage("--output: is empty; name a file, or - for the standard output");
  if (json && output == "-" && evaluate.paths.empty())
    fail_usage(
        "--json: standard output has the scores, which are JSON Lines already; give --output FILE, or leave "
        "--json out");
  stages::options::shared_options::at_least("window", window, 1);
  if (fields.empty())
    fail_usage("--fields: is empty; name at least one of {}", fmt::join(words_of(ScoreField{}), ", "));
  stages::options::check_copy_keys(copy_keys);
  if (evaluate.paths.empty())
    stages::options::check_without_evaluate(*this);
  else
    stages::options::check_with_evaluate(*this);
}

}  // namespace armorm
