// Arrow's extension types: columns of JSON texts (arrow.json), which `datasets` writes for its Json feature,
// and a refusal of types that are not known here.
#pragma once

#include <arrow/api.h>

#include <string>

#include "data/row_file.h"

namespace armorm::data {

// data error that names a field, at any depth, whose extension type gives its storage another meaning.
void check_extension_types(const arrow::Schema& schema, const std::string& where);

// Whether values of this type hold JSON texts, at any depth.
bool holds_json(const arrow::DataType& type);

// Reads the row's value as if it were the JSON value that its texts encode. data error for a text that is not
// valid JSON. The array must be valid (ValidateFull).
void fill_json_cell(const arrow::Array& column, std::int64_t index, Want want, const Place& place,
                    Cell& cell);

}  // namespace armorm::data
