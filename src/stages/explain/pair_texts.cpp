#include "stages/explain/pair_texts.h"

#include <algorithm>

#include "core/error.h"
#include "data/answer_pairs.h"
#include "data/prompt_text.h"

namespace armorm::stages::explain {
namespace {

// A message that holds more than texts is shown as it is.
report::Turn turn_of(const Message& message) {
  return {message.role, message.json.empty() ? message.content : message.json};
}

std::vector<report::Turn> turns_of(const Conversation& conversation, std::size_t first, std::size_t end) {
  std::vector<report::Turn> turns;
  for (std::size_t i = first; i < end; ++i) turns.push_back(turn_of(conversation[i]));
  return turns;
}

bool is_same(const Message& a, const Message& b) {
  return a.role == b.role && a.content == b.content && a.json == b.json;
}

bool have_same_prompt(const PairSides& sides, std::size_t messages) {
  return data::prompt_messages(sides.rejected) == messages &&
         std::equal(sides.chosen.begin(), sides.chosen.begin() + static_cast<std::ptrdiff_t>(messages),
                    sides.rejected.begin(), is_same);
}

const Conversation& answer_at(const std::vector<Conversation>& answers, std::int64_t number,
                              const data::PreferenceRow& row) {
  if (number < 0 || number >= std::ssize(answers))
    fail_data("row {}: has {} answers, found no answer {}", row.row_id, answers.size(), number);
  return answers[static_cast<std::size_t>(number)];
}

}  // namespace

bool has_several_answers(const data::PreferenceRow& row) {
  return !row.answers.empty() || !row.all_chosen.empty();
}

std::vector<RowPair> pairs_of(const data::PreferenceRow& row) {
  if (!has_several_answers(row)) return {RowPair()};
  std::vector<RowPair> pairs;
  for (const data::AnswerPair& pair :
       row.answers.empty() ? data::pair_answers(row.all_chosen.size(), row.all_rejected.size()) : row.pairs)
    pairs.push_back({static_cast<std::int64_t>(pair.chosen), static_cast<std::int64_t>(pair.rejected)});
  return pairs;
}

PairSides sides_of(const data::PreferenceRow& row, const RowPair& pair) {
  if (!row.answers.empty())
    return {answer_at(row.answers, pair.chosen, row), answer_at(row.answers, pair.rejected, row)};
  if (!row.all_chosen.empty())
    return {answer_at(row.all_chosen, pair.chosen, row), answer_at(row.all_rejected, pair.rejected, row)};
  return {row.chosen, row.rejected};
}

report::PairTexts texts_of(const PairSides& sides) {
  const std::size_t chosen = data::prompt_messages(sides.chosen);
  const std::size_t rejected = data::prompt_messages(sides.rejected);
  report::PairTexts texts;
  texts.prompt = turns_of(sides.chosen, 0, chosen);
  if (!have_same_prompt(sides, chosen)) texts.rejected_prompt = turns_of(sides.rejected, 0, rejected);
  texts.answer = {turns_of(sides.chosen, chosen, sides.chosen.size()),
                  turns_of(sides.rejected, rejected, sides.rejected.size())};
  return texts;
}

}  // namespace armorm::stages::explain
