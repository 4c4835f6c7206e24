// The lines of score --evaluate --output: one for each pair, or each best-of-n row.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "armorm/choices.h"
#include "gating/reward_head.h"
#include "serve/score_line.h"
#include "stages/evaluation/evaluation_rows.h"

namespace armorm::stages::evaluation {

class RowLines {
 public:
  // `set` must outlive the object.
  RowLines(const EvaluationSet& set, const std::vector<std::string>& attributes,
           std::vector<ScoreField> fields);

  // A row that makes no pair has no line, a bad row one with its error. `scores` holds the values of the
  // row's answers, at their ScoreRow::result.
  void add(const EvaluationRow& row, const gating::HeadScores& scores, fmt::memory_buffer& out) const;

 private:
  void open(const EvaluationRow& row, fmt::memory_buffer& out) const;
  void add_pair(const EvaluationRow& row, const data::AnswerPair& pair, const gating::HeadScores& scores,
                fmt::memory_buffer& out) const;
  void add_best_of_n(const EvaluationRow& row, const gating::HeadScores& scores,
                     fmt::memory_buffer& out) const;
  void add_answer(const scoring::ScoreRow& answer, const gating::HeadScores& scores,
                  fmt::memory_buffer& out) const;

  const EvaluationSet& set_;
  std::size_t k_;  // attributes
  serve::ScoreLines values_;
};

}  // namespace armorm::stages::evaluation
