#include <arrow/io/file.h>
#include <arrow/ipc/reader.h>
#include <fmt/core.h>

#include <functional>
#include <utility>

#include "core/error.h"
#include "data/arrow_cells.h"
#include "data/json_column.h"

namespace armorm::data {
namespace {

constexpr std::string_view kFileMagic = "ARROW1";  // the stream format has no magic

// Both Arrow IPC formats: the stream (written by `datasets`) and the random-access file. Mapped into memory,
// so that columns that are not requested are never read from disk.
class ArrowRowFile final : public RowFile {
 public:
  explicit ArrowRowFile(std::filesystem::path path) : path_(std::move(path)), where_(path_.string()) {
    auto input = arrow::io::MemoryMappedFile::Open(where_, arrow::io::FileMode::READ);
    if (!input.ok()) fail_io("{}: cannot be opened: {}", where_, input.status().message());
    input_ = std::move(input).ValueUnsafe();
    file_bytes_ = take_arrow(input_->GetSize(), where_);
    memory_ = bounded_memory(file_bytes_);
    const auto first = take_arrow(input_->ReadAt(0, kFileMagic.size()), where_);
    is_file_ = std::string_view(*first) == kFileMagic;
    schema_ = for_each_batch({}, [](const arrow::RecordBatch&) { return false; });
  }

  std::int64_t num_rows() override {
    if (rows_ < 0) {
      rows_ = 0;
      // Buffers of excluded columns are not touched, so this reads only the batch headers.
      for_each_batch({0}, [&](const arrow::RecordBatch& batch) {
        rows_ = add_claimed_rows(rows_, batch.num_rows(), file_bytes_, where_);
        return true;
      });
    }
    return rows_;
  }

  std::vector<std::string> column_names(std::span<const std::string>) override {
    return schema_->field_names();
  }

  std::int64_t read(const std::vector<ColumnRequest>& columns, const Wanted& wanted,
                    const Visit& visit) override {
    std::int64_t first_row = 0;
    for_each_batch(fields_of(columns), [&](const arrow::RecordBatch& batch) {
      const std::int64_t next_row = add_claimed_rows(first_row, batch.num_rows(), file_bytes_, where_);
      bool any = false;
      for (std::int64_t i = 0; i < batch.num_rows() && !any; ++i) any = wanted(first_row + i);
      if (any) {
        // Offsets in the file are untrusted.
        check_arrow(batch.ValidateFull(), fmt::format("{}: batch at row {}", where_, first_row));
        check_extension_types(*batch.schema(), where_);
        std::vector<std::shared_ptr<arrow::Array>> arrays;
        for (const ColumnRequest& column : columns) {
          arrays.push_back(batch.GetColumnByName(column.name));
          if (arrays.back() == nullptr)
            fail_data("{}: column \"{}\" is missing or named twice", where_, column.name);
        }
        visit_batch(arrays, columns, batch.num_rows(), first_row, path_, wanted, visit);
      }
      first_row = next_row;
      return true;
    });
    return rows_ = first_row;
  }

 private:
  using OnBatch = std::function<bool(const arrow::RecordBatch&)>;  // false stops the walk

  std::vector<int> fields_of(const std::vector<ColumnRequest>& columns) const {
    std::vector<int> fields;
    for (int i = 0; i < schema_->num_fields(); ++i) {
      for (const ColumnRequest& column : columns) {
        if (column.name == schema_->field(i)->name()) {
          fields.push_back(i);
          break;
        }
      }
    }
    return fields;
  }

  // Returns the schema of the complete file. Batches hold only `fields`; empty means all.
  std::shared_ptr<arrow::Schema> for_each_batch(const std::vector<int>& fields, const OnBatch& on_batch) {
    arrow::ipc::IpcReadOptions options;
    options.use_threads = false;
    options.memory_pool = memory_.get();
    // Other writers may align values to less than their size; a plain load requires the full alignment.
    options.ensure_alignment = arrow::ipc::Alignment::kDataTypeSpecificAlignment;
    check_arrow(input_->Seek(0), where_);
    if (is_file_) return walk_file(options, fields, on_batch);
    options.included_fields = fields;
    return walk_stream(options, on_batch);
  }

  std::shared_ptr<arrow::Schema> walk_stream(const arrow::ipc::IpcReadOptions& options,
                                             const OnBatch& on_batch) {
    const auto reader = take_arrow(arrow::ipc::RecordBatchStreamReader::Open(input_, options), where_);
    std::shared_ptr<arrow::Schema> schema = reader->schema();
    if (schema->num_fields() == 0) return schema;
    while (const auto batch = take_arrow(reader->Next(), where_)) {
      if (!on_batch(*batch)) break;
    }
    return schema;
  }

  // If only some fields of a random-access file are requested, Arrow allocates the claimed length of a batch
  // before it checks the file's size. If all are requested, it maps them; buffers that are not used stay on
  // disk.
  std::shared_ptr<arrow::Schema> walk_file(const arrow::ipc::IpcReadOptions& options,
                                           const std::vector<int>& fields, const OnBatch& on_batch) {
    const auto reader = take_arrow(arrow::ipc::RecordBatchFileReader::Open(input_, options), where_);
    for (int i = 0; i < reader->num_record_batches(); ++i) {
      auto batch = take_arrow(reader->ReadRecordBatch(i), where_);
      if (!fields.empty()) batch = take_arrow(batch->SelectColumns(fields), where_);
      if (!on_batch(*batch)) break;
    }
    return reader->schema();
  }

  std::filesystem::path path_;
  std::string where_;
  std::unique_ptr<arrow::MemoryPool> memory_;
  std::shared_ptr<arrow::io::MemoryMappedFile> input_;
  std::shared_ptr<arrow::Schema> schema_;
  bool is_file_ = false;
  std::int64_t file_bytes_ = 0;
  std::int64_t rows_ = -1;
};

}  // namespace

std::unique_ptr<RowFile> open_arrow_ipc(const std::filesystem::path& path) {
  return std::make_unique<ArrowRowFile>(path);
}

}  // namespace armorm::data
