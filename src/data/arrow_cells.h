// Cells of Arrow record batches, for all of Arrow's encodings of a column.
#pragma once

#include <arrow/api.h>

#include <memory>
#include <string>
#include <vector>

#include "data/row_file.h"

namespace armorm::data {

// Throws a data error that begins with `where` unless `status` is ok.
void check_arrow(const arrow::Status& status, const std::string& where);
template <class T>
T take_arrow(arrow::Result<T>&& result, const std::string& where) {
  check_arrow(result.status(), where);
  return std::move(result).ValueUnsafe();
}

// A whole number keeps its point: chat templates distinguish 1.0 from 1.
std::string json_of_float(double number);

// Memory pool for decoding a file. Pages and buffers declare their unpacked size; a size that the file cannot
// explain is a data error. Must outlive the decoded data.
std::unique_ptr<arrow::MemoryPool> bounded_memory(std::int64_t file_bytes);

// Returns rows + more. data error when a file of this many bytes cannot hold that many rows: row counts are
// used before the rows are read.
std::int64_t add_claimed_rows(std::int64_t rows, std::int64_t more, std::int64_t file_bytes,
                              const std::string& where);

// Visits the wanted rows of one batch. `columns[i]` is the batch's column for `requests[i]`; `first_row` is
// the row number in the file of the batch's first row.
void visit_batch(const std::vector<std::shared_ptr<arrow::Array>>& columns,
                 const std::vector<ColumnRequest>& requests, std::int64_t num_rows, std::int64_t first_row,
                 const std::filesystem::path& path, const RowFile::Wanted& wanted,
                 const RowFile::Visit& visit);

}  // namespace armorm::data
