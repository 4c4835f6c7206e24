#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "armorm/core/error.h"
#include "data/json_records.h"
#include "data/row_file.h"

namespace armorm::data {
namespace {

using nlohmann::json;

constexpr std::int64_t kRowsSeenForColumns = 1000;

template <class Json>
std::string found_of(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  return value.type_name();
}

std::string message_field(const json& message, const char* name, std::size_t position,
                          const std::string& place) {
  const auto found = message.find(name);
  if (found == message.end()) {
    fail_data("{}: message {}: no field \"{}\"; expected messages with role and content", place, position,
              name);
  }
  if (!found->is_string()) {
    fail_data("{}: message {}: {}: found {}, expected a string", place, position, name, found_of(*found));
  }
  return found->get<std::string>();
}

Conversation conversation_of(const json& list, const std::string& place) {
  Conversation turns;
  turns.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!list[i].is_object()) {
      fail_data("{}: message {}: found {}, expected a message with role and content", place, i,
                found_of(list[i]));
    }
    turns.push_back({message_field(list[i], "role", i, place), message_field(list[i], "content", i, place)});
  }
  return turns;
}

void fill_cell(const json& row, const ColumnRequest& request, const std::filesystem::path& path,
               std::int64_t number, Cell& cell) {
  cell = Cell{};
  const auto found = row.find(request.name);
  if (found == row.end() || found->is_null()) return;
  if (found->is_number() || found->is_boolean()) {
    cell.kind = CellKind::number;
    cell.number = found->is_boolean() ? (found->get<bool>() ? 1.0 : 0.0) : found->get<double>();
  } else if (found->is_string()) {
    cell.kind = CellKind::text;
    cell.text = found->get<std::string>();
  } else if (found->is_array() && request.want == Want::turns) {
    cell.kind = CellKind::turns;
    cell.turns = conversation_of(*found, place_of(path, number, request.name));
  } else {
    cell.kind = CellKind::other;
    cell.text = found_of(*found);
  }
}

// JSON Lines, or one array of objects; a column is there when one of the first rows has it.
class JsonRowFile final : public RowFile {
 public:
  explicit JsonRowFile(std::filesystem::path path) : path_(std::move(path)) {}

  std::int64_t num_rows() override {
    if (rows_ < 0) {
      const auto records = open_json_records(path_);
      std::string text;
      std::int64_t rows = 0;
      while (records->next(text)) ++rows;
      rows_ = rows;
    }
    return rows_;
  }

  std::vector<std::string> column_names() override {
    const auto records = open_json_records(path_);
    std::vector<std::string> names;
    std::set<std::string> seen;
    std::string text;
    for (std::int64_t row = 0; row < kRowsSeenForColumns && records->next(text); ++row) {
      const auto object = parse<nlohmann::ordered_json>(text, *records);
      for (const auto& [name, value] : object.items()) {
        if (seen.insert(name).second) names.push_back(name);
      }
    }
    return names;
  }

  std::int64_t read(const std::vector<ColumnRequest>& columns, const Wanted& wanted,
                    const Visit& visit) override {
    const auto records = open_json_records(path_);
    std::vector<Cell> cells(columns.size());
    std::string text;
    std::int64_t row = 0;
    for (; records->next(text); ++row) {
      if (!wanted(row)) continue;
      const auto value = parse<json>(text, *records);
      for (std::size_t c = 0; c < columns.size(); ++c) fill_cell(value, columns[c], path_, row, cells[c]);
      visit(row, cells);
    }
    return rows_ = row;
  }

 private:
  template <class Json>
  static Json parse(const std::string& text, const JsonRecords& records) {
    check_json_depth(text, records.where());
    try {
      Json value = Json::parse(text);
      if (!value.is_object()) fail_data("{}: found {}, expected an object", records.where(), found_of(value));
      return value;
    } catch (const json::exception& error) {
      fail_data("{}: not valid JSON: {}", records.where(), error.what());
    }
  }

  std::filesystem::path path_;
  std::int64_t rows_ = -1;
};

}  // namespace

std::unique_ptr<RowFile> open_json(const std::filesystem::path& path) {
  return std::make_unique<JsonRowFile>(path);
}

}  // namespace armorm::data
