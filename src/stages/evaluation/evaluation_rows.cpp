#include "stages/evaluation/evaluation_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "data/answer_pairs.h"
#include "data/final_turn.h"
#include "eval/reward_bench.h"
#include "stages/options/declarations.h"
#include "stages/prepare/bad_rows.h"
#include "stages/prepare/extraction_run.h"
#include "stages/prepare/shard_rows.h"

namespace armorm::stages::evaluation {
namespace {

// How messages name an answer.
std::string answer_name(const EvaluationRow& row, std::size_t answer, bool ranked) {
  if (ranked) return fmt::format("answer {}", answer);
  if (!row.best_of_n()) return answer == 0 ? "chosen" : "rejected";
  return answer < row.n_chosen ? fmt::format("chosen {}", answer)
                               : fmt::format("rejected {}", answer - row.n_chosen);
}

// As numbers in data::answers_of().
std::vector<data::AnswerPair> pairs_of(const data::PreferenceRow& row) {
  if (!row.answers.empty()) return row.pairs;
  if (row.all_chosen.empty()) return {{0, 1}};
  std::vector<data::AnswerPair> pairs = data::pair_answers(row.all_chosen.size(), row.all_rejected.size());
  for (data::AnswerPair& pair : pairs) pair.rejected += row.all_chosen.size();
  return pairs;
}

bool is_in_pair(const std::vector<data::AnswerPair>& pairs, std::size_t answer) {
  return std::any_of(pairs.begin(), pairs.end(), [answer](const data::AnswerPair& pair) {
    return pair.chosen == answer || pair.rejected == answer;
  });
}

void make_bad(EvaluationRow& row, std::string reason) {
  row.error = std::move(reason);
  row.answers.clear();
  row.lengths.clear();
  row.pairs.clear();
}

class RowEncoder {
 public:
  RowEncoder(const scoring::Scorer& scorer, bool skipping)
      : scorer_(scorer), skipping_(skipping), pattern_length_(std::ssize(scorer.model().gating_pattern)) {}

  void encode(const data::PreferenceRow& from, EvaluationRow& row) const {
    row.subset = from.subset;
    row.n_chosen = from.all_chosen.size();
    row.tied_pairs = from.tied_pairs;
    row.unlabelled_answers = from.unlabelled_answers;
    row.pairs = pairs_of(from);
    try {
      if (row.best_of_n()) row.tie = eval::parse_tie_id(from.subset, from.id);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data) throw;
      return make_bad(row, fmt::format("id: {}", error.what()));
    }
    const std::vector<const Conversation*> answers = data::answers_of(from);
    for (std::size_t i = 0; i < answers.size() && row.error.empty(); ++i)
      encode_answer(*answers[i], i, !from.answers.empty(), row);
  }

 private:
  // An answer that is in no pair keeps its place, and is not computed.
  void encode_answer(const Conversation& conversation, std::size_t i, bool ranked, EvaluationRow& row) const {
    scoring::ScoreRow encoded;
    encoded.error = "in no pair";
    if (is_in_pair(row.pairs, i)) {
      encoded.error.clear();
      scoring::fill_row(encoded, [&](scoring::ScoreRow& filled) {
        scorer_.encode(conversation, filled);
        if (skipping_) data::check_final_answer(conversation);
      });
      if (!encoded.error.empty())
        return make_bad(row, fmt::format("{}: {}", answer_name(row, i, ranked), encoded.error));
    }
    row.lengths.push_back(std::ssize(encoded.tokens) - encoded.gating - pattern_length_);
    row.answers.push_back(std::move(encoded));
  }

  const scoring::Scorer& scorer_;
  bool skipping_;
  std::int64_t pattern_length_;
};

// The prior sets have subsets of their own, which no figure is made of.
void name_subset(const std::string& set, EvaluationRow& row) {
  if (row.subset.empty() || eval::is_prior_set(set)) row.subset = set;
}

void encode_rows(EvaluationSet& set, const prepare::ShardRows& chosen, const RowEncoder& encoder,
                 const ScoreOptions& options, int threads) {
  const data::Mixture& mixture = set.dataset.rows;
  const auto place = [&](std::int64_t row_id) -> EvaluationRow& {
    return set.rows[static_cast<std::size_t>(chosen.position_of[static_cast<std::size_t>(row_id)])];
  };
  prepare::ParallelRows<data::PreferenceRow> rows(threads, [&](data::PreferenceRow& row) {
    EvaluationRow& encoded = place(row.row_id);
    encoder.encode(row, encoded);
    if (mixture.is_mixture()) name_subset(mixture.sets()[mixture.set_of(row.row_id)].recipe.name, encoded);
  });
  data::RejectRow reject;
  if (options.on_bad_row == OnBadRow::skip)
    reject = [&](std::int64_t row_id, const std::string& column, const std::string& reason) {
      make_bad(place(row_id), fmt::format("{}: {}", column, reason));
    };
  mixture.for_each_preference(
      chosen.wanted(), [&](data::PreferenceRow&& row) { rows.push(std::move(row)); }, reject);
  rows.flush();
}

// What is known of the rows before any is scored.
struct Counts {
  std::int64_t bad = 0;
  std::int64_t pairs = 0;
  std::int64_t best_of_n = 0;  // rows
  std::int64_t without_pairs = 0;
  std::int64_t tied_pairs = 0;
  std::int64_t unlabelled_answers = 0;
  std::int64_t identical_sides = 0;
  std::int64_t special_in_content = 0;
  std::int64_t no_final_answer = 0;
};

void count(const EvaluationRow& row, Counts& counts) {
  counts.bad += row.error.empty() ? 0 : 1;
  counts.pairs += std::ssize(row.pairs);
  counts.best_of_n += row.best_of_n() && row.error.empty() ? 1 : 0;
  counts.without_pairs += row.error.empty() && row.pairs.empty() ? 1 : 0;
  counts.tied_pairs += row.tied_pairs;
  counts.unlabelled_answers += row.unlabelled_answers;
  for (const data::AnswerPair& pair : row.pairs)
    counts.identical_sides += row.answers[pair.chosen].tokens == row.answers[pair.rejected].tokens ? 1 : 0;
  const auto any = [&row](bool scoring::ScoreRow::*fact) {
    return std::any_of(row.answers.begin(), row.answers.end(),
                       [fact](const scoring::ScoreRow& answer) { return answer.*fact; });
  };
  counts.special_in_content += any(&scoring::ScoreRow::special_in_content) ? 1 : 0;
  counts.no_final_answer += any(&scoring::ScoreRow::no_final_answer) ? 1 : 0;
}

void report(const Counts& counts, bool special_allowed) {
  prepare::warn_of_special_content(counts.special_in_content, "rows", special_allowed);
  prepare::warn_of_missing_answers(counts.no_final_answer, "rows");
  if (counts.identical_sides > 0)
    log::warn("{} pairs have two sides of the same tokens: they are ties, which count as wrong",
              counts.identical_sides);
  if (counts.tied_pairs > 0)
    log::warn("{} pairs of answers are ties by their labels; they are left out", counts.tied_pairs);
  if (counts.unlabelled_answers > 0)
    log::warn("{} answers have no label; they are in no pair", counts.unlabelled_answers);
  if (counts.without_pairs > 0) log::warn("{} rows make no pair; they are left out", counts.without_pairs);
  if (counts.bad > 0) log::warn("{} rows are bad; they count in no figure", counts.bad);
}

void check(const EvaluationSet& set, const ScoreOptions& options) {
  Counts counts;
  for (const EvaluationRow& row : set.rows) {
    refuse_bad(set, row, options);
    count(row, counts);
  }
  report(counts, options.allow_special_in_content);
  const std::string& name = set.dataset.description;
  if (counts.pairs == 0)
    fail_data(
        "{}: no row makes a pair: {} of {} rows are bad, {} have no answers of different rank; check the set",
        name, counts.bad, set.rows.size(), counts.without_pairs);
}

}  // namespace

EvaluationSet read_rows(const prepare::DatasetPlan& plan, const ScoreOptions& options,
                        const scoring::Scorer& scorer, const StopRequested& stop) {
  EvaluationSet set{prepare::open_pairs(plan, stop), {}};
  prepare::report_forms(set.dataset);
  ExtractionOptions selection;
  selection.on_bad_row = options.on_bad_row;
  const data::RowSelection selected = prepare::select_rows(set.dataset.rows, selection);
  const prepare::ShardRows chosen =
      prepare::select_shard(set.dataset.rows.num_rows(), selected.rows, false, 1, 1);
  set.rows.resize(chosen.row_ids.size());
  for (std::size_t i = 0; i < set.rows.size(); ++i) set.rows[i].row_id = chosen.row_ids[i];
  encode_rows(set, chosen, RowEncoder(scorer, options.on_bad_row == OnBadRow::skip), options,
              scorer.threads());
  check(set, options);
  return set;
}

void refuse_bad(const EvaluationSet& set, const EvaluationRow& row, const ScoreOptions& options) {
  if (row.error.empty() || options.on_bad_row == OnBadRow::skip) return;
  fail_data("{}: row {}: {}; repair it, or leave such rows out with --on_bad_row skip",
            set.dataset.description, set.name_of(row), options::with_flags(row.error));
}

}  // namespace armorm::stages::evaluation
