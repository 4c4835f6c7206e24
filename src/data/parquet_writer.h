// Writes rows to a Parquet file, for demonstration data and tests: zstd, one file, published atomically.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "data/conversation.h"

namespace armorm::data {

struct ParquetColumn {
  std::string name;
  // Conversation: list<struct<content: string, role: string>>. vector<string>: list<string>.
  // optional<double>: nullable float64.
  std::variant<std::vector<Conversation>, std::vector<std::string>, std::vector<std::optional<double>>,
               std::vector<std::int64_t>, std::vector<std::vector<std::string>>>
      values;
};

// internal error when columns differ in length or there is no column; io error when the file cannot be
// written.
void write_parquet(const std::filesystem::path& target, const std::vector<ParquetColumn>& columns,
                   std::int64_t rows_per_group = 1000);

}  // namespace armorm::data
