// Cells from JSON values: rows of JSON files, and columns of JSON texts.
#pragma once

#include "data/json_reader.h"
#include "data/row_file.h"

namespace armorm::data {

// Reads one value. Where messages are wanted, a list is one of messages, or, if the first item is text, of
// texts; where JSON is wanted, lists and objects are their text.
void read_cell(JsonReader& json, Want want, const Place& place, Cell& cell);

}  // namespace armorm::data
