#include "data/form_row.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/strings.h"
#include "data/column_account.h"
#include "data/form_answers.h"

namespace armorm::data {
namespace {

using Json = nlohmann::json;
using Values = std::vector<std::optional<double>>;  // of the answers, higher is better; nothing = no label

constexpr float kNoLabel = std::numeric_limits<float>::quiet_NaN();

// The value at a path "annotations/honesty/Rating"; nothing for what is no number, also as text.
std::optional<double> number_at(const Json& record, std::string_view path) {
  const Json* value = &record;
  while (!path.empty()) {
    const std::string_view key = path.substr(0, path.find('/'));
    if (!value->is_object()) return std::nullopt;
    const auto member = value->find(key);
    if (member == value->end()) return std::nullopt;
    value = &*member;
    path.remove_prefix(std::min(path.size(), key.size() + 1));
  }
  if (value->is_boolean()) return value->get<bool>() ? 1.0 : 0.0;
  if (value->is_number()) return value->get<double>();
  return value->is_string() ? number_in_text(value->get<std::string>()) : std::nullopt;
}

// The first of two answers, or the second, or both alike.
Values two(double first, double second) { return {first, second}; }

// Nothing for null, NaN and empty text. data error for anything else that is no number.
std::optional<double> choice_in(const Field& label) {
  label.check_readable();
  const Cell& cell = label.cell;
  const bool is_empty = label.is_absent() || (cell.kind == CellKind::number && std::isnan(cell.number)) ||
                        (cell.kind == CellKind::text && trimmed(cell.text).empty());
  if (is_empty) return std::nullopt;
  const std::optional<double> number = number_in(cell);
  if (!number || !std::isfinite(*number))
    fail_data("{}: found {}, expected a number, or null for no label", label.place(), label.found());
  return number;
}

Values by_index(const Field& label, std::size_t answers) {
  const std::optional<double> index = choice_in(label);
  Values values(answers);
  if (!index) return values;
  const auto best = static_cast<std::size_t>(std::max(*index, 0.0));
  if (*index < 0 || best >= answers || static_cast<double>(best) != *index)
    fail_data("{}: found {}, expected the number of one of {} answers, from 0", label.place(), label.found(),
              answers);
  std::fill(values.begin(), values.end(), 0.0);
  values[best] = 1.0;
  return values;
}

Values by_first(const Field& label) {
  const std::optional<double> first = choice_in(label);
  if (!first) return Values(2);
  if (*first != 0 && *first != 1)
    fail_data("{}: found {}, expected 1 (the first answer is better) or 0", label.place(), label.found());
  return two(*first, 1 - *first);
}

Values by_strength(const Form& form, const Field& label) {
  const std::optional<double> strength = choice_in(label);
  if (!strength) return Values(2);
  if (std::abs(*strength) > form.strongest)
    fail_data("{}: found {}, expected a preference from -{} to {} (the form {})", label.place(),
              label.found(), form.strongest, form.strongest, form.name);
  return two(-*strength, *strength);
}

Values by_winner(const Field& label) {
  const std::string winner = optional_text_of(label);
  if (winner.empty()) return Values(2);
  if (winner.starts_with("tie")) return two(0, 0);
  if (winner != "model_a" && winner != "model_b")
    fail_data("{}: found \"{}\", expected model_a, model_b or a tie", label.place(), winner);
  return winner == "model_a" ? two(1, 0) : two(0, 1);
}

Values by_letter(const Field& label) {
  const std::string better = optional_text_of(label);
  if (better.empty()) return Values(2);
  if (better != "A" && better != "B")
    fail_data("{}: found \"{}\", expected A or B", label.place(), shown(better));
  return better == "A" ? two(1, 0) : two(0, 1);
}

Values by_field(const std::vector<Json>& records, std::string_view field, double sign) {
  Values values;
  for (const Json& record : records) {
    const std::optional<double> value = number_at(record, field);
    values.push_back(value ? std::optional(sign * *value) : std::nullopt);
  }
  return values;
}

// The object of the list that rates the answer of `record`: the one of the same model.
const Json* rating_record(const std::vector<Json>& list, const Json& record) {
  const auto model = record.find("model");
  if (model == record.end()) return nullptr;
  const auto found = std::find_if(list.begin(), list.end(), [&](const Json& item) {
    const auto other = item.find("model");
    return other != item.end() && *other == *model;
  });
  return found == list.end() ? nullptr : &*found;
}

Values by_rating(const std::vector<Json>& ratings, const std::vector<Json>& records, std::string_view path) {
  Values values;
  for (const Json& record : records) {
    const Json* rating = rating_record(ratings, record);
    values.push_back(rating != nullptr ? number_at(*rating, path) : std::nullopt);
  }
  return values;
}

// The first answer is better than each other one.
Values by_order(const FormAnswers& answers) {
  Values values(answers.conversations.size(), 0.0);
  values.front() = answers.are_equal ? 0.0 : 1.0;
  return values;
}

Values values_of(const Form& form, std::string_view label, const FieldOf& field, const FormAnswers& answers) {
  switch (form.better) {
    case Better::order:
      return by_order(answers);
    case Better::rank:
      return by_field(answers.records, label, -1);
    case Better::score:
      return form.rated_in.empty() ? by_field(answers.records, label, 1)
                                   : by_rating(records_of(field(form.rated_in)), answers.records, label);
    default:
      break;
  }
  const Field cell = field(label);
  cell.check_readable();
  if (form.better == Better::index) return by_index(cell, answers.conversations.size());
  if (form.better == Better::first) return by_first(cell);
  if (form.better == Better::letter) return by_letter(cell);
  return form.better == Better::strength ? by_strength(form, cell) : by_winner(cell);
}

void add_pair(const Values& values, std::size_t i, std::size_t j, PreferenceRow& row) {
  if (!values[i] || !values[j]) return;
  if (*values[i] == *values[j])
    ++row.tied_pairs;
  else
    row.pairs.push_back(*values[i] > *values[j] ? AnswerPair{i, j} : AnswerPair{j, i});
}

void pair_all(const Values& values, PreferenceRow& row) {
  for (std::size_t i = 0; i < values.size(); ++i)
    for (std::size_t j = i + 1; j < values.size(); ++j) add_pair(values, i, j, row);
}

void pair_best(const Values& values, PreferenceRow& row) {
  // An answer without a label is below all others.
  const auto best = static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
  for (std::size_t j = 0; j < values.size(); ++j)
    if (j != best) add_pair(values, best, j, row);
}

// Whether the labels say only which answer is the best one.
bool names_the_best(Better better) { return better == Better::order || better == Better::index; }

float rating_of(const std::optional<double>& value, const Rating& rating) {
  return value ? static_cast<float>((*value + rating.add) / rating.divide) : kNoLabel;
}

// The ratings of a form whose answers have a column of ratings each, or one list of them.
Values ratings_of(const Form& form, const FieldOf& field, std::size_t answers) {
  Values values;
  if (form.answer_kind != AnswerKind::list) {
    for (const std::string_view column : form.rated_by) {
      const Field cell = field(column);
      cell.check_readable();
      values.push_back(number_in(cell.cell));
    }
    return values;
  }
  const Field list = field(form.rated_by.front());
  if (list.is_absent()) return Values(answers);
  values = numbers_of(list);
  if (values.size() != answers)
    fail_data("{}: found {} ratings, expected one for each of {} answers", list.place(), values.size(),
              answers);
  return values;
}

// What follows the first dash of an attribute's name.
std::string_view aspect_of(const Rating& rating) {
  return rating.attribute.substr(rating.attribute.find('-') + 1);
}

// The aspect that the row rates; empty for none.
std::string attribute_in(const Form& form, const Field& field) {
  std::string aspect = optional_text_of(field);
  std::vector<std::string_view> known;
  for (const Rating& rating : form.ratings) known.push_back(aspect_of(rating));
  if (!aspect.empty() && std::find(known.begin(), known.end(), aspect) == known.end())
    fail_data("{}: found \"{}\", expected one of {}", field.place(), shown(aspect), fmt::join(known, ", "));
  return aspect;
}

// Reads the labels of each answer of a row.
class RowRatings {
 public:
  RowRatings(const Form& form, const FieldOf& field, const FormAnswers& answers)
      : form_(form), field_(field), records_(answers.records) {
    if (!form.attribute_of.empty()) attribute_of_ = attribute_in(form, field(form.attribute_of));
    if (!form.rated_in.empty()) rated_in_ = data::records_of(field(form.rated_in));
    if (!form.rated_by.empty()) rated_by_ = ratings_of(form, field, answers.conversations.size());
  }

  float label(const std::string& attribute, std::size_t answer) const {
    const auto rating = std::find_if(form_.ratings.begin(), form_.ratings.end(),
                                     [&](const Rating& known) { return known.attribute == attribute; });
    if (rating == form_.ratings.end()) return label_of(field_(attribute));
    if (!form_.attribute_of.empty() && aspect_of(*rating) != attribute_of_) return kNoLabel;
    const std::optional<double> value = value_of(*rating, answer);
    if (value) check_range(*rating, *value, answer);
    return rating_of(value, *rating);
  }

 private:
  // Published ratings are whole numbers: of a scale from -0.5 to 4.5, those from 0 to 4.
  void check_range(const Rating& rating, double value, std::size_t answer) const {
    const double label = (value + rating.add) / rating.divide;
    if (label >= 0 && label <= 1) return;
    fail_data("{}: found {}, expected a rating from {} to {} (the form {})", place_of(rating, answer), value,
              std::ceil(-rating.add) + 0.0, std::floor(rating.divide - rating.add), form_.name);
  }

  std::string place_of(const Rating& rating, std::size_t answer) const {
    if (!form_.rated_by.empty())
      return form_.answer_kind == AnswerKind::list
                 ? fmt::format("{}: item {}", field_(form_.rated_by.front()).place(), answer)
                 : field_(form_.rated_by[answer]).place();
    if (records_.empty()) return field_(rating.source).place();
    const std::string_view column = form_.rated_in.empty() ? form_.answers.front() : form_.rated_in;
    return fmt::format("{}: {} of answer {}", field_(column).place(), rating.source, answer);
  }

  std::optional<double> value_of(const Rating& rating, std::size_t answer) const {
    if (!form_.rated_by.empty()) return rated_by_[answer];
    if (records_.empty()) {
      const Field cell = field_(rating.source);
      cell.check_readable();
      return number_in(cell.cell);
    }
    if (form_.rated_in.empty()) return number_at(records_[answer], rating.source);
    const Json* record = rating_record(rated_in_, records_[answer]);
    return record != nullptr ? number_at(*record, rating.source) : std::nullopt;
  }

  const Form& form_;
  const FieldOf& field_;
  const std::vector<Json>& records_;
  std::string attribute_of_;
  std::vector<Json> rated_in_;
  Values rated_by_;
};

bool is_label_column(const Form& form, std::string_view column) {
  return std::find(form.labels.begin(), form.labels.end(), column) != form.labels.end();
}

bool is_rated(const Form& form, std::string_view field) {
  return std::any_of(form.ratings.begin(), form.ratings.end(), [&](const Rating& rating) {
    return rating.source.substr(0, rating.source.find('/')) == field;
  });
}

bool is_used(const Form& form, std::string_view field) {
  return field == form.answer_field || is_label_column(form, field) || is_rated(form, field) ||
         ColumnAccount::describes_rows(field);
}

void count_unread(const Form& form, const std::vector<Json>& records, UnreadFields& unread) {
  constexpr std::size_t kMost = 10'000;  // each record can have fields of its own
  for (const Json& record : records)
    for (const auto& [field, value] : record.items()) {
      if (is_used(form, field)) continue;
      const std::string name = fmt::format("{}.{}", form.answers.front(), field);
      if (unread.size() < kMost || unread.contains(name)) ++unread[name];
    }
}

}  // namespace

std::string_view chosen_label(const Form& form, const std::string& wanted, const std::string& where) {
  if (wanted.empty()) return form.labels.empty() ? std::string_view() : form.labels.front();
  const auto found = std::find(form.labels.begin(), form.labels.end(), wanted);
  if (found == form.labels.end())
    fail_usage("{}: `preference_label` is \"{}\", but the form {} has {}", where, wanted, form.name,
               form.labels.empty() ? std::string("none to choose from")
                                   : fmt::format("only {}", fmt::join(form.labels, ", ")));
  return *found;
}

std::vector<FormColumn> columns_of(const Form& form, std::string_view label) {
  std::vector<FormColumn> columns;
  for (FormColumn column : form.columns) {
    const bool is_label = is_label_column(form, column.name);
    if (is_label && column.name != label && column.name != form.strength) continue;
    if (is_label) column.optional = false;
    columns.push_back(column);
  }
  return columns;
}

void rank_answers(const Form& form, std::string_view label, RankedPairs which, const FieldOf& field,
                  UnreadFields& unread, PreferenceRow& row) {
  FormAnswers answers = read_answers(form, field);
  count_unread(form, answers.records, unread);
  const Values values = values_of(form, label, field, answers);
  row.unlabelled_answers = std::count(values.begin(), values.end(), std::nullopt);
  if (which == RankedPairs::best || names_the_best(form.better))
    pair_best(values, row);
  else
    pair_all(values, row);
  row.answers = std::move(answers.conversations);
  if (form.strength.empty()) return;
  const std::optional<double> strength = choice_in(field(form.strength));
  if (strength) row.strength = static_cast<float>(std::abs(*strength));
}

std::vector<LabelledRow> rated_answers(const Form& form, const std::vector<std::string>& attributes,
                                       const FieldOf& field, UnreadFields& unread) {
  FormAnswers answers = read_answers(form, field);
  count_unread(form, answers.records, unread);
  const RowRatings ratings(form, field, answers);
  std::vector<LabelledRow> rows;
  for (std::size_t i = 0; i < answers.conversations.size(); ++i) {
    LabelledRow& row = rows.emplace_back();
    row.answer = static_cast<std::int64_t>(i);
    row.messages = std::move(answers.conversations[i]);
    for (const std::string& attribute : attributes) row.labels.push_back(ratings.label(attribute, i));
  }
  return rows;
}

}  // namespace armorm::data
