#include "data/preference_sides.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/strings.h"
#include "data/prompt_rule.h"
#include "data/transcript.h"

namespace armorm::data {
namespace {

void check_answers_prompt(const Field& side, const Field& prompt) {
  if (prompt.cell.kind == CellKind::missing) {
    fail_data(
        "{}: found text, but there is no column \"prompt\" to go before it; expected a list of messages; "
        "name the prompt's column with `columns`, or, where both texts begin with the prompt, the form "
        "implicit_prompt with `form`",
        side.place());
  }
  prompt.check_readable();
  if (prompt.cell.kind == CellKind::null ||
      (prompt.cell.kind == CellKind::turns && prompt.cell.turns.empty()))
    fail_data("{}: found {}, expected text or a list of messages, as \"{}\" is text", prompt.place(),
              prompt.found(), side.column);
}

// A user's turn after the user's prompt is another prompt, of which one is wrong.
void check_one_prompt(const Conversation& prompt, const Conversation& turns, const Field& side,
                      const Field& column) {
  if (prompt.empty() || prompt.back().role != "user" || starts_with(turns, prompt)) return;
  const auto first = std::find_if_not(turns.begin(), turns.end(), is_system);
  if (first == turns.end() || first->role != "user") return;
  const auto asked = std::find_if(prompt.begin(), prompt.end(),
                                  [](const Message& message) { return message.role == "user"; });
  fail_data(
      "{}: found message {}, the user's \"{}\", but the column \"{}\" has \"{}\", which differs in {}; "
      "expected answers to that prompt, or messages that begin with it; remove that column where the "
      "messages are complete, or their first turns",
      side.place(), first - turns.begin(), excerpt(first->content), column.column, excerpt(asked->content),
      fmt::join(differing_fields(*first, *asked), ", "));
}

Conversation side_of_turns(const Field& side, const Field& prompt) {
  const Conversation begin = prompt_of(prompt);
  Conversation turns = turns_of(side);
  const auto asked = std::find_if_not(begin.begin(), begin.end(), is_system);
  // Sides with the user's turns may leave system messages to the prompt's column.
  if (asked != begin.end() && !turns.empty() && !is_system(turns.front()) &&
      starts_with(turns, {asked, begin.end()}))
    turns.insert(turns.begin(), begin.begin(), asked);
  check_one_prompt(begin, turns, side, prompt);
  return after_prompt(begin, std::move(turns));
}

}  // namespace

Conversation side_of(const Field& side, const Field& prompt) {
  if (side.cell.kind != CellKind::text) return side_of_turns(side, prompt);
  check_answers_prompt(side, prompt);
  const bool from_transcript = prompt.cell.kind == CellKind::text && is_transcript(prompt.cell.text);
  const std::string_view answer = from_transcript ? trimmed(side.cell.text) : side.cell.text;
  return after_prompt(prompt_of(prompt), {{"assistant", std::string(answer)}});
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
