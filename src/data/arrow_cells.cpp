#include "data/arrow_cells.h"

#include <arrow/extension_type.h>
#include <arrow/util/float16.h>
#include <fmt/core.h>

#include <cmath>
#include <cstdlib>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "data/json_column.h"
#include "io/line_reader.h"

namespace armorm::data {
namespace {

using arrow::Array;
using arrow::Type;

// A value in its underlying array, with dictionaries and extension types resolved.
struct Value {
  const Array* array;
  std::int64_t index;
  bool is_null() const { return array->IsNull(index) || array->type_id() == Type::NA; }
};

Value resolve(const Array& array, std::int64_t index) {
  Value value{&array, index};
  while (!value.is_null()) {
    if (value.array->type_id() == Type::DICTIONARY) {
      const auto& dictionary = static_cast<const arrow::DictionaryArray&>(*value.array);
      value = {dictionary.dictionary().get(), dictionary.GetValueIndex(value.index)};
    } else if (value.array->type_id() == Type::EXTENSION) {
      value.array = static_cast<const arrow::ExtensionArray&>(*value.array).storage().get();
    } else {
      break;
    }
  }
  return value;
}

template <class ArrayType>
auto at(const Value& value) {
  return static_cast<const ArrayType&>(*value.array).GetView(value.index);
}

std::optional<std::string_view> text_at(const Value& value) {
  switch (value.array->type_id()) {
    case Type::STRING:
      return at<arrow::StringArray>(value);
    case Type::LARGE_STRING:
      return at<arrow::LargeStringArray>(value);
    case Type::STRING_VIEW:
      return at<arrow::StringViewArray>(value);
    default:
      return std::nullopt;
  }
}

template <class ArrayType>
double decimal_at(const Value& value) {
  return std::strtod(static_cast<const ArrayType&>(*value.array).FormatValue(value.index).c_str(), nullptr);
}

std::optional<double> number_at(const Value& value) {
  switch (value.array->type_id()) {
    case Type::BOOL:
      return at<arrow::BooleanArray>(value) ? 1.0 : 0.0;
    case Type::INT8:
      return at<arrow::Int8Array>(value);
    case Type::INT16:
      return at<arrow::Int16Array>(value);
    case Type::INT32:
      return at<arrow::Int32Array>(value);
    case Type::INT64:
      return static_cast<double>(at<arrow::Int64Array>(value));
    case Type::UINT8:
      return at<arrow::UInt8Array>(value);
    case Type::UINT16:
      return at<arrow::UInt16Array>(value);
    case Type::UINT32:
      return at<arrow::UInt32Array>(value);
    case Type::UINT64:
      return static_cast<double>(at<arrow::UInt64Array>(value));
    case Type::HALF_FLOAT:
      return arrow::util::Float16::FromBits(at<arrow::HalfFloatArray>(value)).ToDouble();
    case Type::FLOAT:
      return at<arrow::FloatArray>(value);
    case Type::DOUBLE:
      return at<arrow::DoubleArray>(value);
    case Type::DECIMAL32:
      return decimal_at<arrow::Decimal32Array>(value);
    case Type::DECIMAL64:
      return decimal_at<arrow::Decimal64Array>(value);
    case Type::DECIMAL128:
      return decimal_at<arrow::Decimal128Array>(value);
    case Type::DECIMAL256:
      return decimal_at<arrow::Decimal256Array>(value);
    default:
      return std::nullopt;
  }
}

struct Items {
  const Array* values;
  std::int64_t begin;
  std::int64_t size;
};

template <class ListType>
Items items_of(const Value& value) {
  const auto& list = static_cast<const ListType&>(*value.array);
  return {list.values().get(), list.value_offset(value.index), list.value_length(value.index)};
}

std::optional<Items> items_at(const Value& value) {
  switch (value.array->type_id()) {
    case Type::LIST:
      return items_of<arrow::ListArray>(value);
    case Type::LARGE_LIST:
      return items_of<arrow::LargeListArray>(value);
    case Type::FIXED_SIZE_LIST:
      return items_of<arrow::FixedSizeListArray>(value);
    case Type::LIST_VIEW:
      return items_of<arrow::ListViewArray>(value);
    case Type::LARGE_LIST_VIEW:
      return items_of<arrow::LargeListViewArray>(value);
    default:
      return std::nullopt;
  }
}

std::string type_of(const Value& value) { return value.is_null() ? "null" : value.array->type()->ToString(); }

std::string checked_text(std::string_view text, const Place& place) {
  if (!is_utf8(text)) fail_data("{}: the text is not valid UTF-8", place.text());
  return std::string(text);
}

void check_size(std::size_t bytes, const Place& place) {
  if (bytes > io::LineReader::kMaxLineBytes)
    fail_data("{}: its messages hold more than the {} bytes allowed for a row", place.text(),
              io::LineReader::kMaxLineBytes);
}

void append_json_string(std::string_view text, const Place& place, std::string& out) {
  out += '"';
  for (const char c : checked_text(text, place)) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  out += '"';
}

bool is_float(Type::type type) {
  return type == Type::HALF_FLOAT || type == Type::FLOAT || type == Type::DOUBLE;
}

void append_json(const Array& column, std::int64_t index, const Place& place, std::string& out);

void append_json_list(const Items& items, const Place& place, std::string& out) {
  out += '[';
  for (std::int64_t i = 0; i < items.size; ++i) {
    if (i > 0) out += ", ";
    append_json(*items.values, items.begin + i, place, out);
  }
  out += ']';
}

// Members that are null are absent: Arrow gives all structs of a column the same members.
void append_json_struct(const Value& value, const Place& place, std::string& out) {
  const auto& record = static_cast<const arrow::StructArray&>(*value.array);
  bool first = true;
  out += '{';
  for (int f = 0; f < record.num_fields(); ++f) {
    const std::shared_ptr<Array> column = record.field(f);
    if (resolve(*column, value.index).is_null()) continue;
    if (!std::exchange(first, false)) out += ", ";
    append_json_string(record.struct_type()->field(f)->name(), place, out);
    out += ": ";
    append_json(*column, value.index, place, out);
  }
  out += '}';
}

void append_json(const Array& column, std::int64_t index, const Place& place, std::string& out) {
  check_size(out.size(), place);
  const Value value = resolve(column, index);
  const Type::type type = value.array->type_id();
  if (value.is_null()) {
    out += "null";
  } else if (const auto text = text_at(value)) {
    append_json_string(*text, place, out);
  } else if (const auto items = items_at(value)) {
    append_json_list(*items, place, out);
  } else if (type == Type::STRUCT) {
    append_json_struct(value, place, out);
  } else if (type == Type::BOOL || arrow::is_integer(type)) {
    out += take_arrow(value.array->GetScalar(value.index), place.path.string())->ToString();
  } else if (is_float(type)) {
    out += json_of_float(*number_at(value));
  } else {
    fail_data("{}: found {} in a value, expected text, numbers, booleans, lists and structs of them",
              place.text(), type_of(value));
  }
}

// One message of a list: a struct whose member `role` is text. Its members become Message::json unless role
// and a text content are all of them.
class MessageReader {
 public:
  MessageReader(const Value& item, std::int64_t position, const Place& place)
      : record_(static_cast<const arrow::StructArray&>(*item.array)),
        columns_(record_.fields()),
        index_(item.index),
        position_(position),
        place_(place) {}

  Message read() {
    Message message{text_of("role"), ""};
    const bool text = has_text("content");
    if (text) message.content = text_of("content");
    message.content_first = text && field_of("content") < field_of("role");
    if (!text || has_more()) message.json = json();
    return message;
  }

 private:
  Value value_of(int field) const { return resolve(*columns_[static_cast<std::size_t>(field)], index_); }

  bool has_text(const char* name) const {
    const int field = field_of(name);
    if (field < 0) return false;
    const Value value = value_of(field);
    // null and lists are for the chat template to judge
    return !value.is_null() && !items_at(value).has_value();
  }

  std::string text_of(const char* name) const {
    const int field = field_of(name);
    if (field < 0) {
      fail_data("{}: message {}: no field \"{}\" in {}; expected messages with role and content",
                place_.text(), position_, name, record_.type()->ToString());
    }
    const Value value = value_of(field);
    const std::optional<std::string_view> text = value.is_null() ? std::nullopt : text_at(value);
    if (!text) {
      fail_data("{}: message {}: {}: found {}, expected a string", place_.text(), position_, name,
                type_of(value));
    }
    return checked_text(*text, place_);
  }

  int field_of(const char* name) const { return record_.struct_type()->GetFieldIndex(name); }

  const std::string& name_of(int field) const { return record_.struct_type()->field(field)->name(); }

  bool has_more() const {
    for (int f = 0; f < record_.num_fields(); ++f)
      if (name_of(f) != "role" && name_of(f) != "content" && !value_of(f).is_null()) return true;
    return false;
  }

  std::string json() const {
    std::string out;
    append_json_struct({&record_, index_}, place_, out);
    return out;
  }

  const arrow::StructArray& record_;
  const arrow::ArrayVector& columns_;
  std::int64_t index_;
  std::int64_t position_;
  const Place& place_;
};

Conversation conversation_of(const Items& items, const Place& place) {
  Conversation turns;
  std::size_t bytes = 0;  // views and dictionaries can repeat one long text many times
  for (std::int64_t i = 0; i < items.size; ++i) {
    const Value item = resolve(*items.values, items.begin + i);
    if (item.is_null() || item.array->type_id() != Type::STRUCT) {
      fail_data("{}: message {}: found {}, expected a message with role and content", place.text(), i,
                type_of(item));
    }
    turns.push_back(MessageReader(item, i, place).read());
    const Message& turn = turns.back();
    bytes += sizeof(Message) + turn.role.size() + turn.content.size() + turn.json.size();
    check_size(bytes, place);
  }
  return turns;
}

// If the first item of a list is text, all items must be text.
bool holds_texts(const Items& items) {
  if (items.size == 0) return false;
  const Value first = resolve(*items.values, items.begin);
  return !first.is_null() && text_at(first).has_value();
}

std::vector<std::string> texts_of(const Items& items, const Place& place) {
  std::vector<std::string> texts;
  texts.reserve(static_cast<std::size_t>(items.size));
  for (std::int64_t i = 0; i < items.size; ++i) {
    const Value item = resolve(*items.values, items.begin + i);
    const std::optional<std::string_view> text = item.is_null() ? std::nullopt : text_at(item);
    if (!text)
      fail_data("{}: item {}: found {}, expected text, as the first item is", place.text(), i, type_of(item));
    texts.push_back(checked_text(*text, place));
  }
  return texts;
}

void fill_cell(const Array& column, std::int64_t index, Want want, const Place& place, Cell& cell) {
  if (holds_json(*column.type())) return fill_json_cell(column, index, want, place, cell);
  cell = Cell{};
  const Value value = resolve(column, index);
  if (value.is_null()) return;
  if (const auto number = number_at(value)) {
    cell.kind = CellKind::number;
    cell.number = *number;
  } else if (const auto text = text_at(value)) {
    cell.kind = CellKind::text;
    cell.text = checked_text(*text, place);
  } else if (want == Want::json) {
    cell.kind = CellKind::json;
    append_json(column, index, place, cell.text);
  } else if (const auto items = items_at(value); items && want == Want::turns && holds_texts(*items)) {
    cell.kind = CellKind::texts;
    cell.texts = texts_of(*items, place);
  } else if (items && want == Want::turns) {
    cell.kind = CellKind::turns;
    cell.turns = conversation_of(*items, place);
  } else {
    cell.kind = CellKind::other;
    cell.text = type_of(value);
  }
}

}  // namespace

std::string json_of_float(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
  std::string text = fmt::format("{}", number);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

void check_arrow(const arrow::Status& status, const std::string& where) {
  if (status.ok()) return;
  const std::string message = one_line(status.ToStringWithoutContextLines());
  if (status.IsIOError() && status.detail() != nullptr) fail_io("{}: {}", where, message);
  fail_data("{}: damaged or unsupported file: {}", where, message);
}

std::unique_ptr<arrow::MemoryPool> bounded_memory(std::int64_t file_bytes) {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  constexpr std::int64_t kFloor = std::int64_t{8} << 20;  // within reach of a fuzzer
#else
  constexpr std::int64_t kFloor = std::int64_t{1} << 30;
#endif
  constexpr std::int64_t kPerByte = 64;
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  const std::int64_t limit = file_bytes > kMost / kPerByte ? kMost : kFloor + kPerByte * file_bytes;
  return std::make_unique<arrow::CappedMemoryPool>(arrow::default_memory_pool(), limit);
}

std::int64_t add_claimed_rows(std::int64_t rows, std::int64_t more, std::int64_t file_bytes,
                              const std::string& where) {
  constexpr std::int64_t kMaxRowsPerByte = 4096;  // equal rows take almost no space
  std::int64_t sum = 0;
  if (more < 0 || __builtin_add_overflow(rows, more, &sum) || sum / kMaxRowsPerByte > file_bytes)
    fail_data("{}: claims {} rows after {} in {} bytes; the file is damaged", where, more, rows, file_bytes);
  return sum;
}

void visit_batch(const std::vector<std::shared_ptr<Array>>& columns,
                 const std::vector<ColumnRequest>& requests, std::int64_t num_rows, std::int64_t first_row,
                 const std::filesystem::path& path, const RowFile::Wanted& wanted,
                 const RowFile::Visit& visit) {
  std::vector<Cell> cells(columns.size());
  for (std::int64_t i = 0; i < num_rows; ++i) {
    const std::int64_t row = first_row + i;
    if (!wanted(row)) continue;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      fill_or_mark_bad({&cells[c], 1}, [&] {
        fill_cell(*columns[c], i, requests[c].want, Place{path, row, requests[c].name}, cells[c]);
      });
    }
    visit(row, cells);
  }
}

}  // namespace armorm::data
