#include "stages/scoring/score_output.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/words.h"

namespace armorm::stages::scoring {
namespace {

const std::vector<float>& vector_of(const gating::HeadScores& scores, ScoreField field) {
  if (field == ScoreField::rewards) return scores.rewards;
  if (field == ScoreField::gate) return scores.gate;
  return field == ScoreField::contributions ? scores.contributions : scores.coefficients;
}

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// The row's own id, or its line number, and what is copied from it.
void open_line(const ScoreRow& row, fmt::memory_buffer& out) {
  if (row.id.empty())
    fmt::format_to(std::back_inserter(out), "{{\"line\":{}", row.line);
  else
    fmt::format_to(std::back_inserter(out), "{{\"id\":{}", row.id);
  for (const auto& [key, value] : row.copied)
    fmt::format_to(std::back_inserter(out), ",{}:{}", quoted(key), value);
}

void close_line(fmt::memory_buffer& out) {
  out.push_back('}');
  out.push_back('\n');
}

}  // namespace

ScoreLines::ScoreLines(const std::vector<std::string>& attributes, std::vector<ScoreField> fields)
    : fields_(std::move(fields)) {
  for (const std::string& name : attributes) keys_.push_back(quoted(name) + ":");
}

void ScoreLines::add_vector(ScoreField field, const gating::HeadScores& scores, std::size_t index,
                            fmt::memory_buffer& out) const {
  const std::vector<float>& values = vector_of(scores, field);
  fmt::format_to(std::back_inserter(out), ",\"{}\":{{", name_of(field));
  for (std::size_t k = 0; k < keys_.size(); ++k)
    fmt::format_to(std::back_inserter(out), "{}{}{}", k == 0 ? "" : ",", keys_[k],
                   values[index * keys_.size() + k]);
  out.push_back('}');
}

void ScoreLines::add(const ScoreRow& row, const gating::HeadScores& scores, std::size_t index,
                     fmt::memory_buffer& out) const {
  open_line(row, out);
  for (const ScoreField field : fields_) {
    if (field == ScoreField::score)
      fmt::format_to(std::back_inserter(out), ",\"score\":{}", scores.score[index]);
    else if (field == ScoreField::tokens)
      fmt::format_to(std::back_inserter(out), ",\"tokens\":{}", row.tokens.size());
    else
      add_vector(field, scores, index, out);
  }
  close_line(out);
}

void ScoreLines::add_bad(const ScoreRow& row, const std::string& reason, fmt::memory_buffer& out) const {
  open_line(row, out);
  fmt::format_to(std::back_inserter(out), ",\"error\":{}", quoted(reason));
  close_line(out);
}

}  // namespace armorm::stages::scoring
