#include "data/preference_sides.h"

#include <utility>

#include "core/error.h"
#include "data/prompt_rule.h"
#include "data/transcript.h"

namespace armorm::data {
namespace {

void check_answers_prompt(const Field& side, const Field& prompt) {
  if (prompt.cell.kind == CellKind::missing) {
    fail_data(
        "{}: found text, but there is no column \"prompt\" to go before it; expected a list of messages, "
        "or name the prompt's column with `columns`",
        side.place());
  }
  prompt.check_readable();
  if (prompt.cell.kind == CellKind::null ||
      (prompt.cell.kind == CellKind::turns && prompt.cell.turns.empty()))
    fail_data("{}: found {}, expected text or a list of messages, as \"{}\" is text", prompt.place(),
              prompt.found(), side.column);
}

}  // namespace

Conversation side_of(const Field& side, const Field& prompt) {
  if (side.cell.kind != CellKind::text) return after_prompt(prompt_of(prompt), turns_of(side));
  check_answers_prompt(side, prompt);
  return after_prompt(prompt_of(prompt), {{"assistant", std::move(side.cell.text)}});
}

void check_no_transcript(const Field& side) {
  if (side.cell.kind != CellKind::text || !is_transcript(side.cell.text)) return;
  fail_data(
      "{}: found a transcript with \"Human:\" and \"Assistant:\", expected a list of messages; where all "
      "rows "
      "are transcripts, name the form with `form` (hh_rlhf), else convert them to lists of messages",
      side.place());
}

std::vector<Conversation> candidates_of(const Field& side, const Field& prompt) {
  side.check_readable();
  if (side.cell.kind != CellKind::texts)
    fail_data("{}: found {}, expected a list of texts, as the other side is one", side.place(), side.found());
  if (side.cell.texts.empty())
    fail_data("{}: found {}, expected a list of texts", side.place(), side.found());
  std::vector<Conversation> candidates;
  for (std::string& text : side.cell.texts) {
    Cell answer;
    answer.kind = CellKind::text;
    answer.text = std::move(text);
    candidates.push_back(side_of({side.path, side.row, side.column, answer}, prompt));
  }
  return candidates;
}

void add_system(const std::string& text, Conversation& conversation) {
  const bool has_one = !conversation.empty() && conversation.front().role == "system";
  if (!text.empty() && !has_one) conversation.insert(conversation.begin(), {"system", text});
}

}  // namespace armorm::data
