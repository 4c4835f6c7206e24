// Makes conversations, pairs and labels of a row, as its form describes them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/conversation.h"
#include "data/field.h"
#include "data/form.h"

namespace armorm::data {

// The cell of a column of the row, by the name that the form has for it.
using FieldOf = std::function<Field(std::string_view column)>;

// Fields of records that nothing is made from, "completions.critique", with the number of records that hold
// them.
using UnreadFields = std::map<std::string, std::int64_t>;

// `wanted`, or the form's first label if that is empty. usage error that begins with `where` for one that the
// form does not have.
std::string_view chosen_label(const Form& form, const std::string& wanted, const std::string& where);

// The columns that a row is made from; `label` is the chosen one.
std::vector<FormColumn> columns_of(const Form& form, std::string_view label);

// Sets answers, pairs and what comes with them. data error that names the field.
void rank_answers(const Form& form, std::string_view label, RankedPairs which, const FieldOf& field,
                  UnreadFields& unread, PreferenceRow& row);

// One row for each answer, with the form's ratings, or NaN, for those of `attributes` that it has, and the
// columns of the row for the others. data error that names the field.
std::vector<LabelledRow> rated_answers(const Form& form, const std::vector<std::string>& attributes,
                                       const FieldOf& field, UnreadFields& unread);

}  // namespace armorm::data
