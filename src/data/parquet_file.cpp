#include <arrow/io/file.h>
#include <fmt/core.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include "core/error.h"
#include "data/arrow_cells.h"
#include "data/json_column.h"

namespace armorm::data {
namespace {

constexpr std::int64_t kBatchRows = 512;
class ParquetRowFile final : public RowFile {
 public:
  explicit ParquetRowFile(std::filesystem::path path) : path_(std::move(path)) {
    guarded([&] { open(); });
  }

  std::int64_t num_rows() override { return rows_; }

  std::vector<std::string> column_names(std::span<const std::string>) override {
    std::vector<std::string> names;
    for (const auto& field : reader_->manifest().schema_fields) names.push_back(field.field->name());
    return names;
  }

  std::int64_t read(const std::vector<ColumnRequest>& columns, const Wanted& wanted,
                    const Visit& visit) override {
    read_groups(columns, wanted, visit);
    return rows_;
  }

 private:
  // Arrow reports errors by Status, Parquet below it by exceptions. Must not wrap calls of the visitor, whose
  // exceptions are its own.
  template <class Body>
  auto guarded(Body&& body) const -> decltype(body()) {
    try {
      return body();
    } catch (const Error&) {
      throw;
    } catch (const std::bad_alloc&) {
      fail_data("{}: a page asks for more memory than there is; the file is damaged", path_.string());
    } catch (const std::exception& error) {
      fail_data("{}: damaged or unsupported Parquet file: {}", path_.string(), error.what());
    }
  }

  void open() {
    const std::string where = path_.string();
    auto input = arrow::io::ReadableFile::Open(where);
    if (!input.ok()) fail_io("{}: cannot be opened: {}", where, input.status().message());
    const std::int64_t bytes = file_bytes(*input.ValueUnsafe(), where);
    memory_ = bounded_memory(bytes);
    parquet::ReaderProperties properties(memory_.get());
    // Every element of a list takes at least one byte, and every text at least its length.
    const auto most =
        static_cast<std::int32_t>(std::min<std::int64_t>(bytes, properties.thrift_container_size_limit()));
    properties.set_thrift_container_size_limit(most);
    properties.set_thrift_string_size_limit(
        static_cast<std::int32_t>(std::min<std::int64_t>(bytes, properties.thrift_string_size_limit())));
    properties.enable_buffered_stream();  // page by page instead of complete column chunks
    parquet::arrow::FileReaderBuilder builder;
    check_arrow(builder.Open(std::move(input).ValueUnsafe(), properties), where);
    parquet::ArrowReaderProperties arrow_properties(/*use_threads=*/false);
    arrow_properties.set_batch_size(kBatchRows);
    arrow_properties.set_pre_buffer(false);
    // Columns of the logical type JSON are JSON texts, whether or not the file holds an Arrow schema.
    arrow_properties.set_arrow_extensions_enabled(true);
    builder.properties(arrow_properties);
    builder.memory_pool(memory_.get());
    reader_ = take_arrow(builder.Build(), where);
    const auto metadata = reader_->parquet_reader()->metadata();
    for (int group = 0; group < metadata->num_row_groups(); ++group) {
      const std::int64_t rows = metadata->RowGroup(group)->num_rows();
      rows_ = add_claimed_rows(rows_, rows, bytes, where);
    }
  }

  static std::int64_t file_bytes(arrow::io::ReadableFile& file, const std::string& where) {
    return take_arrow(file.GetSize(), where);
  }

  static void collect_leaves(const parquet::arrow::SchemaField& field, std::vector<int>& leaves) {
    if (field.is_leaf()) leaves.push_back(field.column_index);
    for (const auto& child : field.children) collect_leaves(child, leaves);
  }

  std::vector<int> leaves_of(const std::vector<ColumnRequest>& columns) const {
    std::vector<int> leaves;
    for (const auto& field : reader_->manifest().schema_fields) {
      for (const ColumnRequest& column : columns) {
        if (column.name == field.field->name()) {
          collect_leaves(field, leaves);
          break;
        }
      }
    }
    return leaves;
  }

  void read_groups(const std::vector<ColumnRequest>& columns, const Wanted& wanted, const Visit& visit) {
    const std::vector<int> leaves = leaves_of(columns);
    const auto metadata = reader_->parquet_reader()->metadata();
    std::int64_t first_row = 0;
    for (int group = 0; group < metadata->num_row_groups(); ++group) {
      const std::int64_t rows = metadata->RowGroup(group)->num_rows();
      bool any = false;
      for (std::int64_t row = first_row; row < first_row + rows && !any; ++row) any = wanted(row);
      if (any) read_group(group, leaves, columns, first_row, rows, wanted, visit);
      first_row += rows;
    }
  }

  void read_group(int group, const std::vector<int>& leaves, const std::vector<ColumnRequest>& columns,
                  std::int64_t first_row, std::int64_t rows, const Wanted& wanted, const Visit& visit) {
    const std::string where = fmt::format("{}: row group {}", path_.string(), group);
    const auto batches =
        guarded([&] { return take_arrow(reader_->GetRecordBatchReader({group}, leaves), where); });
    std::int64_t done = 0;
    while (const auto batch = guarded([&] { return take_arrow(batches->Next(), where); })) {
      check_extension_types(*batch->schema(), where);
      std::vector<std::shared_ptr<arrow::Array>> arrays;
      for (const ColumnRequest& column : columns) {
        arrays.push_back(batch->GetColumnByName(column.name));
        if (arrays.back() == nullptr)
          fail_data("{}: column \"{}\" is missing or named twice", where, column.name);
      }
      visit_batch(arrays, columns, batch->num_rows(), first_row + done, path_, wanted, visit);
      done += batch->num_rows();
    }
    if (done != rows) fail_data("{}: found {} rows, expected {}; the file is damaged", where, done, rows);
  }

  std::filesystem::path path_;
  std::unique_ptr<arrow::MemoryPool> memory_;
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::int64_t rows_ = 0;
};

}  // namespace

std::unique_ptr<RowFile> open_parquet(const std::filesystem::path& path) {
  return std::make_unique<ParquetRowFile>(path);
}

}  // namespace armorm::data
