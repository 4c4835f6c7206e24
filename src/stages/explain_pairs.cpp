#include "stages/explain_pairs.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/log.h"
#include "core/parallel.h"
#include "core/stop_point.h"
#include "core/version.h"
#include "data/final_turn.h"
#include "hub/cache.h"
#include "io/output_file.h"
#include "report/explain_page.h"
#include "stages/explain/pair_texts.h"
#include "stages/explain/scored_pair.h"
#include "stages/explain/training_gates.h"
#include "stages/line_output.h"
#include "stages/options/declarations.h"
#include "stages/prepare/bad_rows.h"
#include "stages/prepare/dataset_inputs.h"
#include "stages/prepare/extraction_run.h"
#include "stages/scoring/pair_choice.h"
#include "stages/scoring/scorer.h"

namespace armorm::stages {
namespace {

constexpr std::size_t kNearest = 5;
constexpr std::array<const char*, 2> kSideNames{"chosen", "rejected"};

// A pair that waits for its scores; without conversations if its row could not be read.
struct WaitingPair {
  std::int64_t row_id = 0;
  std::optional<explain::RowPair> answers;  // of a row with several
  std::string subset;
  std::array<Conversation, 2> sides;
  std::array<scoring::ScoreRow, 2> rows;
  std::string error;
};

class PairExplainer {
 public:
  PairExplainer(const ScoreOptions& options, const data::Mixture& mixture, scoring::Scorer& scorer,
                LineOutput& output)
      : options_(options), mixture_(mixture), scorer_(scorer), output_(output) {
    const reward_model::RewardModel& model = scorer.model();
    report_.armorm_version = kVersion;
    report_.model = hub::artifact_name(options.model_path);
    report_.dataset =
        fmt::format("{}, split {}", fmt::join(options.explain.paths, ","), options.dataset_split);
    report_.training_gates = options.training_gates;
    report_.attributes = scorer.attributes();
    if (!options.training_gates.empty())
      gates_ = explain::TrainingGates::load(options.training_gates,
                                            explain::gate_digest(model.head.gate, model.head.temperature),
                                            scorer.attributes());
  }

  void add(const data::PreferenceRow& row) {
    stop_point();
    const std::vector<explain::RowPair> pairs = explain::pairs_of(row);
    without_pairs_ += pairs.empty() ? 1 : 0;
    for (const explain::RowPair& pair : pairs) {
      const explain::PairSides sides = explain::sides_of(row, pair);
      WaitingPair waiting{row.row_id, {}, row.subset, {sides.chosen, sides.rejected}, {}, {}};
      if (explain::has_several_answers(row)) waiting.answers = pair;
      push(std::move(waiting));
    }
  }

  void add_bad(std::int64_t row_id, const std::string& reason) { push({row_id, {}, {}, {}, {}, reason}); }

  // Scores and writes what waits.
  void flush() {
    encode();
    std::vector<scoring::ScoreRow> rows;
    for (WaitingPair& pair : waiting_)
      for (scoring::ScoreRow& row : pair.rows) rows.push_back(std::move(row));
    const gating::HeadScores scores = scorer_.score(rows);
    std::string lines;
    for (std::size_t i = 0; i < waiting_.size(); ++i)
      lines += line_of(waiting_[i], rows[2 * i], rows[2 * i + 1], scores) + "\n";
    output_.write(lines);
    waiting_.clear();
  }

  const report::ExplainReport& report() const {
    if (report_.pairs + report_.failed == 0)
      fail_data("{}: holds no pairs; {} rows have labels that make none", report_.dataset, without_pairs_);
    return report_;
  }

  void log_summary() const {
    prepare::warn_of_special_content(special_, "pairs", options_.allow_special_in_content);
    prepare::warn_of_missing_answers(no_answer_, "pairs");
    if (without_pairs_ > 0)
      log::warn("{} rows have labels that make no pair; they are left out", without_pairs_);
    if (report_.failed > 0)
      log::warn("{} pairs could not be scored; their lines hold an \"error\"", report_.failed);
    log::info("{} pairs explained; the chosen answer has the higher score in {}", report_.pairs,
              report_.right);
  }

 private:
  void push(WaitingPair pair) {
    waiting_.push_back(std::move(pair));
    if (2 * waiting_.size() >= static_cast<std::size_t>(options_.window)) flush();
  }

  void encode() {
    parallel_for(std::ssize(waiting_), scorer_.threads(), [&](std::int64_t i) {
      WaitingPair& pair = waiting_[static_cast<std::size_t>(i)];
      for (std::size_t side = 0; side < 2 && pair.error.empty(); ++side) {
        scoring::fill_row(pair.rows[side], [&](scoring::ScoreRow& row) {
          scorer_.encode(pair.sides[side], row);
          if (options_.on_bad_row == OnBadRow::skip) data::check_final_answer(pair.sides[side]);
        });
        if (!pair.rows[side].error.empty())
          pair.error = fmt::format("{}: {}", kSideNames[side], pair.rows[side].error);
      }
      // A side without the other is not computed.
      if (!pair.error.empty())
        for (scoring::ScoreRow& row : pair.rows) row.error = pair.error;
    });
  }

  std::string line_of(WaitingPair& pair, const scoring::ScoreRow& chosen, const scoring::ScoreRow& rejected,
                      const gating::HeadScores& scores) {
    if (pair.error.empty() && !chosen.error.empty()) pair.error = fmt::format("chosen: {}", chosen.error);
    if (pair.error.empty() && !rejected.error.empty())
      pair.error = fmt::format("rejected: {}", rejected.error);
    if (!pair.error.empty()) return bad_line(pair);
    special_ += chosen.special_in_content || rejected.special_in_content ? 1 : 0;
    no_answer_ += chosen.no_final_answer || rejected.no_final_answer ? 1 : 0;
    report::ExamplePair explained =
        explain::scored_pair(scorer_.model().head, scores, chosen.result, rejected.result);
    explained.row_id = pair.row_id;
    explained.subset = pair.subset;
    if (pair.answers) explained.answers = {pair.answers->chosen, pair.answers->rejected};
    if (gates_) explained.nearest = gates_->nearest(explained.gate.chosen, kNearest);
    ++report_.pairs;
    report_.right += explained.margin > 0 ? 1 : 0;
    std::string line = report::explain_line(explained, report_.attributes);
    if (!options_.html.empty() && std::ssize(report_.shown) < options_.html_pairs) {
      explained.texts = explain::texts_of({pair.sides[0], pair.sides[1]});
      report_.shown.push_back(std::move(explained));
    }
    return line;
  }

  std::string bad_line(const WaitingPair& pair) {
    const std::string reason = options::with_flags(pair.error);
    if (options_.on_bad_row == OnBadRow::error)
      fail_data("{}: row {}: {}; fix it, or skip such rows with --on_bad_row skip", report_.dataset,
                mixture_.row_name(pair.row_id), reason);
    ++report_.failed;
    return report::failed_line(pair.row_id, reason);
  }

  const ScoreOptions& options_;
  const data::Mixture& mixture_;
  scoring::Scorer& scorer_;
  LineOutput& output_;
  std::optional<explain::TrainingGates> gates_;
  std::vector<WaitingPair> waiting_;
  report::ExplainReport report_;
  std::int64_t special_ = 0;
  std::int64_t no_answer_ = 0;
  std::int64_t without_pairs_ = 0;  // rows
};

// Of a recipe, the rows that it takes; empty = all.
std::vector<bool> wanted_rows(const data::Mixture& mixture, bool skip_bad) {
  if (!mixture.is_mixture()) return {};
  std::vector<bool> wanted(static_cast<std::size_t>(mixture.num_rows()), false);
  for (const std::int64_t row : data::select_rows(mixture, skip_bad).rows)
    wanted[static_cast<std::size_t>(row)] = true;
  return wanted;
}

}  // namespace

void explain_pairs(const ScoreOptions& options, const options::StageEnvironment& environment) {
  const prepare::DatasetInputs dataset =
      prepare::open_pairs(scoring::plan_pairs(options.explain, options), environment.stop_requested);
  const bool skips = options.on_bad_row == OnBadRow::skip;
  scoring::Scorer scorer(options, environment.stop_requested);
  LineOutput output(options.output, environment.files);
  std::optional<io::OutputFile> page;
  if (!options.html.empty()) page.emplace(options.html, environment.files);
  PairExplainer explainer(options, dataset.rows, scorer, output);
  prepare::report_forms(dataset);
  scorer.begin_loading();
  scorer.finish_loading();
  const data::RejectRow reject = [&](std::int64_t row_id, const std::string& /*column*/,
                                     const std::string& reason) { explainer.add_bad(row_id, reason); };
  dataset.rows.for_each_preference(
      wanted_rows(dataset.rows, skips), [&](data::PreferenceRow&& row) { explainer.add(row); },
      skips ? reject : data::RejectRow());
  explainer.flush();
  const report::ExplainReport& report = explainer.report();
  if (page) page->write(report::explain_page(report));
  output.finish();
  if (page) page->publish();
  explainer.log_summary();
}

}  // namespace armorm::stages
