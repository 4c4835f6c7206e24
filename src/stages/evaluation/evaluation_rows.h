// Preference rows that a model is evaluated on: read, encoded and checked before anything is computed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "armorm/score.h"
#include "armorm/stop.h"
#include "data/conversation.h"
#include "eval/reward_bench_2.h"
#include "stages/prepare/dataset_inputs.h"
#include "stages/scoring/scorer.h"

namespace armorm::stages::evaluation {

// One row of the set: its answers, and which of them are better.
struct EvaluationRow {
  std::int64_t row_id = 0;
  std::string subset;  // of a mixture's row without one, or of a prior set, the name of its set; may be empty
  eval::TieId tie;
  std::string error;                       // why the row is bad, and counts nowhere
  std::vector<scoring::ScoreRow> answers;  // empty for a bad row, and once the row is scored
  std::vector<std::int64_t> lengths;       // tokens after the opening of each answer
  std::vector<data::AnswerPair> pairs;     // none for a row whose labels make none
  std::size_t n_chosen = 0;     // of a best-of-n row, whose first answers are the good ones; else 0
  std::vector<float> scores;    // of the answers, once they are scored
  std::int64_t tied_pairs = 0;  // pairs of answers that the labels call equal
  std::int64_t unlabelled_answers = 0;

  bool best_of_n() const noexcept { return n_chosen > 0; }
  bool is_scored() const noexcept { return !scores.empty(); }
};

struct EvaluationSet {
  prepare::DatasetInputs dataset;
  std::vector<EvaluationRow> rows;  // ascending row ids; those that a recipe takes

  // "7", or "set:7" for a row of a mixture.
  std::string name_of(const EvaluationRow& row) const { return dataset.rows.row_name(row.row_id); }
};

// data error for the first bad row, unless these are skipped; for a set of which no row makes a pair; and for
// one of rows of different kinds. Counts what is worth knowing of the rows in warnings.
EvaluationSet read_rows(const prepare::DatasetPlan& plan, const ScoreOptions& options,
                        const scoring::Scorer& scorer, const StopRequested& stop);

// data error that says how to go on, for a bad row, unless these are skipped.
void refuse_bad(const EvaluationSet& set, const EvaluationRow& row, const ScoreOptions& options);

}  // namespace armorm::stages::evaluation
