// One file of rows, independent of its format. Readers turn the requested columns into cells; dataset.cpp
// turns cells into rows, so that the rules for rows are in one place.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "data/conversation.h"

namespace armorm::data {

enum class Want {
  number,
  text,
  turns,  // a list of messages, a list of texts, or text
  json,   // a list or an object, as JSON
};

struct ColumnRequest {
  std::string name;
  Want want = Want::text;
  bool optional = false;  // cells are `missing` where a file, or a row of JSON, lacks the column
};

enum class CellKind { missing, null, number, text, turns, texts, json, other, bad };

struct Cell {
  CellKind kind = CellKind::null;
  double number = 0;  // booleans are 0 and 1
  std::string text;   // also that of `json`; `other`: what was found instead, for messages; `bad`: the
                      // complete message
  Conversation turns;
  std::vector<std::string> texts;  // candidates of a best-of-n row
};

inline Cell missing_cell() {
  Cell cell;
  cell.kind = CellKind::missing;
  return cell;
}

// Runs `fill`, which reads one row or cell; a data error in it makes the cells bad.
template <class Fill>
void fill_or_mark_bad(std::span<Cell> cells, const Fill& fill) {
  try {
    fill();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    for (Cell& cell : cells) {
      cell = Cell{};
      cell.kind = CellKind::bad;
      cell.text = error.what();
    }
  }
}

class RowFile {
 public:
  using Wanted = std::function<bool(std::int64_t row)>;                     // row of this file, from 0
  using Visit = std::function<void(std::int64_t row, std::vector<Cell>&)>;  // one cell per request

  virtual ~RowFile() = default;
  virtual std::int64_t num_rows() = 0;
  // For JSON: the columns of the first rows, reading on until all of `sought` were seen.
  virtual std::vector<std::string> column_names(std::span<const std::string> sought) = 0;
  // False if read() may be called with a column that column_names() did not return.
  virtual bool has_fixed_columns() const { return true; }
  // Visits the wanted rows in order and returns the number of rows in the file. The columns must exist.
  // Memory: one record batch. A value that cannot be read becomes a bad cell, whose text names file, row and
  // column, so that the following rows are still read; a damaged file is a data error.
  virtual std::int64_t read(const std::vector<ColumnRequest>& columns, const Wanted& wanted,
                            const Visit& visit) = 0;
  // Where columns are not fixed: the keys that the last read() met without a request, with the number of rows
  // that hold them.
  virtual std::map<std::string, std::int64_t> unread_keys() const { return {}; }
};

std::unique_ptr<RowFile> open_parquet(const std::filesystem::path& path);
std::unique_ptr<RowFile> open_arrow_ipc(const std::filesystem::path& path);
std::unique_ptr<RowFile> open_json(const std::filesystem::path& path);
std::unique_ptr<RowFile> open_csv(const std::filesystem::path& path, char separator);

// Chooses by extension; data error for an unknown format.
std::unique_ptr<RowFile> open_row_file(const std::filesystem::path& path);

// "FILE: row 3: column "chosen""
std::string place_of(const std::filesystem::path& path, std::int64_t row, const std::string& column);

// Position of a value; converted to text only for an error message.
struct Place {
  const std::filesystem::path& path;
  std::int64_t row;
  const std::string& column;
  std::string text() const { return place_of(path, row, column); }
};

}  // namespace armorm::data
