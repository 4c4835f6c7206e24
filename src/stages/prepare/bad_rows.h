// Rows that cannot be used: how one is handled, how many are allowed, and the file that lists them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "armorm/extraction_options.h"
#include "core/error.h"
#include "data/dataset.h"
#include "io/file_system.h"
#include "stages/artifacts/provenance.h"

namespace armorm::stages::prepare {

struct BadRow {
  std::int64_t row_id = 0;
  std::string field;   // column, or "embedding"
  std::string reason;  // what was found, with at most an excerpt of it
};

// Thread-safe.
class BadRows {
 public:
  // How messages name a row: "set:row" for one of a mixture.
  using RowName = std::function<std::string(std::int64_t row_id)>;

  BadRows(const ExtractionOptions& options, std::int64_t shard_rows, std::filesystem::path target,
          io::FileSystem& files, RowName row_name = {});

  bool skipping() const noexcept { return skip_; }
  // data error that names the row, under --on_bad_row error and when the limit is exceeded; the file exists
  // by then. A dry run writes no file and is limited by check_limit() alone, after its report.
  void reject(BadRow row);
  void check_limit() const;

  // Adds the dropped row ids and a count to the provenance; nothing without bad rows.
  void describe(artifacts::Provenance& provenance) const;
  // "<target stem>.rejects.jsonl", one line per row, ordered by row id, with the name of a row of a mixture;
  // removed when there are none.
  void publish() const;

  // By row id, then field.
  std::vector<BadRow> sorted() const;
  // "; 2 rows are bad, the first is row 7: messages: found null", for an error; empty without bad rows.
  std::string summary() const;

 private:
  std::string name_of(std::int64_t row_id) const;

  std::filesystem::path file_;
  io::FileSystem& files_;
  bool skip_;
  bool dry_run_;
  std::int64_t limit_;
  std::string limit_text_;
  RowName row_name_;
  mutable std::mutex mutex_;
  std::vector<BadRow> rows_;
};

// Runs `use`; false when it throws a data error and the row was rejected.
template <class Use>
bool usable(BadRows& bad_rows, std::int64_t row_id, const char* field, const Use& use) {
  try {
    use();
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    bad_rows.reject({row_id, field, error.what()});
    return false;
  }
}

// Reports how many `what` ("rows") end in a turn that is no answer; nothing for none.
void warn_of_missing_answers(std::int64_t count, const std::string& what);

// For Dataset. Empty when bad rows end the run: the reader's own errors are better then.
inline data::RejectRow reject_into(BadRows& bad_rows) {
  if (!bad_rows.skipping()) return {};
  return [&bad_rows](std::int64_t row_id, const std::string& field, const std::string& reason) {
    bad_rows.reject({row_id, field, reason});
  };
}

}  // namespace armorm::stages::prepare
