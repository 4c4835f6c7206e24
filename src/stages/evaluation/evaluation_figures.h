// From scored rows to the figures of an evaluation.
#pragma once

#include <vector>

#include "armorm/choices.h"
#include "report/evaluation_report.h"
#include "stages/evaluation/evaluation_rows.h"

namespace armorm::stages::evaluation {

// The benchmark of these rows: that of --benchmark, or by their subsets. data error when the rows are not of
// the benchmark that was asked for; subsets that are missing, or in no section, are logged.
Benchmark choose_benchmark(const EvaluationSet& set, Benchmark asked);

// Fills all that comes of the scores; at least one row is scored. `loss_scale`: scores times it are logits of
// a preference; NaN = not known.
void add_figures(const EvaluationSet& set, Benchmark benchmark, double loss_scale,
                 report::EvaluationReport& report);

// Whether the first answer's score is above the second's, or the first good answers' above all bad ones'.
bool is_correct(const EvaluationRow& row, const data::AnswerPair& pair);

// The scores of a best-of-n row.
eval::ScoredPrompt prompt_of(const EvaluationRow& row);

}  // namespace armorm::stages::evaluation
