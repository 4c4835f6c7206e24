#include "stages/evaluation/row_lines.h"

#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <utility>

#include "eval/reward_bench_2.h"
#include "stages/evaluation/evaluation_figures.h"
#include "stages/options/declarations.h"

namespace armorm::stages::evaluation {
namespace {

constexpr std::string_view kTies = "Ties";  // has several good answers, which earn no credit

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void append(std::string_view text, fmt::memory_buffer& out) {
  out.append(text.data(), text.data() + text.size());
}

}  // namespace

RowLines::RowLines(const EvaluationSet& set, const std::vector<std::string>& attributes,
                   std::vector<ScoreField> fields)
    : set_(set), k_(attributes.size()), values_(attributes, std::move(fields)) {}

void RowLines::add(const EvaluationRow& row, const gating::HeadScores& scores,
                   fmt::memory_buffer& out) const {
  if (!row.error.empty()) {
    open(row, out);
    fmt::format_to(std::back_inserter(out), ",\"error\":{}}}\n", quoted(options::with_flags(row.error)));
    return;
  }
  if (row.best_of_n()) return add_best_of_n(row, scores, out);
  for (const data::AnswerPair& pair : row.pairs) add_pair(row, pair, scores, out);
}

void RowLines::open(const EvaluationRow& row, fmt::memory_buffer& out) const {
  const data::Mixture& mixture = set_.dataset.rows;
  const data::Mixture::Set& from = mixture.sets()[mixture.set_of(row.row_id)];
  fmt::format_to(std::back_inserter(out), "{{\"row\":{}", row.row_id - from.first_row);
  if (mixture.is_mixture()) fmt::format_to(std::back_inserter(out), ",\"set\":{}", quoted(from.recipe.name));
  if (!row.subset.empty()) fmt::format_to(std::back_inserter(out), ",\"subset\":{}", quoted(row.subset));
}

void RowLines::add_pair(const EvaluationRow& row, const data::AnswerPair& pair,
                        const gating::HeadScores& scores, fmt::memory_buffer& out) const {
  open(row, out);
  if (row.answers.size() > 2)
    fmt::format_to(std::back_inserter(out), ",\"answers\":[{},{}]", pair.chosen, pair.rejected);
  fmt::format_to(std::back_inserter(out), ",\"correct\":{},\"chosen\":", is_correct(row, pair));
  add_answer(row.answers[pair.chosen], scores, out);
  append(",\"rejected\":", out);
  add_answer(row.answers[pair.rejected], scores, out);
  append("}\n", out);
}

void RowLines::add_best_of_n(const EvaluationRow& row, const gating::HeadScores& scores,
                             fmt::memory_buffer& out) const {
  open(row, out);
  if (row.subset != kTies)
    fmt::format_to(std::back_inserter(out), ",\"credit\":{}", eval::best_of_n_credit(prompt_of(row)));
  for (std::size_t i = 0; i < row.answers.size(); ++i) {
    append(i == 0 ? ",\"chosen\":[" : i == row.n_chosen ? "],\"rejected\":[" : ",", out);
    add_answer(row.answers[i], scores, out);
  }
  append("]}\n", out);
}

void RowLines::add_answer(const scoring::ScoreRow& answer, const gating::HeadScores& scores,
                          fmt::memory_buffer& out) const {
  const auto of_row = [&](const std::vector<float>& matrix) {
    return std::span(matrix).subspan(answer.result * k_, k_);
  };
  values_.add_object({scores.score[answer.result], std::ssize(answer.tokens), of_row(scores.rewards),
                      of_row(scores.gate), of_row(scores.contributions), of_row(scores.coefficients)},
                     out);
}

}  // namespace armorm::stages::evaluation
