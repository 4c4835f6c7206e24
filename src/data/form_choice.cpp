#include "data/form_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "data/column_account.h"
#include "data/form_row.h"

namespace armorm::data {
namespace {

class Recognition {
 public:
  explicit Recognition(const FormEvidence& evidence) : evidence_(evidence) {}

  bool fits_by_columns(const Form& form) const {
    return has_columns(form) && takes_renames(form) && rates(form) && is_alone(form);
  }

  bool has_types(const Form& form) const {
    std::vector<ColumnRequest> requests;
    std::vector<ColumnType> types;
    for (const FormColumn& column : columns_for(form)) {
      if (column.optional) continue;
      requests.push_back({name_in_set(column.name), want_of(column.type)});
      types.push_back(column.type);
    }
    const std::vector<Cell> values = evidence_.first_values(requests);
    for (std::size_t i = 0; i < types.size(); ++i)
      if (!is_of_type(values[i], types[i])) return false;
    return true;
  }

 private:
  std::string name_in_set(std::string_view ours) const {
    const auto renamed = evidence_.renames.find(std::string(ours));
    return renamed != evidence_.renames.end() ? renamed->second : std::string(ours);
  }

  bool has(std::string_view ours) const {
    return std::find(evidence_.columns.begin(), evidence_.columns.end(), name_in_set(ours)) !=
           evidence_.columns.end();
  }

  bool has_columns(const Form& form) const {
    if (!form.absent.empty() && has(form.absent)) return false;
    const std::vector<FormColumn> columns = columns_for(form);
    return std::all_of(columns.begin(), columns.end(),
                       [&](const FormColumn& column) { return column.optional || has(column.name); });
  }

  // Without the labels that are not wanted.
  std::vector<FormColumn> columns_for(const Form& form) const {
    if (form.labels.empty()) return form.columns;
    const auto wanted = std::find(form.labels.begin(), form.labels.end(), evidence_.preference_label);
    return columns_of(form, wanted == form.labels.end() ? form.labels.front() : *wanted);
  }

  // A rename says that the rows are of a form with that column.
  bool takes_renames(const Form& form) const {
    return std::all_of(evidence_.renames.begin(), evidence_.renames.end(), [&](const auto& rename) {
      return rename.first == "source" || is_column(form, rename.first) || is_attribute(rename.first);
    });
  }

  static bool is_column(const Form& form, std::string_view name) {
    return std::any_of(form.columns.begin(), form.columns.end(),
                       [&](const FormColumn& column) { return column.name == name; });
  }

  bool is_attribute(std::string_view name) const {
    return std::find(evidence_.attributes.begin(), evidence_.attributes.end(), name) !=
           evidence_.attributes.end();
  }

  // A form with ratings of its own has one that is wanted; one that takes any columns of labels has them all.
  bool rates(const Form& form) const {
    if (!form.ratings.empty())
      return std::any_of(form.ratings.begin(), form.ratings.end(),
                         [&](const Rating& rating) { return is_attribute(rating.attribute); });
    return !form.is_described() || std::all_of(evidence_.attributes.begin(), evidence_.attributes.end(),
                                               [&](const std::string& attribute) { return has(attribute); });
  }

  bool is_alone(const Form& form) const {
    return !form.is_alone ||
           std::all_of(evidence_.columns.begin(), evidence_.columns.end(), [&](const std::string& column) {
             return ColumnAccount::describes_rows(column) || is_column(form, column);
           });
  }

  const FormEvidence& evidence_;
};

}  // namespace

const Form* recognise_form(std::span<const Form> forms, const FormEvidence& evidence) {
  const Recognition recognition(evidence);
  std::vector<const Form*> found;
  for (const Form& form : forms)
    if (recognition.fits_by_columns(form)) found.push_back(&form);
  // Each row of such a form is read by its own types.
  if (found.size() == 1 && !found.front()->is_described()) return found.front();
  std::erase_if(found, [&](const Form* form) { return !recognition.has_types(*form); });
  std::vector<std::string_view> names;
  for (const Form* form : found) names.push_back(form->name);
  if (found.size() > 1)
    fail_data("{}: columns and types fit several forms: {}; name one of them with `form`", evidence.where,
              fmt::join(names, ", "));
  return found.empty() ? nullptr : found.front();
}

}  // namespace armorm::data
