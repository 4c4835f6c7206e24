// Cells from JSON values: rows of JSON files, and columns of JSON texts.
#pragma once

#include "data/json_reader.h"
#include "data/row_file.h"

namespace armorm::data {

// Reads one value. A list is read only where messages are wanted: a list of messages, or, if the first item
// is text, a list of texts.
void read_cell(JsonReader& json, Want want, const Place& place, Cell& cell);

}  // namespace armorm::data
