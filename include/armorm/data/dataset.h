// A split of a data set as users have it: a file, a folder laid out as `datasets` expects, or a save_to_disk folder.
// Rows come in source order, one at a time, with memory bounded by one record batch; only needed columns are read.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "armorm/data/conversation.h"

namespace armorm {

struct DatasetOptions {
  std::filesystem::path path;  // file or folder
  std::string split = "train";
  std::map<std::string, std::string> columns;  // our column name -> the set's column name
};

class Dataset {
 public:
  // io error when nothing is there; data error when the split is not, naming the splits that are.
  static Dataset open(const DatasetOptions& options);

  std::int64_t num_rows() const;
  std::vector<std::string> column_names() const;
  const std::vector<std::filesystem::path>& files() const;

  // Calls `visit` for every row in source order. The row is the callee's to move from. Errors name file, row
  // and field. A row for which `wanted` (indexed by row id; empty = all) is false is skipped unparsed.
  void for_each_labelled(const std::vector<std::string>& attributes, const std::vector<bool>& wanted,
                         const std::function<void(LabelledRow&&)>& visit) const;
  void for_each_preference(const std::vector<bool>& wanted,
                           const std::function<void(PreferenceRow&&)>& visit) const;
  // One string column alone (the `source` filter), cheap.
  std::vector<std::string> read_strings(const std::string& column) const;

  Dataset(Dataset&&) noexcept;
  Dataset& operator=(Dataset&&) noexcept;
  ~Dataset();

 private:
  struct Impl;
  explicit Dataset(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace armorm
