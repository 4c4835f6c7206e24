#include "stages/prepare/first_row.h"

#include <fmt/format.h>

#include <cmath>

#include "core/strings.h"
#include "core/utf8.h"

namespace armorm::stages::prepare {
namespace {

constexpr std::size_t kMaxShownBytes = 600;  // of a message

std::string shown_text(const std::string& text) {
  if (text.size() <= kMaxShownBytes) return text;
  std::size_t end = kMaxShownBytes;
  while (end > 0 && is_utf8_continuation(text[end])) --end;
  return fmt::format("{} ... {} bytes more", text.substr(0, end), text.size() - end);
}

std::string conversation_text(const std::string& title, const Conversation& conversation) {
  std::string out = fmt::format("row 0, {}:\n", title);
  for (const Message& message : conversation)
    out += fmt::format("  {}: {}\n", message.role, shown_text(message.content));
  return out;
}

std::string pair_text(const data::PreferenceRow& row) {
  if (row.answers.empty())
    return conversation_text("chosen", row.chosen) + conversation_text("rejected", row.rejected);
  std::string out = fmt::format("row 0: {} answers, {} pairs, {} ties, {} answers without a label\n",
                                row.answers.size(), row.pairs.size(), row.tied_pairs, row.unlabelled_answers);
  if (row.pairs.empty()) return out;
  const data::AnswerPair& first = row.pairs.front();
  return out + conversation_text(fmt::format("answer {}, chosen", first.chosen), row.answers[first.chosen]) +
         conversation_text(fmt::format("answer {}, rejected", first.rejected), row.answers[first.rejected]);
}

std::string labels_text(const data::LabelledRow& row, const std::vector<std::string>& attributes) {
  std::string out;
  for (std::size_t k = 0; k < attributes.size(); ++k)
    if (!std::isnan(row.labels[k])) out += fmt::format("  {} = {:g}\n", attributes[k], row.labels[k]);
  return out.empty() ? "  no labels\n" : out;
}

std::vector<bool> only_row_0(const data::Dataset& dataset) {
  std::vector<bool> wanted(static_cast<std::size_t>(dataset.num_rows()));
  if (!wanted.empty()) wanted[0] = true;
  return wanted;
}

data::RejectRow reason_into(std::string& out) {
  return [&out](std::int64_t, const std::string& column, const std::string& reason) {
    out = fmt::format("row 0 cannot be used: {}: {}\n", column, reason);
  };
}

}  // namespace

std::string first_preference_row(const data::Dataset& dataset) {
  std::string out;
  dataset.for_each_preference(
      only_row_0(dataset), [&](data::PreferenceRow&& row) { out = pair_text(row); }, reason_into(out));
  return out;
}

std::string first_labelled_row(const data::Dataset& dataset, const std::vector<std::string>& attributes) {
  std::string out;
  dataset.for_each_labelled(
      attributes, only_row_0(dataset),
      [&](data::LabelledRow&& row) {
        out += conversation_text(fmt::format("answer {}", row.answer), row.messages) +
               labels_text(row, attributes);
      },
      reason_into(out));
  return out;
}

}  // namespace armorm::stages::prepare
