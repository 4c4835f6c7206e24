// Recognises the form of a data set by its columns and their types.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "data/form.h"

namespace armorm::data {

struct FormEvidence {
  std::string where;                                  // for messages
  const std::vector<std::string>& columns;            // of the data set
  const std::map<std::string, std::string>& renames;  // our column name -> the set's
  const std::vector<std::string>& attributes;         // labels that are wanted; none for pairs
  const std::string& preference_label;                // that is wanted of pairs; empty = the form's first
  // The first value of each column, null where the first rows hold none.
  std::function<std::vector<Cell>(const std::vector<ColumnRequest>&)> first_values;
};

// Null when no form fits. data error that names them when several do.
const Form* recognise_form(std::span<const Form> forms, const FormEvidence& evidence);

}  // namespace armorm::data
