// The answers of a row of a described form.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "data/form.h"
#include "data/form_row.h"

namespace armorm::data {

struct FormAnswers {
  std::vector<Conversation> conversations;  // complete, one for each answer
  std::vector<nlohmann::json> records;      // of answers that are records: the same, as objects
  bool are_equal = false;                   // of texts to split: they do not differ
};

// data error that names the field.
FormAnswers read_answers(const Form& form, const FieldOf& field);

// The objects of a list. data error for anything else.
std::vector<nlohmann::json> records_of(const Field& field);

// The numbers of a list, also as text; nothing for null, NaN and other text. data error for anything else.
std::vector<std::optional<double>> numbers_of(const Field& field);

}  // namespace armorm::data
