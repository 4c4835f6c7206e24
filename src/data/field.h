// One cell of a row with its position, and what a row may ask of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "data/conversation.h"
#include "data/row_file.h"

namespace armorm::data {

struct Field {
  const std::filesystem::path& path;
  std::int64_t row;  // row in the file
  const std::string& column;
  Cell& cell;

  std::string place() const { return place_of(path, row, column); }
  std::string found() const;  // for messages
  bool is_absent() const { return cell.kind == CellKind::missing || cell.kind == CellKind::null; }
  // data error for a bad cell, whose text is the complete message.
  void check_readable() const;
};

// The first characters, on one line, for messages.
std::string excerpt(const std::string& text);

// Each is a data error that names the place where the cell holds something else.
float label_of(const Field& field);                // NaN for none
std::string text_of(const Field& field);           // moves it from the cell
std::string optional_text_of(const Field& field);  // empty for none
Conversation turns_of(const Field& field);         // moves them; at least one message
// The messages of a row's prompt: text is a user message, or the turns of a transcript. Empty without a
// prompt.
Conversation prompt_of(const Field& prompt);

}  // namespace armorm::data
