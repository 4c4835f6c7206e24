#include "data/row_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"
#include "core/file_kind.h"
#include "data/layout.h"

namespace armorm::data {

std::string place_of(const std::filesystem::path& path, std::int64_t row, const std::string& column) {
  return fmt::format("{}: row {}: column \"{}\"", path.string(), row, column);
}

std::unique_ptr<RowFile> open_row_file(const std::filesystem::path& path) {
  check_regular_file(path);  // Arrow waits for the writer of a FIFO
  switch (format_of(path)) {
    case Format::parquet:
      return open_parquet(path);
    case Format::arrow:
      return open_arrow_ipc(path);
    case Format::json:
      return open_json(path);
    case Format::csv:
      return open_csv(path, is_tab_separated(path) ? '\t' : ',');
    case Format::none:
      break;
  }
  fail_data("{}: unknown kind of file; expected .parquet, .arrow, .jsonl, .json, .ndjson, .csv or .tsv",
            path.string());
}

}  // namespace armorm::data
