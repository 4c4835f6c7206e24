#include "stages/scoring/score_rows.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/error.h"
#include "core/parallel.h"
#include "core/stop_point.h"
#include "data/conversation_row.h"
#include "io/line_reader.h"

namespace armorm::stages::scoring {
namespace {

constexpr int kWaitMs = 100;                             // interval of checks for a stop request
constexpr std::size_t kMaxLines = 256;                   // encoded together
constexpr std::size_t kMaxText = std::size_t{16} << 20;  // total bytes of these lines

}  // namespace

void fill_row(ScoreRow& row, const std::function<void(ScoreRow& row)>& fill) {
  try {
    fill(row);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    row.tokens.clear();
    row.error = error.what();
  }
}

ScoreReader::ScoreReader(std::unique_ptr<io::LineSource> source, ScoreReaderOptions options, Encode encode)
    : source_(std::move(source)),
      options_(std::move(options)),
      encode_(std::move(encode)),
      thread_([this, stop = current_stop_request()] {
        const StopScope scope(&stop);
        read_all();
      }) {}

ScoreReader::~ScoreReader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::vector<ScoreRow> ScoreReader::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(
      lock, [this] { return finished_ || ready_.size() >= options_.window || (idle_ && !ready_.empty()); });
  std::vector<ScoreRow> rows = std::exchange(ready_, {});
  const std::exception_ptr failure = rows.empty() ? failure_ : nullptr;
  lock.unlock();
  changed_.notify_all();
  if (failure) std::rethrow_exception(failure);
  return rows;
}

void ScoreReader::read_all() {
  std::exception_ptr failure;
  try {
    std::vector<Line> lines;
    while (read_some(lines) && hand_over(encode_all(lines))) {
    }
  } catch (...) {
    failure = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    failure_ = failure;
    finished_ = true;
  }
  changed_.notify_all();
}

// Waits for a line, and also takes those that have already arrived. False at the end.
bool ScoreReader::read_some(std::vector<Line>& lines) {
  lines.clear();
  std::string text;
  std::string problem;
  std::size_t bytes = 0;
  io::LineSource::Got got = take_line(text, problem, true);
  while (got == io::LineSource::Got::line) {
    const bool blank = problem.empty() && text.find_first_not_of(" \t\r") == std::string::npos;
    bytes += text.size();
    if (!blank) lines.push_back({source_->line_number(), std::move(text), problem});
    if (lines.size() >= std::min(kMaxLines, options_.window) || bytes >= kMaxText) return true;
    got = take_line(text, problem, lines.empty());
  }
  return !lines.empty();
}

// A line that is too long is one with a problem.
io::LineSource::Got ScoreReader::take_line(std::string& text, std::string& problem, bool waits) {
  problem.clear();
  try {
    return waits ? wait_for_line(text) : source_->next(text, 0);
  } catch (const io::LineTooLong&) {
    text.clear();
    problem = fmt::format("is longer than the {} bytes allowed", io::LineReader::kMaxLineBytes);
    return io::LineSource::Got::line;
  }
}

io::LineSource::Got ScoreReader::wait_for_line(std::string& text) {
  io::LineSource::Got got = source_->next(text, 0);
  if (got != io::LineSource::Got::nothing) return got;
  set_idle(true);
  while (got == io::LineSource::Got::nothing && !is_stopping()) {
    stop_point();
    got = source_->next(text, kWaitMs);
  }
  set_idle(false);
  return got;
}

std::vector<ScoreRow> ScoreReader::encode_all(const std::vector<Line>& lines) const {
  std::vector<ScoreRow> rows(lines.size());
  parallel_for(std::ssize(lines), options_.threads, [&](std::int64_t i) {
    stop_point();
    const Line& line = lines[static_cast<std::size_t>(i)];
    ScoreRow& filled = rows[static_cast<std::size_t>(i)];
    filled.line = line.number;
    fill_row(filled, [&](ScoreRow& row) {
      if (!line.problem.empty()) fail_data("{}", line.problem);
      encode_(data::parse_conversation(line.text, options_.copy_keys, row), row);
    });
  });
  return rows;
}

// Waits for free space. False when no more rows are wanted.
bool ScoreReader::hand_over(std::vector<ScoreRow> rows) {
  const auto bad =
      std::find_if(rows.begin(), rows.end(), [](const ScoreRow& row) { return !row.error.empty(); });
  const bool stops = options_.stop_at_bad && bad != rows.end();
  if (stops) rows.erase(bad + 1, rows.end());
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || ready_.size() < options_.window; });
  ready_.insert(ready_.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
  const bool goes_on = !stopping_ && !stops;
  lock.unlock();
  changed_.notify_all();
  return goes_on;
}

void ScoreReader::set_idle(bool idle) {
  {
    const std::lock_guard lock(mutex_);
    idle_ = idle;
  }
  changed_.notify_all();
}

bool ScoreReader::is_stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

}  // namespace armorm::stages::scoring
