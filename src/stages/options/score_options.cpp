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
            "File for the scores, which appears under its name when complete, or a FIFO or character device, "
            "written line by line; - = standard output, line by line"},
           fields.output);
}

void declare_rows(ScoreOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add({"window", results, "Conversations held in memory; common prefixes are shared within this window"},
           fields.window)
      .add({"on_bad_row", output,
            "error: stop at a row that cannot be scored; skip: write a line with its \"error\" and continue. "
            "Rows that end in a user turn: error scores them and warns; skip treats them as bad"},
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

// Of --evaluate and --explain, which read the same data.
void declare_pairs(ScoreOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add({"evaluate", inputs,
            "Evaluate the model on preference data instead of scoring --input: a set (a file, a folder or a "
            "Hub id), several, comma-separated, or a recipe (docs/mixtures.md). Prints accuracies; --output "
            "FILE gets a line per pair"},
           fields.evaluate)
      .add({"explain", inputs,
            "Explain the pairs of such a set instead of scoring --input: a line per pair with what each "
            "attribute adds and what would flip the preference; a page with --html"},
           fields.explain)
      .add({"dataset_split", inputs, "Split of --evaluate or --explain"}, fields.dataset_split)
      .add({"dataset_config", inputs,
            "Config of --evaluate or --explain, if its card names several; empty = its default"},
           fields.dataset_config)
      .add({"columns", inputs,
            "Column renames of --evaluate or --explain, comma-separated EXPECTED=ACTUAL, e.g. "
            "chosen=winner,rejected=loser"},
           fields.columns)
      .add(kForm, fields.form)
      .add(kPreferenceLabel, fields.preference_label)
      .add(kRankedPairs, fields.ranked_pairs);
}

void declare_pair_results(ScoreOptions& fields, OptionList& list) {
  using namespace shared_options;
  list.add(
          {"benchmark", output,
           "Summary of --evaluate: the sections of RewardBench 1 or 2, or none; auto = by the rows' subsets"},
          fields.benchmark)
      .add({"report", output, "JSON file for the results of --evaluate; empty = none"}, fields.report)
      .add(
          {"html", output,
           "Page of --explain with texts and bars, which appears under its name when complete; empty = none"},
          fields.html)
      .add({"html_pairs", output, "Pairs on the page, the first ones; the lines have all"}, fields.html_pairs)
      .add({"training_gates", inputs,
            "File of stage2-train --training_gates: adds the training prompts with the nearest gate weights "
            "to --explain"},
           fields.training_gates);
}

void refuse(bool given, const char* flag, const char* why) {
  if (given) fail_usage("--{}: {}; leave it out", flag, why);
}

// Options that programs of the pipeline have too may stand in the `common` section of a config, and are only
// named.
void warn_without_pairs(const ScoreOptions& options) {
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
  if (!unused.empty()) log::warn("{}: no effect without --evaluate or --explain", fmt::join(unused, ", "));
}

void check_paths(const DatasetPaths& sets, const char* flag) {
  if (std::find(sets.paths.begin(), sets.paths.end(), "") != sets.paths.end())
    fail_usage("--{}: one of its sets is empty; name files, folders, Hub ids or a recipe", flag);
}

void check_evaluate(const ScoreOptions& options) {
  const bool is_given = !options.evaluate.paths.empty();
  check_paths(options.evaluate, "evaluate");
  const char* const why = "is used with --evaluate only, which is not given";
  refuse(!is_given && options.benchmark != Benchmark::auto_, "benchmark", why);
  refuse(!is_given && !options.report.empty(), "report", why);
}

void check_explain(const ScoreOptions& options) {
  const ScoreOptions defaults;
  const bool is_given = !options.explain.paths.empty();
  check_paths(options.explain, "explain");
  const char* const why = "is used with --explain only, which is not given";
  refuse(!is_given && !options.html.empty(), "html", why);
  refuse(!is_given && !options.training_gates.empty(), "training_gates", why);
  refuse(is_given && options.fields != defaults.fields, "fields",
         "is not used with --explain, whose lines have all fields");
  refuse(options.html.empty() && options.html_pairs != defaults.html_pairs, "html_pairs",
         "is used with --html only, which is not given");
  if (options.html == "-")
    fail_usage("--html: the lines are on the standard output; name a file for the page");
  if (!options.html.empty() && options.html == options.output)
    fail_usage("--html: {} is also --output; name another file", options.html);
  shared_options::at_least("html_pairs", options.html_pairs, 1);
}

void check_pairs(const ScoreOptions& options) {
  check_evaluate(options);
  check_explain(options);
  const bool evaluates = !options.evaluate.paths.empty();
  const bool explains = !options.explain.paths.empty();
  if (evaluates && explains) fail_usage("--evaluate and --explain: are two runs; give one of them");
  if (!evaluates && !explains) return warn_without_pairs(options);
  refuse(options.input != "-", "input", "is not read with --evaluate or --explain, which name the rows");
  refuse(!options.copy_keys.empty(), "copy_keys",
         "is not used with --evaluate or --explain, whose lines have the row's number");
}

// A line of output must not have a key twice.
void check_fields(const std::vector<ScoreField>& fields) {
  if (fields.empty())
    fail_usage("--fields: is empty; name at least one of {}", fmt::join(words_of(ScoreField{}), ", "));
  std::set<ScoreField> given;
  for (const ScoreField field : fields)
    if (!given.insert(field).second) fail_usage("--fields: '{}' is given twice", name_of(field));
}

// The same.
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
  declare_pairs(fields, list);
  declare_pair_results(fields, list);
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
  stages::options::check_fields(fields);
  stages::options::check_copy_keys(copy_keys);
  stages::options::check_pairs(*this);
}

}  // namespace armorm
