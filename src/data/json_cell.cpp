#include "data/json_cell.h"

#include "core/error.h"
#include "data/json_messages.h"

namespace armorm::data {
namespace {

using Kind = JsonReader::Kind;

// A list of messages, or, if the first item is text, a list of texts.
void read_list(JsonReader& json, const Place& place, Cell& cell) {
  cell.kind = CellKind::turns;
  json.enter_array();
  while (json.next_element()) {
    const Kind kind = json.peek();
    if (kind == Kind::string && cell.turns.empty()) {
      cell.kind = CellKind::texts;
      cell.texts.push_back(json.read_string());
    } else if (cell.kind == CellKind::texts) {
      fail_data("{}: item {}: found {}, expected text, as the first item is", place.text(), cell.texts.size(),
                JsonReader::name_of(kind));
    } else {
      cell.turns.push_back(read_message(json, cell.turns.size(), {[&] { return place.text(); }}));
    }
  }
}

}  // namespace

void read_cell(JsonReader& json, Want want, const Place& place, Cell& cell) {
  cell = Cell{};
  const Kind kind = json.peek();
  if (kind == Kind::null) {
    json.read_null();
  } else if (kind == Kind::number || kind == Kind::boolean) {
    cell.kind = CellKind::number;
    cell.number = json.read_number();
  } else if (kind == Kind::string) {
    cell.kind = CellKind::text;
    cell.text = json.read_string();
  } else if (want == Want::json) {
    cell.kind = CellKind::json;
    cell.text = json.skip_value();
  } else if (kind == Kind::array && want == Want::turns) {
    read_list(json, place, cell);
  } else {
    cell.kind = CellKind::other;
    cell.text = JsonReader::name_of(kind);
    json.skip_value();
  }
}

}  // namespace armorm::data
