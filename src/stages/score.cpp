#include "stages/score.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "core/accounting.h"
#include "core/error.h"
#include "core/log.h"
#include "core/stop_point.h"
#include "data/final_turn.h"
#include "report/results.h"
#include "serve/score_line.h"
#include "stages/evaluation/evaluation.h"
#include "stages/explain_pairs.h"
#include "stages/line_output.h"
#include "stages/options/declarations.h"
#include "stages/prepare/extraction_run.h"
#include "stages/scoring/score_rows.h"
#include "stages/scoring/scorer.h"

namespace armorm::stages {
namespace {

constexpr std::size_t kMaxUnusedKeys = 1000;  // of different names

// Turns rows into lines, and counts what they hold.
class LineWriter {
 public:
  LineWriter(const ScoreOptions& options, scoring::Scorer& scorer)
      : options_(options), scorer_(scorer), lines_(scorer.attributes(), options.fields) {}

  // Appends the lines of these rows. A bad row that ends the run is thrown, with the lines before it in
  // `out`.
  void write(std::vector<scoring::ScoreRow>& rows, fmt::memory_buffer& out) {
    const gating::HeadScores scores = scorer_.score(rows);
    for (const scoring::ScoreRow& row : rows) {
      special_ += row.special_in_content ? 1 : 0;
      no_answer_ += row.error.empty() && row.no_final_answer ? 1 : 0;
      for (const std::string& key : row.unused)
        if (unused_.size() < kMaxUnusedKeys || unused_.contains(key)) ++unused_[key];
      if (row.error.empty())
        lines_.add(place_of(row), values_of(row, scores), out);
      else
        add_bad(row, out);
    }
  }

  // For --json.
  nlohmann::json summary() const {
    const model::ExtractionStats& stats = scorer_.stats();
    return {{"program", "score"},
            {"files", {{"scores", options_.output}}},
            {"conversations", stats.requests},
            {"errors", bad_},
            {"without_final_answer", no_answer_},
            {"with_special_tokens", special_},
            {"unused_keys", unused_},
            {"tokens", stats.input_tokens},
            {"computed_tokens", stats.computed_tokens},
            {"seconds", stats.seconds},
            {"tokens_per_second", rate_of(stats)}};
  }

  void report() const {
    warn_of_unused_keys();
    warn_of_missing_answers();
    prepare::warn_of_special_content(special_, "conversations", options_.allow_special_in_content);
    if (bad_ > 0) log::warn("{} rows could not be scored; their lines hold an \"error\"", bad_);
    const model::ExtractionStats& stats = scorer_.stats();
    log::info("{} conversations scored, {} tokens ({} computed) in {:.1f} s = {:.0f} tokens/s",
              stats.requests, stats.input_tokens, stats.computed_tokens, stats.seconds, rate_of(stats));
  }

 private:
  static double rate_of(const model::ExtractionStats& stats) {
    return static_cast<double>(stats.input_tokens) / std::max(stats.seconds, 1e-9);
  }

  void warn_of_unused_keys() const {
    Accounting keys(options_.input == "-" ? "the input" : options_.input, "key");
    for (const auto& [key, rows] : unused_) keys.give(key, rows);
    keys.warn_of_rest("the scores do not depend on them, --copy_keys copies them to the output");
  }

  void warn_of_missing_answers() const {
    if (no_answer_ > 0)
      log::warn(
          "{} conversations end in a turn of a user, the system or a tool: their scores are not those of an "
          "answer; --on_bad_row skip gives them an \"error\"",
          no_answer_);
  }

  static serve::LineRow place_of(const scoring::ScoreRow& row) { return {row.line, row.id, row.copied}; }

  serve::LineValues values_of(const scoring::ScoreRow& row, const gating::HeadScores& scores) const {
    const std::size_t k = scorer_.attributes().size();
    const auto of_row = [&](const std::vector<float>& matrix) {
      return std::span(matrix).subspan(row.result * k, k);
    };
    return {scores.score[row.result], std::ssize(row.tokens),       of_row(scores.rewards),
            of_row(scores.gate),      of_row(scores.contributions), of_row(scores.coefficients)};
  }

  void add_bad(const scoring::ScoreRow& row, fmt::memory_buffer& out) {
    const std::string reason = options::with_flags(row.error);
    if (options_.on_bad_row == OnBadRow::error)
      fail_data("{}: line {}: {}; fix it, or skip such rows with --on_bad_row skip",
                options_.input == "-" ? "standard input" : options_.input, row.line, reason);
    lines_.add_bad(place_of(row), reason, out);
    ++bad_;
  }

  const ScoreOptions& options_;
  scoring::Scorer& scorer_;
  serve::ScoreLines lines_;
  std::int64_t special_ = 0;
  std::int64_t no_answer_ = 0;
  std::int64_t bad_ = 0;
  std::map<std::string, std::int64_t> unused_;  // key -> rows
};

void write_all(scoring::ScoreReader& reader, LineWriter& writer, LineOutput& output) {
  fmt::memory_buffer lines;
  const auto flush = [&] {
    output.write({lines.data(), lines.size()});
    lines.clear();
  };
  for (std::vector<scoring::ScoreRow> rows = reader.next(); !rows.empty(); rows = reader.next()) {
    stop_point();
    try {
      writer.write(rows, lines);
    } catch (const Error&) {
      flush();
      throw;
    }
    flush();
  }
}

}  // namespace

void run_score(const ScoreOptions& options, const options::StageEnvironment& environment) {
  if (!options.evaluate.paths.empty()) return evaluation::run_evaluation(options, environment);
  if (!options.explain.paths.empty()) return explain_pairs(options, environment);
  scoring::Scorer scorer(options, environment.stop_requested);
  LineOutput output(options.output, environment.files);
  auto source = io::open_line_source(options.input);
  scorer.begin_loading();
  scoring::ScoreReader reader(std::move(source),
                              {.window = static_cast<std::size_t>(options.window),
                               .threads = scorer.threads(),
                               .stop_at_bad = options.on_bad_row == OnBadRow::error,
                               .copy_keys = options.copy_keys},
                              [&](const Conversation& conversation, scoring::ScoreRow& row) {
                                scorer.encode_row(conversation, row);
                                if (options.on_bad_row == OnBadRow::skip)
                                  data::check_final_answer(conversation);
                              });
  scorer.finish_loading();
  LineWriter writer(options, scorer);
  write_all(reader, writer, output);
  output.finish();
  writer.report();
  report::Results(options.json).document(writer.summary());
}

}  // namespace armorm::stages
