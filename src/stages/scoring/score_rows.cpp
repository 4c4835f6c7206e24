#include "stages/scoring/score_rows.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/parallel.h"
#include "core/stop_point.h"
#include "data/json_messages.h"
#include "data/json_reader.h"
#include "data/prompt_rule.h"
#include "io/checked_json.h"
#include "io/line_reader.h"

namespace armorm::stages::scoring {
namespace {

using data::JsonReader;
using Kind = JsonReader::Kind;

constexpr int kWaitMs = 100;                             // interval of checks for a stop request
constexpr std::size_t kMaxLines = 256;                   // encoded together
constexpr std::size_t kMaxText = std::size_t{16} << 20;  // total bytes of these lines

constexpr const char* kForms =
    "expected {\"messages\": [...]}, a list of messages, or {\"prompt\": ..., \"response\": \"...\"}";
constexpr std::array<std::string_view, 4> kUsedKeys{"messages", "prompt", "response", "id"};

// JSON's names of the types.
std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::object:
      return "object";
    case Kind::array:
      return "array";
    case Kind::string:
      return "string";
    case Kind::number:
      return "number";
    case Kind::boolean:
      return "boolean";
    case Kind::null:
      return "null";
  }
  return {};
}

Conversation read_messages(JsonReader json, const std::string& where) {
  if (const Kind kind = json.peek(); kind != Kind::array)
    fail_data("{}: found {}, expected a list of messages with role and content", where, name_of(kind));
  const data::JsonPlace place{[&] { return where; }, name_of};
  Conversation conversation;
  json.enter_array();
  while (json.next_element()) conversation.push_back(data::read_message(json, conversation.size(), place));
  if (conversation.empty()) fail_data("{}: is empty, expected at least one message", where);
  return conversation;
}

// Positions of a row's values in its text.
struct RowFields {
  std::optional<JsonReader> messages;
  std::optional<JsonReader> prompt;
  std::optional<JsonReader> response;
  std::string_view id = "null";
};

bool contains(const auto& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

RowFields find_fields(JsonReader json, const std::vector<std::string>& copy_keys, ScoreRow& row) {
  RowFields fields;
  data::ObjectKeys keys;
  std::string key;
  json.enter_object();
  while (json.next_member(key)) {
    keys.add(key, [] { return "row"; });
    if (key == "messages") fields.messages.emplace(json);
    if (key == "prompt" && json.peek() != Kind::null) fields.prompt.emplace(json);
    if (key == "response") fields.response.emplace(json);
    const std::string_view text = json.skip_value();
    if (key == "id") fields.id = text;
    if (contains(copy_keys, key))
      row.copied.emplace_back(key, text);
    else if (!contains(kUsedKeys, key))
      row.unused.push_back(key);
  }
  return fields;
}

Conversation read_prompt(JsonReader json) {
  if (json.peek() == Kind::string) return {{"user", json.read_string()}};
  return read_messages(json, "prompt");
}

Message read_response(JsonReader json) {
  if (const Kind kind = json.peek(); kind != Kind::string)
    fail_data("row: response: found {}, expected a string", name_of(kind));
  return {"assistant", json.read_string()};
}

// A row may repeat the prompt of its messages, and nothing else.
Conversation messages_of(const RowFields& fields) {
  Conversation messages = read_messages(*fields.messages, "messages");
  if (fields.prompt && !data::starts_with(messages, read_prompt(*fields.prompt)))
    fail_data(
        "row: has \"messages\" and a \"prompt\" that they do not start with; leave one of them out, or put "
        "the prompt into the messages");
  return messages;
}

Conversation conversation_of(const RowFields& fields) {
  if (!fields.messages && !fields.prompt)
    fail_data("row: found neither \"messages\" nor \"prompt\", {}", kForms);
  if (!fields.messages && !fields.response)
    fail_data("row: no field \"response\"; expected messages with role and content");
  Conversation conversation = fields.messages ? messages_of(fields) : read_prompt(*fields.prompt);
  if (fields.response) conversation.push_back(read_response(*fields.response));
  return conversation;
}

// What is copied becomes a part of a line of output, which must be valid JSON for any reader. A number has
// been checked by JsonReader, and may be too large for a double.
void check_copied(std::string_view text, const std::string& where) {
  const bool is_number = text.find_first_not_of("0123456789+-.eE") == std::string_view::npos;
  if (is_number) return;
  (void)io::parse_checked_json(text, where, JsonReader::kMaxDepth);
}

// Validates the complete text before any value is used.
void check_json(JsonReader json) {
  json.skip_value();
  json.expect_end();
}

}  // namespace

Conversation parse_conversation(const std::string& text, const std::vector<std::string>& copy_keys,
                                ScoreRow& row) {
  const std::string where = "row";
  JsonReader json(text, where);
  check_json(json);
  const Kind kind = json.peek();
  if (kind == Kind::array) return read_messages(json, where);
  if (kind != Kind::object) fail_data("row: found {}, {}", name_of(kind), kForms);
  const RowFields fields = find_fields(json, copy_keys, row);
  if (fields.id != "null") {
    check_copied(fields.id, "row: id");
    row.id = fields.id;  // as it was written: no number loses digits
  }
  for (const auto& [copied, value] : row.copied) check_copied(value, "row: " + copied);
  return conversation_of(fields);
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
      encode_(parse_conversation(line.text, options_.copy_keys, row), row);
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
