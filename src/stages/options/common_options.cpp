#include "stages/options/common_options.h"

#include <cstdio>
#include <cstdlib>
#include <set>

#include "core/error.h"
#include "stages/options/all_options.h"
#include "stages/prepare/bad_rows.h"

namespace armorm {

std::string default_data_root() {
  if (const char* root = std::getenv("ARMORM_DATA"); root != nullptr && *root != '\0') return root;
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : ".") + "/data/ArmoRM";
}

std::chrono::year_month_day parse_date(const char* flag, const std::string& text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int end = 0;
  const bool plain = text.size() == 10 && text.find_first_not_of("0123456789-") == std::string::npos;
  const bool read =
      plain && std::sscanf(text.c_str(), "%4d-%2u-%2u%n", &year, &month, &day, &end) == 3 && end == 10;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!read || year < 1970 || !date.ok())
    fail_usage("{}: '{}' is no date; use YYYY-MM-DD from 1970 on, such as {}", flag, text, kTemplateDate);
  return date;
}

void ExtractionOptions::declare(OptionList& list) {
  list.add("model_path", model_path, "Reward model: a folder with config.json and safetensors, or a Hub id")
      .add("n_shards", n_shards, "Number of shards the data set is divided into, >= 1")
      .add("shard_idx", shard_idx, "Which shard this process computes, 1-based")
      .add("device", device, "CUDA device index; -1 = CPU")
      .add("precision", precision, "Arithmetic of the backbone", {"bf16", "fp32", "fp8"})
      .add("batch_tokens", batch_tokens, "Tokens in one forward pass; 0 = from the free memory")
      .add("threads", threads, "CPU threads; 0 = all that this process may use")
      .add("batch_invariant", batch_invariant,
           "Let a row's bits depend on nothing but the row: the same for any shards, packs and threads")
      .add(
          "allow_special_in_content", allow_special_in_content,
          "Let special-token strings inside message content become special tokens, as the Python scripts did")
      .add("template_date", template_date,
           "Date that a chat template which reads the clock is told, YYYY-MM-DD, whatever day it is")
      .add("seed", seed, "Of the shuffle before the rows are divided into shards; all shards need the same")
      .add("dry_run", dry_run,
           "Only tell what would be done: rows, lengths, work, memory, and the first row as it is read")
      .add("status", status,
           "Only tell how far the shards of this data set are: done, running, interrupted, missing; rows/s, "
           "time left")
      .add("all_sets", all_sets, "With --status: an overview of all data sets below --data_root")
      .add("json", json, "With --status: as JSON")
      .add("data_root", data_root, "Folder of all artefacts ($ARMORM_DATA sets the default)")
      .add("restart", restart,
           "Make a finished shard again, and delete what an interrupted run with other inputs left")
      .add("checkpoint_seconds", checkpoint_seconds,
           "Seconds between two durable points of a run; 0 = after every pass")
      .add("on_bad_row", on_bad_row,
           "A row that cannot be used ends the run, or is listed in <target>.rejects.jsonl",
           {"error", "skip"})
      .add("max_bad_rows", max_bad_rows,
           "Skipped rows that end the run after all: a count (100), or a part (0.01, 1%)");
}

void ExtractionOptions::validate() const {
  if (model_path.empty()) fail_usage("--model_path: is empty; name a model folder or a Hub id");
  if (n_shards < 1) fail_usage("--n_shards: {} is out of range; it must be at least 1", n_shards);
  if (shard_idx < 1 || shard_idx > n_shards)
    fail_usage("--shard_idx: {} is out of range; it is 1-based and at most --n_shards ({})", shard_idx,
               n_shards);
  if (n_shards > 99999)
    fail_usage("--n_shards: {} is out of range; at most 99999 fit the file names", n_shards);
  if (device < -1) fail_usage("--device: {} is no device; use -1 for the CPU or a CUDA index from 0", device);
  if (batch_tokens < 0)
    fail_usage("--batch_tokens: {} is negative; use 0 to let it follow the free memory", batch_tokens);
  if (threads < 0) fail_usage("--threads: {} is negative; use 0 for all", threads);
  parse_date("--template_date", template_date);
  if (seed < 0) fail_usage("--seed: {} is negative; use 0 for the published shuffle", seed);
  if (data_root.empty()) fail_usage("--data_root: is empty; name a folder");
  if (!(checkpoint_seconds >= 0))
    fail_usage("--checkpoint_seconds: {} is out of range; it must not be negative", checkpoint_seconds);
  if (on_bad_row != "error" && on_bad_row != "skip")
    fail_usage("--on_bad_row: '{}' is unknown; use error or skip", on_bad_row);
  bad_row_limit(max_bad_rows, 0);
  if (!status && (all_sets || json))
    fail_usage("--{}: belongs to --status; give both", all_sets ? "all_sets" : "json");
}

const std::vector<std::string>& default_attributes() {
  static const std::vector<std::string> names{"helpsteer-helpfulness",
                                              "helpsteer-correctness",
                                              "helpsteer-coherence",
                                              "helpsteer-complexity",
                                              "helpsteer-verbosity",
                                              "ultrafeedback-overall_score",
                                              "ultrafeedback-instruction_following",
                                              "ultrafeedback-truthfulness",
                                              "ultrafeedback-honesty",
                                              "ultrafeedback-helpfulness",
                                              "beavertails-is_safe",
                                              "prometheus-score",
                                              "argilla-overall_quality",
                                              "argilla-judge_lm",
                                              "code-complexity",
                                              "code-style",
                                              "code-explanation",
                                              "code-instruction-following",
                                              "code-readability"};
  return names;
}

std::vector<std::string> all_option_names() {
  std::set<std::string> names;
  const auto collect = [&names](auto options) {
    const OptionList list = options.declare();
    for (const Option& option : list.options()) names.insert(option.name);
  };
  collect(Stage1PrepareOptions{});
  collect(Stage1TrainOptions{});
  collect(Stage2PrepareOptions{});
  collect(Stage2TrainOptions{});
  collect(ScoreOptions{});
  return {names.begin(), names.end()};
}

}  // namespace armorm
