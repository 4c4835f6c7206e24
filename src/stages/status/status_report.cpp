#include "stages/status/status_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/print.h"
#include "core/strings.h"
#include "core/units.h"
#include "hub/cache.h"
#include "report/json_values.h"
#include "report/results.h"
#include "report/text_table.h"
#include "stages/artifacts/artifact_paths.h"
#include "stages/status/set_status.h"

namespace armorm::stages::status {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr ShardState kStates[kShardStates] = {ShardState::done, ShardState::running, ShardState::interrupted,
                                              ShardState::missing, ShardState::damaged};

std::string rate_text(double rows_per_second) {
  return std::isnan(rows_per_second) ? "-" : fmt::format("{:.1f}", rows_per_second);
}

std::string left_text(double seconds) { return std::isnan(seconds) ? "-" : duration_text(seconds); }

std::string rows_text(const std::optional<SetStatus::Rows>& rows) {
  return rows ? fmt::format("{}{}", rows->estimated ? "~" : "", rows->rows) : "-";
}

// "1 done, 7 missing"
std::string counts_text(const SetStatus& set) {
  std::vector<std::string> parts;
  for (const ShardState state : kStates)
    if (const std::int64_t n = set.count(state); n > 0)
      parts.push_back(fmt::format("{} {}", n, name_of(state)));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string remark(const ShardStatus& shard) {
  if (!shard.problem.empty()) return shard.problem;
  if (!shard.owner) return "";
  const bool running = shard.state == ShardState::running;
  return fmt::format("{}{}{}", running ? "" : "was ", shard.owner->text(),
                     running ? fmt::format(", last wrote {} ago", duration_text(shard.silent_seconds)) : "");
}

std::string shard_table(const SetStatus& set, const report::TextStyle& style) {
  report::TextTable table({"shard", "state", "rows done", "rows", "rows/s", "time left"});
  std::string remarks;
  for (std::size_t i = 0; i < set.shards.size(); ++i) {
    const ShardStatus& shard = set.shards[i];
    const std::string number = fmt::format("{} of {}", i + 1, set.shards.size());
    table.add({number, std::string(name_of(shard.state)), std::to_string(shard.rows_done),
               shard.rows ? std::to_string(*shard.rows) : "-", rate_text(shard.rows_per_second),
               left_text(shard.seconds_left)});
    if (const std::string text = remark(shard); !text.empty())
      remarks += report::paragraph(fmt::format("shard {}: {}", number, shown_message(text)), 2);
  }
  std::string sum = counts_text(set);
  if (const auto rows = set.rows()) sum += fmt::format("; {} of {} rows", set.rows_done(), rows_text(rows));
  const double rate = set.rows_per_second();
  return table.str(style) + remarks + sum +
         (std::isnan(rate) ? "\n"
                           : fmt::format("; {:.1f} rows/s, {} left\n", rate, left_text(set.seconds_left())));
}

// Of the states, those that a column is for.
std::vector<ShardState> occurring(const std::vector<SetStatus>& sets) {
  std::vector<ShardState> out;
  for (const ShardState state : kStates)
    if (state == ShardState::done ||
        std::ranges::any_of(sets, [state](const SetStatus& set) { return set.count(state) > 0; }))
      out.push_back(state);
  return out;
}

std::string set_table(const std::vector<SetStatus>& sets, const report::TextStyle& style) {
  std::vector<std::string> header{"model/set", "shards"};
  const std::vector<ShardState> states = occurring(sets);
  for (const ShardState state : states) header.emplace_back(name_of(state));
  header.insert(header.end(), {"rows done", "rows", "rows/s", "time left"});
  report::TextTable table(header);
  for (const SetStatus& set : sets) {
    std::vector<std::string> row{set.model + "/" + set.stem, std::to_string(set.shards.size())};
    for (const ShardState state : states) row.push_back(std::to_string(set.count(state)));
    row.insert(row.end(), {std::to_string(set.rows_done()), rows_text(set.rows()),
                           rate_text(set.rows_per_second()), left_text(set.seconds_left())});
    table.add(row);
  }
  return table.str(style);
}

json optional_json(const std::optional<std::int64_t>& value) { return value ? json(*value) : json(nullptr); }

json to_json(const ShardStatus& shard) {
  json out{{"file", shard.target.string()},
           {"state", std::string(name_of(shard.state))},
           {"rows", optional_json(shard.rows)},
           {"rows_done", shard.rows_done},
           {"rows_per_second", report::json_number(shard.rows_per_second)},
           {"tokens", optional_json(shard.tokens)},
           {"tokens_done", shard.tokens_done},
           {"tokens_per_second", report::json_number(shard.tokens_per_second)},
           {"seconds_left", report::json_number(shard.seconds_left)},
           {"silent_seconds", report::json_number(shard.silent_seconds)},
           {"owner", nullptr}};
  if (shard.owner)
    out["owner"] = {
        {"process", shard.owner->process}, {"host", shard.owner->host}, {"since", shard.owner->since}};
  if (!shard.problem.empty()) out["problem"] = shard.problem;
  return out;
}

json to_json(const SetStatus& set) {
  const auto rows = set.rows();
  json out{{"model", set.model},
           {"set", set.stem},
           {"n_shards", set.shards.size()},
           {"rows", rows ? json(rows->rows) : json(nullptr)},
           {"rows_are_estimated", rows && rows->estimated},
           {"rows_done", set.rows_done()},
           {"rows_per_second", report::json_number(set.rows_per_second())},
           {"seconds_left", report::json_number(set.seconds_left())},
           {"shards", json::array()}};
  for (const ShardState state : kStates) out[std::string(name_of(state))] = set.count(state);
  for (const ShardStatus& shard : set.shards) out["shards"].push_back(to_json(shard));
  return out;
}

// Files that the train stages have written there.
std::vector<std::string> trained_files(const std::string& data_root) {
  std::vector<std::string> files;
  for (const fs::path& folder : {artifacts::regression_weights_folder(data_root), fs::path(data_root)}) {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
      if (entry.path().extension() == ".pt" && !entry.path().filename().string().starts_with("."))
        files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string all_sets_text(const std::vector<SetStatus>& sets, const std::vector<std::string>& trained,
                          const report::TextStyle& style) {
  std::string text = set_table(sets, style);
  for (const std::string& file : trained) text += "trained: " + shown(file, kMaxShownPath) + "\n";
  return text;
}

}  // namespace

void print_status(const ExtractionOptions& options, const StatusQuestion& question) {
  const std::vector<SetStatus> sets =
      options.all_sets ? status_of_all_sets(options.data_root)
                       : status_of_set(options.data_root, hub::artifact_name(options.model_path),
                                       question.stem, options.n_shards, question.single_has_no_number);
  const std::vector<std::string> trained = trained_files(options.data_root);
  if (options.json) {
    json out{{"data_root", options.data_root}, {"sets", json::array()}, {"trained", trained}};
    for (const SetStatus& set : sets) out["sets"].push_back(to_json(set));
    report::print_json(out);
    return;
  }
  if (options.all_sets) {
    print(all_sets_text(sets, trained, report::output_style()));
    return;
  }
  for (const SetStatus& set : sets)
    print(
        fmt::format("{}: {} in {}\n{}", question.program, shown(set.stem),
                    shown(artifacts::embeddings_folder(options.data_root, set.model).string(), kMaxShownPath),
                    shard_table(set, report::output_style())));
}

}  // namespace armorm::stages::status
