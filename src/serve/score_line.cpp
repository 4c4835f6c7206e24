#include "serve/score_line.h"

#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "core/words.h"
#include "data/conversation_row.h"
#include "serve/body_fields.h"

namespace armorm::serve {
namespace {

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::span<const float> vector_of(const LineValues& values, ScoreField field) {
  if (field == ScoreField::rewards) return values.rewards;
  if (field == ScoreField::gate) return values.gate;
  return field == ScoreField::contributions ? values.contributions : values.coefficients;
}

// The row's own id, or its line number, and what is copied from it.
void open_line(const LineRow& row, fmt::memory_buffer& out) {
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

void ScoreLines::add_vector(ScoreField field, std::span<const float> values, fmt::memory_buffer& out) const {
  fmt::format_to(std::back_inserter(out), ",\"{}\":{{", name_of(field));
  for (std::size_t k = 0; k < keys_.size(); ++k)
    fmt::format_to(std::back_inserter(out), "{}{}{}", k == 0 ? "" : ",", keys_[k], values[k]);
  out.push_back('}');
}

void ScoreLines::add_fields(const LineValues& values, fmt::memory_buffer& out) const {
  for (const ScoreField field : fields_) {
    if (field == ScoreField::score)
      fmt::format_to(std::back_inserter(out), ",\"score\":{}", values.score);
    else if (field == ScoreField::tokens)
      fmt::format_to(std::back_inserter(out), ",\"tokens\":{}", values.tokens);
    else
      add_vector(field, vector_of(values, field), out);
  }
}

void ScoreLines::add(const LineRow& row, const LineValues& values, fmt::memory_buffer& out) const {
  open_line(row, out);
  add_fields(values, out);
  close_line(out);
}

void ScoreLines::add_object(const LineValues& values, fmt::memory_buffer& out) const {
  const std::size_t start = out.size();
  add_fields(values, out);
  out[start] = '{';  // in place of the first comma
  out.push_back('}');
}

void ScoreLines::add(const LineRow& row, const ScoreOutput& output, fmt::memory_buffer& out) const {
  if (!output.error.empty()) return add_bad(row, output.error, out, output.is_server_fault);
  add(row,
      LineValues{output.score, output.tokens, output.rewards, output.gate, output.contributions,
                 output.coefficients},
      out);
}

void ScoreLines::add_bad(const LineRow& row, const std::string& reason, fmt::memory_buffer& out,
                         bool is_server_fault) const {
  open_line(row, out);
  fmt::format_to(std::back_inserter(out), ",\"error\":{}", quoted(reason));
  if (is_server_fault) fmt::format_to(std::back_inserter(out), ",\"error_type\":\"server_error\"");
  close_line(out);
}

ScoreInput parse_score_line(const std::string& text) {
  ScoreInput input;
  try {
    check_values(text);
    input.conversation = data::parse_conversation(text, {}, input);
  } catch (const Error& error) {
    input.error = error.what();
  }
  return input;
}

std::vector<ScoreField> all_score_fields() {
  return {ScoreField::score,         ScoreField::rewards,      ScoreField::gate,
          ScoreField::contributions, ScoreField::coefficients, ScoreField::tokens};
}

}  // namespace armorm::serve
