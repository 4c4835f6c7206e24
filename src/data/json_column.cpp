#include "data/json_column.h"

#include <arrow/extension_type.h>
#include <arrow/util/float16.h>
#include <arrow/util/key_value_metadata.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "data/arrow_cells.h"
#include "data/json_cell.h"
#include "io/line_reader.h"

namespace armorm::data {
namespace {

using arrow::Scalar;
using arrow::Type;

constexpr std::string_view kJson = "arrow.json";
constexpr std::string_view kBool8 = "arrow.bool8";        // a number, 0 or 1 or else true
constexpr const char* kNameKey = "ARROW:extension:name";  // of types that Arrow does not know

const std::string* unregistered_name(const arrow::Field& field) {
  const auto& metadata = field.metadata();
  const int key = metadata != nullptr ? metadata->FindKey(kNameKey) : -1;
  return key >= 0 ? &metadata->value(key) : nullptr;
}

std::string extension_name(const arrow::DataType& type) {
  return static_cast<const arrow::ExtensionType&>(type).extension_name();
}

bool is_json(const arrow::DataType& type) {
  return type.id() == Type::EXTENSION && extension_name(type) == kJson;
}

[[noreturn]] void fail_type(const std::string& field, const std::string& name, const std::string& where) {
  fail_data(
      "{}: column \"{}\": found the extension type \"{}\", expected a plain type or {}; write the column as "
      "text, numbers or lists",
      where, field, name, kJson);
}

// `column` is the column that holds the field.
void check_field(const arrow::Field& field, const std::string& column, const std::string& where) {
  if (const std::string* name = unregistered_name(field)) fail_type(column, *name, where);
  const arrow::DataType& type = *field.type();
  if (type.id() == Type::EXTENSION && !is_json(type) && extension_name(type) != kBool8)
    fail_type(column, extension_name(type), where);
  for (const auto& child : type.fields()) check_field(*child, column, where);
}

// Writes a value as JSON.
class JsonText {
 public:
  explicit JsonText(const Place& place) : where_(place.text()) {}

  void append(const Scalar& value) {
    if (out_.size() > io::LineReader::kMaxLineBytes)
      fail_data("{}: longer than the {} bytes allowed for a row", where_, io::LineReader::kMaxLineBytes);
    if (!value.is_valid) {
      out_ += "null";
      return;
    }
    append_valid(value);
  }
  const std::string& text() const { return out_; }
  const std::string& where() const { return where_; }

 private:
  void append_valid(const Scalar& value) {
    switch (value.type->id()) {
      case Type::EXTENSION:
        return is_json(*value.type) ? append_json(storage_of(value)) : append(storage_of(value));
      case Type::DICTIONARY:
        return append(
            *take_arrow(static_cast<const arrow::DictionaryScalar&>(value).GetEncodedValue(), where_));
      case Type::STRUCT:
        return append_struct(static_cast<const arrow::StructScalar&>(value));
      case Type::LIST:
      case Type::LARGE_LIST:
      case Type::FIXED_SIZE_LIST:
      case Type::LIST_VIEW:
      case Type::LARGE_LIST_VIEW:
        return append_list(*static_cast<const arrow::BaseListScalar&>(value).value);
      case Type::STRING:
      case Type::LARGE_STRING:
      case Type::STRING_VIEW:
        return append_string(view_of(value));
      default:
        return append_number(value);
    }
  }

  static const Scalar& storage_of(const Scalar& value) {
    return *static_cast<const arrow::ExtensionScalar&>(value).value;
  }
  static std::string_view view_of(const Scalar& value) {
    return static_cast<const arrow::BaseBinaryScalar&>(value).view();
  }

  void append_json(const Scalar& storage) {
    if (!storage.is_valid) {
      out_ += "null";
      return;
    }
    const std::string text(view_of(storage));
    JsonReader json(text, where_);  // the text is one value: it cannot reach into its surroundings
    json.skip_value();
    json.expect_end();
    out_ += text;
  }

  // Members that are null count as absent, as the users of `datasets` see them.
  void append_struct(const arrow::StructScalar& record) {
    const auto& fields = static_cast<const arrow::StructType&>(*record.type).fields();
    bool first = true;
    out_ += '{';
    for (std::size_t f = 0; f < fields.size(); ++f) {
      if (!record.value[f]->is_valid) continue;
      if (!first) out_ += ',';
      first = false;
      append_string(fields[f]->name());
      out_ += ':';
      append(*record.value[f]);
    }
    out_ += '}';
  }

  void append_list(const arrow::Array& items) {
    out_ += '[';
    for (std::int64_t i = 0; i < items.length(); ++i) {
      if (i > 0) out_ += ',';
      append(*take_arrow(items.GetScalar(i), where_));
    }
    out_ += ']';
  }

  void append_string(std::string_view text) {
    try {
      out_ += nlohmann::json(text).dump();
    } catch (const nlohmann::json::exception&) {
      fail_data("{}: the text is not valid UTF-8", where_);
    }
  }

  void append_number(const Scalar& value) {
    const Type::type id = value.type->id();
    if (id != Type::BOOL && !arrow::is_integer(id) && !arrow::is_floating(id))
      fail_data("{}: found {} within JSON, expected text, numbers, lists or structs", where_,
                value.type->ToString());
    out_ += arrow::is_floating(id) ? json_of_float(float_of(value)) : value.ToString();
  }

  static double float_of(const Scalar& value) {
    if (value.type->id() == Type::DOUBLE) return static_cast<const arrow::DoubleScalar&>(value).value;
    if (value.type->id() == Type::FLOAT) return static_cast<const arrow::FloatScalar&>(value).value;
    return arrow::util::Float16::FromBits(static_cast<const arrow::HalfFloatScalar&>(value).value).ToDouble();
  }

  std::string where_;
  std::string out_;
};

}  // namespace

void check_extension_types(const arrow::Schema& schema, const std::string& where) {
  for (const auto& field : schema.fields()) check_field(*field, field->name(), where);
}

bool holds_json(const arrow::DataType& type) {
  return is_json(type) || std::ranges::any_of(type.fields(), [](const std::shared_ptr<arrow::Field>& child) {
           return holds_json(*child->type());
         });
}

void fill_json_cell(const arrow::Array& column, std::int64_t index, Want want, const Place& place,
                    Cell& cell) {
  JsonText text(place);
  text.append(*take_arrow(column.GetScalar(index), place.text()));
  JsonReader json(text.text(), text.where());
  read_cell(json, want, place, cell);
  json.expect_end();
}

}  // namespace armorm::data
