#include "stages/prepare/bad_rows.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "io/publish.h"
#include "io/writable_file.h"
#include "stages/options/common_options.h"
#include "stages/options/declarations.h"

namespace armorm::stages::prepare {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxReasonBytes = 300;

fs::path rejects_file(fs::path target) { return target.replace_extension(".rejects.jsonl"); }

}  // namespace

BadRows::BadRows(const ExtractionOptions& options, std::int64_t shard_rows, fs::path target,
                 io::FileSystem& files, RowName row_name)
    : file_(rejects_file(std::move(target))),
      files_(files),
      skip_(options.on_bad_row == OnBadRow::skip),
      dry_run_(options.dry_run),
      limit_(options::bad_row_limit(options.max_bad_rows, shard_rows)),
      limit_text_(options.max_bad_rows),
      row_name_(std::move(row_name)) {}

std::string BadRows::name_of(std::int64_t row_id) const {
  return row_name_ ? row_name_(row_id) : std::to_string(row_id);
}

void BadRows::reject(BadRow row) {
  if (!skip_)
    fail_data("row {}: {}: {}; repair it, or leave such rows out with --on_bad_row skip", name_of(row.row_id),
              row.field, row.reason);
  const std::lock_guard lock(mutex_);
  row.reason = options::with_flags(row.reason);
  if (row.reason.size() > kMaxReasonBytes) row.reason.resize(kMaxReasonBytes);
  rows_.push_back(std::move(row));
  if (dry_run_ || std::ssize(rows_) <= limit_) return;
  publish();
  const BadRow& last = rows_.back();
  fail_data("{}: lists {} bad rows, more than --max_bad_rows ({}) allows; the last is row {}: {}: {}",
            file_.string(), rows_.size(), limit_text_, name_of(last.row_id), last.field, last.reason);
}

void BadRows::check_limit() const {
  if (std::ssize(rows_) > limit_)
    fail_data("{} rows are bad, more than --max_bad_rows ({}) allows; repair them, or allow more",
              rows_.size(), limit_text_);
}

std::vector<BadRow> BadRows::sorted() const {
  std::vector<BadRow> rows = rows_;
  std::sort(rows.begin(), rows.end(), [](const BadRow& a, const BadRow& b) {
    return std::tie(a.row_id, a.field) < std::tie(b.row_id, b.field);
  });
  return rows;
}

std::string BadRows::summary() const {
  if (rows_.empty()) return "";
  const BadRow first = sorted().front();
  return fmt::format("; {} rows are bad, the first is row {}: {}: {}", rows_.size(), name_of(first.row_id),
                     first.field, first.reason);
}

void warn_of_missing_answers(std::int64_t count, const std::string& what) {
  if (count > 0)
    log::warn(
        "{} {} end in a turn of a user, the system or a tool: they are embedded at its end, and a gate is "
        "taken before an earlier answer; --on_bad_row skip leaves them out",
        count, what);
}

void BadRows::describe(artifacts::Provenance& provenance) const {
  if (rows_.empty()) return;
  std::vector<std::int64_t>& dropped = provenance.dropped["bad row"];
  dropped.clear();
  for (const BadRow& row : sorted()) dropped.push_back(row.row_id);
  provenance.counts["bad_rows"] = static_cast<std::int64_t>(dropped.size());
}

void BadRows::publish() const {
  std::error_code error;
  if (rows_.empty()) {
    if (fs::exists(file_, error)) io::remove_file(files_, file_);
    return;
  }
  std::string text;
  for (const BadRow& row : sorted()) {
    nlohmann::ordered_json line{{"row_id", row.row_id}, {"field", row.field}, {"reason", row.reason}};
    if (row_name_) line["row"] = row_name_(row.row_id);
    text += line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  }
  io::publish_text(file_, text, files_);
}

}  // namespace armorm::stages::prepare
