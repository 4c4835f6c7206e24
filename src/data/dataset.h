// A split of a data set as users have it: a file, a folder laid out as `datasets` expects, or a save_to_disk
// folder. Rows come in source order, one at a time, with memory bounded by one record batch; only needed
// columns are read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "data/conversation.h"

namespace armorm {

struct DatasetOptions {
  std::filesystem::path path;  // file or folder
  std::string split = "train";
  std::string config;                          // of several in README.md; empty = the default one
  std::map<std::string, std::string> columns;  // our column name -> the set's column name
};

// Told of a row that cannot be read: its id, the column, and what was found there with at most an excerpt of
// it.
using RejectRow =
    std::function<void(std::int64_t row_id, const std::string& column, const std::string& reason)>;

// Not thread-safe.
class Dataset {
 public:
  // io error when nothing is there; data error when the split is not, naming the splits that are.
  //
  // A file is the split that is asked for, whatever its name. A folder of save_to_disk holds the splits of
  // its dataset_dict.json, or the one of its state.json, which "train" names as well. In any other folder the
  // splits are found as `datasets` finds them: by the `configs` of README.md, else
  // data/<split>-00000-of-00001.*, else folders and then files named after train, validation or test and
  // their synonyms, else all files are "train"; of several formats the commonest is read. (Unlike `datasets`,
  // a file that two patterns match is read once.)
  //
  // Formats: Parquet, Arrow IPC (stream and file), JSON Lines or one JSON array, CSV and TSV; text formats
  // may be compressed with gzip or zstd.
  static Dataset open(const DatasetOptions& options);

  // From metadata for Parquet and Arrow; text files are read through once, without being parsed, and
  // remembered.
  std::int64_t num_rows() const;
  std::vector<std::string> column_names() const;
  const std::vector<std::filesystem::path>& files() const;

  // Rows of the multi-objective set: the column `messages`, a list of messages, and one column per attribute
  // (numbers or booleans; null, NaN or, in JSON, a missing key is a missing label). Rows of a preference set:
  // `chosen` and `rejected` as lists of messages, which hold the prompt themselves, or as text that follows
  // the text of the column `prompt` as one user and one assistant message, or both as lists of texts, each an
  // answer to the `prompt` (a best-of-n row, with its `id`); and `subset`. `prompt`, `subset` and `id` may be
  // missing, in some files or in all. Names are those before DatasetOptions::columns renames them. Any other
  // missing column is a data error that lists those that exist.
  //
  // Calls `visit` for every row in source order. The row is the callee's to move from. Errors name file, row
  // and field; with `reject` they go there, and the rows after are visited all the same. A row for which
  // `wanted` (indexed by row id; empty = all) is false is skipped unparsed.
  void for_each_labelled(const std::vector<std::string>& attributes, const std::vector<bool>& wanted,
                         const std::function<void(LabelledRow&&)>& visit, const RejectRow& reject = {}) const;
  void for_each_preference(const std::vector<bool>& wanted, const std::function<void(PreferenceRow&&)>& visit,
                           const RejectRow& reject = {}) const;
  // One string column alone (the `source` filter), cheap. A rejected row has "".
  std::vector<std::string> read_strings(const std::string& column, const RejectRow& reject = {}) const;

  Dataset(Dataset&&) noexcept;
  Dataset& operator=(Dataset&&) noexcept;
  ~Dataset();

 private:
  struct Impl;
  explicit Dataset(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace armorm
