#include "stages/evaluation/evaluation.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/phase.h"
#include "core/version.h"
#include "hub/cache.h"
#include "io/output_file.h"
#include "report/evaluation_report.h"
#include "report/results.h"
#include "stages/evaluation/evaluation_figures.h"
#include "stages/evaluation/evaluation_rows.h"
#include "stages/evaluation/row_lines.h"
#include "stages/options/declarations.h"
#include "stages/scoring/pair_choice.h"
#include "stages/scoring/scorer.h"
#include "stages/serving/model_fingerprint.h"

namespace armorm::stages::evaluation {
namespace {

// Files are opened before anything is computed, so that a place that cannot be written to is an error at
// once.
struct Outputs {
  std::optional<io::OutputFile> rows;
  std::optional<io::OutputFile> report;
};

Outputs open_outputs(const ScoreOptions& options, io::FileSystem& files) {
  Outputs outputs;
  if (options.output != "-") outputs.rows.emplace(options.output, files);
  if (!options.report.empty()) outputs.report.emplace(options.report, files);
  return outputs;
}

std::size_t computed_answers(const EvaluationRow& row) {
  return static_cast<std::size_t>(
      std::count_if(row.answers.begin(), row.answers.end(),
                    [](const scoring::ScoreRow& answer) { return answer.error.empty(); }));
}

// Rows [first, last) of a set that are scored together: at least one, and no more answers than the window
// holds.
std::size_t end_of_window(const std::vector<EvaluationRow>& rows, std::size_t first, std::int64_t window) {
  std::size_t answers = computed_answers(rows[first]);
  std::size_t last = first + 1;
  while (last < rows.size()) {
    answers += computed_answers(rows[last]);
    if (answers > static_cast<std::size_t>(window)) break;
    ++last;
  }
  return last;
}

// Gives a row the scores of its answers; one that is not finite makes it a bad row.
void take_scores(EvaluationRow& row, const gating::HeadScores& scores) {
  constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
  row.scores.assign(row.answers.size(), kNone);
  for (std::size_t i = 0; i < row.answers.size(); ++i) {
    const bool is_computed = !row.answers[i].tokens.empty();
    if (is_computed && !row.answers[i].error.empty()) row.error = row.answers[i].error;
    if (is_computed) row.scores[i] = scores.score[row.answers[i].result];
  }
  if (row.error.empty()) return;
  row.pairs.clear();
  row.scores.clear();
}

// What a window needs is moved to the scorer, and back.
class WindowScorer {
 public:
  WindowScorer(EvaluationSet& set, scoring::Scorer& scorer, const ScoreOptions& options)
      : set_(set), scorer_(scorer), options_(options), lines_(set, scorer.attributes(), options.fields) {}

  // Appends the lines of the rows [first, last).
  void score(std::size_t first, std::size_t last, fmt::memory_buffer& out) {
    std::vector<scoring::ScoreRow> answers;
    for (std::size_t i = first; i < last; ++i)
      std::move(set_.rows[i].answers.begin(), set_.rows[i].answers.end(), std::back_inserter(answers));
    const gating::HeadScores scores = scorer_.score(answers);
    auto next = answers.begin();
    for (std::size_t i = first; i < last; ++i) {
      EvaluationRow& row = set_.rows[i];
      const auto count = std::ssize(row.answers);
      std::move(next, next + count, row.answers.begin());
      next += count;
      if (!row.answers.empty()) take_scores(row, scores);
      refuse_bad(set_, row, options_);
      lines_.add(row, scores, out);
      row.answers.clear();
      row.answers.shrink_to_fit();
    }
  }

 private:
  EvaluationSet& set_;
  scoring::Scorer& scorer_;
  const ScoreOptions& options_;
  RowLines lines_;
};

void score_rows(EvaluationSet& set, scoring::Scorer& scorer, const ScoreOptions& options, Outputs& outputs) {
  WindowScorer window(set, scorer, options);
  Phase phase("scoring", std::ssize(set.rows));
  fmt::memory_buffer lines;
  for (std::size_t first = 0; first < set.rows.size();) {
    const std::size_t last = end_of_window(set.rows, first, options.window);
    window.score(first, last, lines);
    if (outputs.rows) outputs.rows->write({lines.data(), lines.size()});
    lines.clear();
    first = last;
    phase.advance_to(static_cast<std::int64_t>(first));
  }
}

// NaN where scores are rewards and no scale to logits is known, as of the released model.
double loss_scale(const reward_model::RewardModel& model) {
  if (model.bradley_terry_scale) return *model.bradley_terry_scale;
  const bool is_reward = std::abs(model.head.gate.logit_scale - 1.0F) < 0.1F;
  return is_reward ? std::numeric_limits<double>::quiet_NaN() : 1.0;
}

std::map<std::string, std::string> reported_options(const ScoreOptions& options) {
  std::map<std::string, std::string> out;
  for (const OptionValue& option : options::describe(options))
    if (option.effect != OptionEffect::output) out[option.name] = option.text;
  return out;
}

report::EvaluationReport describe(const ScoreOptions& options, const EvaluationSet& set,
                                  const scoring::Scorer& scorer) {
  report::EvaluationReport report;
  report.set = set.dataset.description;
  report.split = options.dataset_split;
  report.figures.armorm_version = kVersion;
  report.figures.model = hub::artifact_name(options.model_path);
  report.figures.options = reported_options(options);
  report.figures.attributes = scorer.attributes();
  report.figures.logit_scale =
      scorer.model().bradley_terry_scale.value_or(scorer.model().head.gate.logit_scale);
  return report;
}

// Reads all weights and data again, so only for a report that is published.
std::vector<report::Source> sources_of(const ScoreOptions& options, const EvaluationSet& set,
                                       const scoring::Scorer& scorer) {
  return {{"model",
           {{"name", options.model_path},
            {"fingerprint", serving::model_fingerprint(scorer.folder(), scorer.model(), options)}}},
          {"pairs",
           {{"dataset", set.dataset.description},
            {"split", options.dataset_split},
            {"rows", std::ssize(set.rows)},
            {"sha256", prepare::data_digest(set.dataset.rows)}}}};
}

void report_speed(const scoring::Scorer& scorer) {
  const model::ExtractionStats& stats = scorer.stats();
  log::info("{} conversations scored, {} tokens ({} computed) in {:.1f} s", stats.requests,
            stats.input_tokens, stats.computed_tokens, stats.seconds);
}

}  // namespace

void run_evaluation(const ScoreOptions& options, const options::StageEnvironment& environment) {
  const prepare::DatasetPlan plan = scoring::plan_pairs(options.evaluate, options);
  scoring::Scorer scorer(options, environment.stop_requested);
  Outputs outputs = open_outputs(options, environment.files);
  EvaluationSet set = read_rows(plan, options, scorer, environment.stop_requested);
  const Benchmark benchmark = choose_benchmark(set, options.benchmark);
  scorer.begin_loading();
  report::EvaluationReport report = describe(options, set, scorer);
  if (outputs.report || options.json) report.figures.sources = sources_of(options, set, scorer);
  scorer.finish_loading();
  score_rows(set, scorer, options, outputs);
  if (std::none_of(set.rows.begin(), set.rows.end(),
                   [](const EvaluationRow& row) { return row.is_scored(); }))
    fail_data("{}: no row could be scored; the lines of --output say why", set.dataset.description);
  set.dataset.rows.check_unchanged();
  add_figures(set, benchmark, loss_scale(scorer.model()), report);
  report_speed(scorer);
  const report::Results results(options.json);
  results.show(report::evaluation_text(report, results.style()));
  results.document(to_json(report));
  if (outputs.rows) outputs.rows->publish();
  if (outputs.report) {
    outputs.report->write(to_json(report).dump(2) + "\n");
    outputs.report->publish();
  }
}

}  // namespace armorm::stages::evaluation
