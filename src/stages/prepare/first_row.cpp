#include "stages/prepare/first_row.h"

#include <fmt/format.h>

#include <cmath>

#include "core/strings.h"
#include "core/utf8.h"
#include "data/forms_page.h"
#include "stages/prepare/dataset_inputs.h"

namespace armorm::stages::prepare {
namespace {

constexpr std::size_t kMaxShownBytes = 600;  // of a message

std::string shown_text(const std::string& text) {
  if (text.size() <= kMaxShownBytes) return text;
  std::size_t end = kMaxShownBytes;
  while (end > 0 && is_utf8_continuation(text[end])) --end;
  return fmt::format("{} ... {} bytes more", text.substr(0, end), text.size() - end);
}

std::string conversation_text(const std::string& row, const std::string& title,
                              const Conversation& conversation) {
  std::string out = fmt::format("row {}, {}:\n", row, title);
  for (const Message& message : conversation)
    out += fmt::format("  {}: {}\n", message.role, shown_text(message.content));
  return out;
}

std::string pair_text(const std::string& name, const data::PreferenceRow& row) {
  if (row.answers.empty())
    return conversation_text(name, "chosen", row.chosen) + conversation_text(name, "rejected", row.rejected);
  std::string out = fmt::format("row {}: {} answers, {} pairs, {} ties, {} answers without a label\n", name,
                                row.answers.size(), row.pairs.size(), row.tied_pairs, row.unlabelled_answers);
  if (row.pairs.empty()) return out;
  const data::AnswerPair& first = row.pairs.front();
  return out +
         conversation_text(name, fmt::format("answer {}, chosen", first.chosen), row.answers[first.chosen]) +
         conversation_text(name, fmt::format("answer {}, rejected", first.rejected),
                           row.answers[first.rejected]);
}

std::string labels_text(const data::LabelledRow& row, const std::vector<std::string>& attributes) {
  std::string out;
  for (std::size_t k = 0; k < attributes.size(); ++k)
    if (!std::isnan(row.labels[k])) out += fmt::format("  {} = {:g}\n", attributes[k], row.labels[k]);
  return out.empty() ? "  no labels\n" : out;
}

std::vector<bool> first_rows(const data::Mixture& mixture) {
  std::vector<bool> wanted(static_cast<std::size_t>(mixture.num_rows()));
  for (const data::Mixture::Set& set : mixture.sets())
    if (set.rows > 0) wanted[static_cast<std::size_t>(set.first_row)] = true;
  return wanted;
}

data::RejectRow reason_into(const data::Mixture& mixture, std::string& out) {
  return [&](std::int64_t row_id, const std::string& column, const std::string& reason) {
    out += fmt::format("row {} cannot be used: {}: {}\n", mixture.row_name(row_id), column, reason);
  };
}

}  // namespace

std::string first_preference_rows(const data::Mixture& mixture) {
  std::string out;
  mixture.for_each_preference(
      first_rows(mixture),
      [&](data::PreferenceRow&& row) { out += pair_text(mixture.row_name(row.row_id), row); },
      reason_into(mixture, out));
  return out;
}

std::string first_labelled_rows(const data::Mixture& mixture, const std::vector<std::string>& labels) {
  std::string out;
  mixture.for_each_labelled(
      first_rows(mixture),
      [&](data::LabelledRow&& row) {
        out += conversation_text(mixture.row_name(row.row_id), fmt::format("answer {}", row.answer),
                                 row.messages) +
               labels_text(row, labels);
      },
      reason_into(mixture, out));
  return out;
}

void describe_sets(const data::Mixture& mixture, const data::RowSelection& selection, DryRunPlan& plan) {
  const data::Mixture::Set& first = mixture.sets().front();
  if (!mixture.is_mixture() && first.form != nullptr) plan.form = summary_of(first);
  plan.selection = selection_table(mixture, selection);
  plan.row_name = row_names(mixture);
}

}  // namespace armorm::stages::prepare
