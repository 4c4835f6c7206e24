#include "data/parquet_writer.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <parquet/arrow/writer.h>
#include <parquet/properties.h>

#include "core/error.h"
#include "io/publish.h"

namespace armorm::data {
namespace {

using ArrayResult = arrow::Result<std::shared_ptr<arrow::Array>>;

arrow::Result<std::shared_ptr<arrow::Array>> finish(arrow::ArrayBuilder& builder) {
  std::shared_ptr<arrow::Array> array;
  ARROW_RETURN_NOT_OK(builder.Finish(&array));
  return array;
}

ArrayResult make_array(const std::vector<Conversation>& rows) {
  auto content = std::make_shared<arrow::StringBuilder>();
  auto role = std::make_shared<arrow::StringBuilder>();
  const auto type =
      arrow::struct_({arrow::field("content", arrow::utf8()), arrow::field("role", arrow::utf8())});
  auto message = std::make_shared<arrow::StructBuilder>(
      type, arrow::default_memory_pool(), std::vector<std::shared_ptr<arrow::ArrayBuilder>>{content, role});
  arrow::ListBuilder list(arrow::default_memory_pool(), message);
  for (const Conversation& conversation : rows) {
    ARROW_RETURN_NOT_OK(list.Append());
    for (const Message& turn : conversation) {
      ARROW_RETURN_NOT_OK(message->Append());
      if (!turn.json.empty()) fail_internal("a message with further fields cannot be written");
      ARROW_RETURN_NOT_OK(content->Append(turn.content));
      ARROW_RETURN_NOT_OK(role->Append(turn.role));
    }
  }
  return finish(list);
}

ArrayResult make_array(const std::vector<std::string>& rows) {
  arrow::StringBuilder builder;
  ARROW_RETURN_NOT_OK(builder.AppendValues(rows));
  return finish(builder);
}

ArrayResult make_array(const std::vector<std::vector<std::string>>& rows) {
  auto text = std::make_shared<arrow::StringBuilder>();
  arrow::ListBuilder list(arrow::default_memory_pool(), text);
  for (const std::vector<std::string>& texts : rows) {
    ARROW_RETURN_NOT_OK(list.Append());
    ARROW_RETURN_NOT_OK(text->AppendValues(texts));
  }
  return finish(list);
}

ArrayResult make_array(const std::vector<std::optional<double>>& rows) {
  arrow::DoubleBuilder builder;
  for (const std::optional<double>& value : rows) ARROW_RETURN_NOT_OK(builder.AppendOrNull(value));
  return finish(builder);
}

ArrayResult make_array(const std::vector<std::int64_t>& rows) {
  arrow::Int64Builder builder;
  ARROW_RETURN_NOT_OK(builder.AppendValues(rows));
  return finish(builder);
}

arrow::Result<std::shared_ptr<arrow::Buffer>> encode(const std::vector<ParquetColumn>& columns,
                                                     std::int64_t rows_per_group) {
  std::vector<std::shared_ptr<arrow::Field>> fields;
  std::vector<std::shared_ptr<arrow::Array>> arrays;
  for (const ParquetColumn& column : columns) {
    ARROW_ASSIGN_OR_RAISE(auto array,
                          std::visit([](const auto& rows) { return make_array(rows); }, column.values));
    fields.push_back(arrow::field(column.name, array->type()));
    arrays.push_back(std::move(array));
  }
  const auto table = arrow::Table::Make(arrow::schema(fields), arrays);
  const auto properties =
      parquet::WriterProperties::Builder().compression(parquet::Compression::ZSTD)->build();
  ARROW_ASSIGN_OR_RAISE(auto sink, arrow::io::BufferOutputStream::Create());
  ARROW_RETURN_NOT_OK(
      parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), sink, rows_per_group, properties));
  return sink->Finish();
}

}  // namespace

void write_parquet(const std::filesystem::path& target, const std::vector<ParquetColumn>& columns,
                   std::int64_t rows_per_group) {
  const auto length = [](const ParquetColumn& column) {
    return std::visit([](const auto& rows) { return rows.size(); }, column.values);
  };
  if (columns.empty()) fail_internal("{}: a Parquet file needs a column", target.string());
  for (const ParquetColumn& column : columns) {
    if (length(column) != length(columns[0])) {
      fail_internal("{}: column \"{}\" has {} rows, expected {}", target.string(), column.name,
                    length(column), length(columns[0]));
    }
  }
  const auto encoded = encode(columns, rows_per_group);
  if (!encoded.ok()) fail_internal("{}: {}", target.string(), encoded.status().message());
  const arrow::Buffer& bytes = **encoded;
  io::AtomicFile file(target);
  file.write(std::as_bytes(std::span(bytes.data(), static_cast<std::size_t>(bytes.size()))));
  file.publish();
}

}  // namespace armorm::data
