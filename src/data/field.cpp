#include "data/field.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "data/transcript.h"

namespace armorm::data {
std::string excerpt(const std::string& text) {
  constexpr std::size_t kLength = 40;
  std::size_t size = std::min(text.size(), kLength);
  while (size < text.size() && size > 0 && is_utf8_continuation(text[size])) --size;
  return one_line(text.substr(0, size)) + (size < text.size() ? "..." : "");
}

std::string Field::found() const {
  switch (cell.kind) {
    case CellKind::missing:
      return "nothing";
    case CellKind::null:
      return "null";
    case CellKind::number:
      return fmt::format("the number {}", cell.number);
    case CellKind::text:
      return fmt::format("text (\"{}\")", excerpt(cell.text));
    case CellKind::turns:
      return cell.turns.empty() ? "an empty list" : "a list of messages";
    case CellKind::texts:
      return cell.texts.empty() ? "an empty list" : "a list of texts";
    case CellKind::json:
      return "a list or an object";
    case CellKind::other:
    case CellKind::bad:
      return cell.text;
  }
  return {};
}

void Field::check_readable() const {
  if (cell.kind == CellKind::bad) fail_data("{}", cell.text);
}

float label_of(const Field& field) {
  field.check_readable();
  if (field.is_absent()) return std::numeric_limits<float>::quiet_NaN();
  if (field.cell.kind != CellKind::number) {
    fail_data("{}: found {}, expected a number, a boolean or null; is this an attribute column?",
              field.place(), field.found());
  }
  const auto label = static_cast<float>(field.cell.number);
  if (std::isinf(label))
    fail_data("{}: found {}, expected a finite number or null", field.place(), field.cell.number);
  return label;
}

std::string text_of(const Field& field) {
  field.check_readable();
  if (field.cell.kind != CellKind::text)
    fail_data("{}: found {}, expected text", field.place(), field.found());
  return std::move(field.cell.text);
}

std::string optional_text_of(const Field& field) { return field.is_absent() ? "" : text_of(field); }

Conversation turns_of(const Field& field) {
  field.check_readable();
  if (field.cell.kind != CellKind::turns) {
    fail_data("{}: found {}, expected a list of messages with role and content", field.place(),
              field.found());
  }
  if (field.cell.turns.empty())
    fail_data("{}: found an empty list, expected at least one message", field.place());
  return std::move(field.cell.turns);
}

Conversation prompt_of(const Field& prompt) {
  prompt.check_readable();
  switch (prompt.cell.kind) {
    case CellKind::missing:
    case CellKind::null:
      return {};
    case CellKind::text:
      return is_transcript(prompt.cell.text) ? transcript_prompt(prompt.cell.text, prompt.place())
                                             : Conversation{{"user", prompt.cell.text}};
    case CellKind::turns:
      return prompt.cell.turns;
    default:
      fail_data("{}: found {}, expected text or a list of messages", prompt.place(), prompt.found());
  }
}

}  // namespace armorm::data
