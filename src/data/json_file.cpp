#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/phase.h"
#include "data/json_cell.h"
#include "data/json_messages.h"
#include "data/json_reader.h"
#include "data/json_records.h"
#include "data/row_file.h"

namespace armorm::data {
namespace {

using Kind = JsonReader::Kind;

constexpr std::int64_t kRowsSeenForColumns = 1000;
constexpr std::size_t kMaxUnreadKeys = 10'000;  // each row can have keys of its own

void enter_row(JsonReader& json, const JsonRecords& records) {
  records.check_readable();
  const Kind kind = json.peek();
  if (kind == Kind::object || kind == Kind::number) return json.enter_object();
  fail_data("{}: found {}, expected an object", records.where(), JsonReader::name_of(kind));
}

// Column names in the order in which they appear.
class ColumnNames {
 public:
  // Adds the keys of one row that are new; either all, or none if the row is damaged.
  void add_row(const std::string& text, const JsonRecords& records) {
    const std::string where = records.where();
    JsonReader json(text, where);
    std::vector<std::string> keys;
    std::string key;
    enter_row(json, records);
    while (json.next_member(key)) {
      if (!seen_.contains(key)) keys.push_back(key);
      json.skip_value();
    }
    json.expect_end();
    for (std::string& name : keys)
      if (seen_.insert(name).second) names_.push_back(std::move(name));
  }

  bool holds_all(std::span<const std::string> sought) const {
    return std::all_of(sought.begin(), sought.end(),
                       [&](const std::string& name) { return seen_.contains(name); });
  }

  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
  std::set<std::string> seen_;
};

// JSON Lines, or one array of objects; a column exists if any row has it.
class JsonRowFile final : public RowFile {
 public:
  explicit JsonRowFile(std::filesystem::path path) : path_(std::move(path)) {}

  std::int64_t num_rows() override {
    const auto records = open_json_records(path_);
    std::string text;
    std::int64_t rows = 0;
    Phase phase("counting the rows of " + path_.string(), 0);
    for (; records->next(text); ++rows) phase.advance_to(rows);
    return rows;
  }

  bool has_fixed_columns() const override { return false; }

  std::vector<std::string> column_names(std::span<const std::string> sought) override {
    const auto records = open_json_records(path_);
    ColumnNames columns;
    std::string text;
    // read() reports a row that is not an object, unless no row is one.
    std::vector<Cell> first_bad;
    for (std::int64_t row = 0; row < kRowsSeenForColumns || !columns.holds_all(sought); ++row) {
      if (!records->next(text)) break;
      Cell failure;
      fill_or_mark_bad({&failure, 1}, [&] { columns.add_row(text, *records); });
      if (failure.kind == CellKind::bad && first_bad.empty()) first_bad.push_back(failure);
    }
    if (columns.names().empty() && !first_bad.empty()) fail_data("{}", first_bad[0].text);
    return columns.names();
  }

  std::int64_t read(const std::vector<ColumnRequest>& columns, const Wanted& wanted,
                    const Visit& visit) override {
    const auto records = open_json_records(path_);
    std::vector<Cell> cells;
    std::string text;
    std::int64_t row = 0;
    unread_.clear();
    for (; records->next(text); ++row) {
      if (!wanted(row)) continue;
      start_row(columns, cells);
      fill_or_mark_bad(cells, [&] { read_row(text, *records, row, columns, cells); });
      visit(row, cells);
    }
    return row;
  }

  std::map<std::string, std::int64_t> unread_keys() const override { return unread_; }

 private:
  // An absent key is null, as in `datasets`, unless the column is optional.
  static void start_row(const std::vector<ColumnRequest>& columns, std::vector<Cell>& cells) {
    cells.assign(columns.size(), Cell{});
    for (std::size_t c = 0; c < columns.size(); ++c)
      if (columns[c].optional) cells[c] = missing_cell();
  }

  void read_row(const std::string& text, const JsonRecords& records, std::int64_t row,
                const std::vector<ColumnRequest>& columns, std::vector<Cell>& cells) {
    const std::string where = records.where();
    JsonReader json(text, where);
    ObjectKeys keys;
    std::string key;
    enter_row(json, records);
    while (json.next_member(key)) {
      keys.add(key, [&] { return fmt::format("{}: row {}", path_.string(), row); });
      const JsonReader value = json;  // a column may be requested twice
      bool asked = false;
      for (std::size_t c = 0; c < columns.size(); ++c) {
        if (columns[c].name != key) continue;
        JsonReader copy = value;
        read_cell(copy, columns[c].want, Place{path_, row, columns[c].name}, cells[c]);
        if (!asked) json.continue_from(copy);
        asked = true;
      }
      if (asked) continue;
      json.skip_value();
      if (unread_.size() < kMaxUnreadKeys || unread_.contains(key)) ++unread_[key];
    }
    json.expect_end();
  }

  std::filesystem::path path_;
  std::map<std::string, std::int64_t> unread_;
};

}  // namespace

std::unique_ptr<RowFile> open_json(const std::filesystem::path& path) {
  return std::make_unique<JsonRowFile>(path);
}

}  // namespace armorm::data
