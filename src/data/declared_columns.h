// What `dataset_info` of a data set's card says of its columns and rows. `datasets` casts columns to these
// types and refuses files that differ; here the values are those of the files, and what differs is named.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/row_file.h"

namespace armorm::data {

class DeclaredColumns {
 public:
  // Of the config that is read; nothing where the folder has no card, or the card no dataset_info.
  static DeclaredColumns of(const DatasetOptions& options);

  // Each warns once of what differs from the card.
  void check_names(const std::vector<std::vector<std::string>>& columns_of_files);
  void check_types(std::span<const ColumnRequest> requests);
  void check_rows(const std::string& split, std::int64_t rows);

 private:
  std::string where_;
  std::optional<std::map<std::string, std::string>> types_;  // by column; empty = nested
  std::map<std::string, std::int64_t> rows_;                 // by split
  std::set<std::string> checked_;
};

}  // namespace armorm::data
