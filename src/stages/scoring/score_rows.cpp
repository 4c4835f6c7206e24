#include "stages/scoring/score_rows.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "core/parallel.h"
#include "io/checked_json.h"

namespace armorm {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 64;
constexpr int kWaitMs = 100;                             // between two looks whether to stop
constexpr std::size_t kMaxLines = 256;                   // encoded at once
constexpr std::size_t kMaxText = std::size_t{16} << 20;  // of them, in bytes

constexpr const char* kForms =
    "expected {\"messages\": [...]}, a list of messages, or {\"prompt\": ..., \"response\": \"...\"}";

std::string text_of(const json& object, const char* key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end())
    fail_data("{}: no field \"{}\"; expected messages with role and content", where, key);
  if (!found->is_string()) fail_data("{}: {}: found {}, expected a string", where, key, found->type_name());
  return found->get<std::string>();
}

Conversation messages_of(const json& list, const std::string& where) {
  if (!list.is_array())
    fail_data("{}: found {}, expected a list of messages with role and content", where, list.type_name());
  if (list.empty()) fail_data("{}: is empty, expected at least one message", where);
  Conversation conversation;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string place = fmt::format("{}: message {}", where, i);
    if (!list[i].is_object())
      fail_data("{}: found {}, expected a message with role and content", place, list[i].type_name());
    conversation.push_back({text_of(list[i], "role", place), text_of(list[i], "content", place)});
  }
  return conversation;
}

Conversation prompt_and_response(const json& row) {
  const json& prompt = row.at("prompt");
  Conversation conversation;
  if (prompt.is_string())
    conversation.push_back({"user", prompt.get<std::string>()});
  else
    conversation = messages_of(prompt, "prompt");
  conversation.push_back({"assistant", text_of(row, "response", "row")});
  return conversation;
}

}  // namespace

Conversation parse_conversation(const std::string& text, ScoreRow& row) {
  const json root = io::parse_checked_json(text, "row", kMaxDepth);
  if (root.is_array()) return messages_of(root, "row");
  if (!root.is_object()) fail_data("row: found {}, {}", root.type_name(), kForms);
  if (const auto id = root.find("id"); id != root.end() && !id->is_null()) row.id = id->dump();
  if (const auto messages = root.find("messages"); messages != root.end())
    return messages_of(*messages, "messages");
  if (root.contains("prompt")) return prompt_and_response(root);
  fail_data("row: found neither \"messages\" nor \"prompt\", {}", kForms);
}

void fill_row(ScoreRow& row, const std::function<void(ScoreRow& row)>& fill) {
  try {
    fill(row);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    row.tokens.clear();
    row.error = error.what();
  }
}

ScoreReader::ScoreReader(std::unique_ptr<LineSource> source, ScoreReaderOptions options, Encode encode)
    : source_(std::move(source)),
      options_(options),
      encode_(std::move(encode)),
      thread_([this] { read_all(); }) {}

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

// Waits for a line, and takes those that are there with it. False at the end.
bool ScoreReader::read_some(std::vector<Line>& lines) {
  lines.clear();
  std::string text;
  std::size_t bytes = 0;
  LineSource::Got got = wait_for_line(text);
  while (got == LineSource::Got::line) {
    const bool blank = text.find_first_not_of(" \t\r") == std::string::npos;
    bytes += text.size();
    if (!blank) lines.push_back({source_->line_number(), std::move(text)});
    if (lines.size() >= std::min(kMaxLines, options_.window) || bytes >= kMaxText) return true;
    got = lines.empty() ? wait_for_line(text) : source_->next(text, 0);
  }
  return !lines.empty();
}

LineSource::Got ScoreReader::wait_for_line(std::string& text) {
  LineSource::Got got = source_->next(text, 0);
  if (got != LineSource::Got::nothing) return got;
  set_idle(true);
  while (got == LineSource::Got::nothing && !is_stopping()) got = source_->next(text, kWaitMs);
  set_idle(false);
  return got;
}

std::vector<ScoreRow> ScoreReader::encode_all(const std::vector<Line>& lines) const {
  std::vector<ScoreRow> rows(lines.size());
  parallel_for(std::ssize(lines), options_.threads, [&](std::int64_t i) {
    const Line& line = lines[static_cast<std::size_t>(i)];
    ScoreRow& filled = rows[static_cast<std::size_t>(i)];
    filled.line = line.number;
    fill_row(filled, [&](ScoreRow& row) { encode_(parse_conversation(line.text, row), row); });
  });
  return rows;
}

// Waits for room. False when no more rows are wanted.
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

}  // namespace armorm
