// A split of a data set in any supported form: a file, a folder laid out for `datasets`, or a save_to_disk
// folder. Rows come in source order, one at a time; memory is bounded by one record batch, and only needed
// columns are read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "armorm/data_forms.h"
#include "data/conversation.h"

namespace armorm::data {

// How rows are made of columns; see data/form.h.
struct FormOptions {
  PairForm pairs = PairForm::auto_;
  RatingForm ratings = RatingForm::auto_;
  std::string preference_label = {};  // empty = the form's first
  RankedPairs ranked_pairs = RankedPairs::all;
};

struct Form;

struct DatasetOptions {
  std::filesystem::path path;  // file or folder
  std::string split = "train";
  std::string config;                          // a config of README.md; empty = the default one
  std::map<std::string, std::string> columns;  // our column name -> the set's column name
  FormOptions form = {};
};

// Called for a row that cannot be read: its id, the column, and the reason, with at most an excerpt of the
// content.
using RejectRow =
    std::function<void(std::int64_t row_id, const std::string& column, const std::string& reason)>;

// Not thread-safe.
class Dataset {
 public:
  // io error when the path does not exist; data error when the split does not exist, with a list of the
  // splits that do.
  //
  // The split is a name or a sum of slices in the grammar of `datasets` (data/split.h), or "all". Row ids are
  // positions in that split.
  //
  // A file is the requested split, whatever its one name. A folder of save_to_disk holds the splits of its
  // dataset_dict.json, or the one of its state.json, for which "train" is a second name. In any other folder
  // the splits are found as `datasets` finds them: by the `configs` of README.md, else
  // data/<split>-00000-of-00001.*, else folders and then files named after train, validation or test and
  // their synonyms, else all files are "train"; of several formats the most frequent one is read. (Unlike
  // `datasets`, a file that two patterns match is read once.)
  //
  // Formats: Parquet, Arrow IPC (stream and file), JSON Lines or one JSON array, CSV and TSV; text formats
  // may be compressed with gzip or zstd.
  static Dataset open(const DatasetOptions& options);

  // From metadata for Parquet and Arrow. Text files are scanned once without parsing, and the number is
  // cached.
  std::int64_t num_rows() const;
  std::vector<std::string> column_names() const;
  const std::vector<std::filesystem::path>& files() const;
  // data error that names a file which was changed, replaced, moved or deleted since open(). Reading rows
  // ends with this check.
  void check_unchanged() const;

  // The form of the rows as preference rows, and as rows with these labels: that of the options, or the one
  // that the columns and the types of the first rows fit. Null where they fit none. data error, which names
  // them, where they fit several.
  const Form* pair_form() const;
  const Form* rating_form(const std::vector<std::string>& attributes) const;

  // Rows as their form describes them. Without a described form: rows of the multi-objective set: the column
  // `messages`, a list of messages, and one column per attribute (numbers or booleans; null, NaN or, in JSON,
  // an absent key is a missing label). Rows of a preference set: `chosen` and `rejected`, each a list of
  // messages or text, which is one assistant message; `prompt`, a list of messages or text, which is one user
  // message; `system`, text; and `subset`. The prompt's messages come first in a side that does not start
  // with them; a side of text needs a prompt. Lists of texts are answers to the `prompt` (a best-of-n row,
  // with its `id`). `prompt`, `subset` and `id` may be missing, in some files or in all. Names are those
  // before DatasetOptions::columns renames them. Any other column that no file has, or messages that one file
  // lacks, are a data error that lists the existing columns; an attribute or text column that only some files
  // have is null in the others.
  //
  // Calls `visit` for every row in source order; the callee may move from the row. Errors name file, row and
  // field; with `reject` they go to `reject`, and the following rows are still visited. A row for which
  // `wanted` (indexed by row id; empty = all) is false is skipped without parsing.
  void for_each_labelled(const std::vector<std::string>& attributes, const std::vector<bool>& wanted,
                         const std::function<void(LabelledRow&&)>& visit, const RejectRow& reject = {}) const;
  void for_each_preference(const std::vector<bool>& wanted, const std::function<void(PreferenceRow&&)>& visit,
                           const RejectRow& reject = {}) const;
  // Reads a single string column (the `source` filter), at low cost. A rejected row has "".
  void for_each_text(const std::string& column,
                     const std::function<void(std::int64_t row_id, std::string&& text)>& visit,
                     const RejectRow& reject = {}) const;
  std::vector<std::string> read_strings(const std::string& column, const RejectRow& reject = {}) const {
    std::vector<std::string> values;
    for_each_text(
        column, [&](std::int64_t, std::string&& text) { values.push_back(std::move(text)); }, reject);
    return values;
  }

  Dataset(Dataset&&) noexcept;
  Dataset& operator=(Dataset&&) noexcept;
  ~Dataset();

 private:
  struct Impl;
  explicit Dataset(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace armorm::data
