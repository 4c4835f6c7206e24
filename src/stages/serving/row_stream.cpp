#include "stages/serving/row_stream.h"

#include <fmt/format.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "core/accounting.h"
#include "core/log.h"
#include "serve/score_line.h"

namespace armorm::stages::serving {
namespace {

// Lines of a body that comes in pieces. A line beyond the limit is cut there.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t most) : most_(most) {}

  void add(std::string_view piece) { text_.append(piece); }
  // The next complete line, without its end; the rest too once the body has ended.
  std::optional<std::string> next(bool ended) {
    const std::size_t end = text_.find('\n', searched_);
    searched_ = end == std::string::npos ? text_.size() : 0;
    if (end == std::string::npos) {
      if (text_.size() > most_) drop_rest_of_line();
      if (!ended || text_.empty()) return std::nullopt;
      return finish(std::exchange(text_, {}));
    }
    std::string line = text_.substr(0, end);
    text_.erase(0, end + 1);
    return finish(std::move(line));
  }
  bool last_was_cut() const { return last_was_cut_; }

 private:
  void drop_rest_of_line() {
    text_.resize(most_);
    searched_ = most_;
    cut_ = true;
  }
  std::string finish(std::string line) {
    last_was_cut_ = std::exchange(cut_, false) || line.size() > most_;
    searched_ = 0;
    return line;
  }

  std::size_t most_;
  std::string text_;
  std::size_t searched_ = 0;  // without a line feed before it
  bool cut_ = false;
  bool last_was_cut_ = false;
};

constexpr std::size_t kMaxUnusedKeys = 1000;  // of different names

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r") == std::string_view::npos; }

class Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(const RequestContext& context, const RowStreamOptions& options,
         std::shared_ptr<serve::Exchange> exchange)
      : context_(context),
        options_(options),
        exchange_(std::move(exchange)),
        lines_(context.model.attributes, serve::all_score_fields()) {}

  // On the reading thread.
  void run() {
    exchange_->begin(200, "application/x-ndjson");
    std::thread writer([this] { write_all(); });
    try {
      read_all();
    } catch (const std::exception& error) {
      log::error("a stream of rows: internal error: {}", error.what());
    }
    {
      const std::lock_guard lock(mutex_);
      all_read_ = true;
    }
    changed_.notify_all();
    writer.join();
    finish();
    warn_of_unused_keys();
  }

 private:
  struct Slot {
    serve::ScoreInput input;
    std::int64_t line = 0;
    std::optional<serve::ScoreOutput> output;
  };

  void read_all() {
    const std::string& query = exchange_->head().query;
    if (!query.empty()) unused_["?" + query] = 1;
    LineSplitter lines(options_.max_line_bytes);
    for (bool ended = false; !ended && !exchange_->disconnected();) {
      const std::string piece = exchange_->read();
      ended = piece.empty();
      lines.add(piece);
      while (std::optional<std::string> line = lines.next(ended)) {
        ++line_;
        if (!is_blank(*line)) take(*line, lines.last_was_cut());
      }
    }
  }

  void take(const std::string& line, bool cut) {
    auto slot = std::make_shared<Slot>();
    slot->line = line_;
    if (cut)
      slot->input.error = fmt::format("is longer than the {} bytes allowed", options_.max_line_bytes);
    else
      slot->input = serve::parse_score_line(line);
    count_unused(slot->input.unused);
    if (!wait_for_room()) return;
    {
      const std::lock_guard lock(mutex_);
      slots_.push_back(slot);
    }
    score(slot);
  }

  void count_unused(const std::vector<std::string>& keys) {
    for (const std::string& key : keys)
      if (unused_.size() < kMaxUnusedKeys || unused_.contains(key)) ++unused_[key];
  }

  // A stream's headers are sent before its rows are read.
  void warn_of_unused_keys() const {
    Accounting keys("a stream of rows", "key");
    for (const auto& [key, rows] : unused_) keys.give(key, rows);
    keys.warn_of_rest("the scores do not depend on them");
  }

  // Without its end the client knows that rows are missing.
  void finish() {
    if (!exchange_->truncated()) return exchange_->end();
    if (!exchange_->disconnected())
      log::warn("a stream of rows: the body broke off after line {}; the answer has no end", line_);
  }

  bool wait_for_room() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return given_up_ || slots_.size() < options_.window; });
    return !given_up_;
  }

  void score(const std::shared_ptr<Slot>& slot) {
    Job job;
    job.row.error = slot->input.error;
    if (job.row.error.empty()) context_.encode(slot->input, job.row);
    count_unused(job.row.unused);
    if (!job.row.error.empty()) return set(*slot, failed(job.row.error));
    const std::shared_ptr<Stream> self = shared_from_this();
    job.dropped = [self] { return self->exchange_->disconnected(); };
    job.done = [self, slot](serve::ScoreOutput output) { self->set(*slot, std::move(output)); };
    if (context_.queue.add_when_possible(std::move(job))) return;
    serve::ScoreOutput refused = failed("the server takes no more rows");
    refused.is_server_fault = true;
    set(*slot, std::move(refused));
  }

  static serve::ScoreOutput failed(const std::string& reason) {
    serve::ScoreOutput output;
    output.error = reason;
    return output;
  }

  void set(Slot& slot, serve::ScoreOutput output) {
    {
      const std::lock_guard lock(mutex_);
      slot.output = std::move(output);
    }
    changed_.notify_all();
  }

  // On the writing thread.
  void write_all() {
    while (const std::shared_ptr<Slot> slot = next_scored()) {
      fmt::memory_buffer line;
      lines_.add({slot->line, slot->input.id}, *slot->output, line);
      const bool written = exchange_->write({line.data(), line.size()});
      if (!written) return give_up();
    }
  }

  // Waits for the oldest row's score. Null at the end, and when the client is gone.
  std::shared_ptr<Slot> next_scored() {
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return slots_.empty() ? all_read_ : slots_.front()->output.has_value(); };
    while (!ready()) {
      if (exchange_->disconnected()) break;
      changed_.wait_for(lock, std::chrono::milliseconds(200));
    }
    if (slots_.empty() || !slots_.front()->output) {
      given_up_ = true;
      changed_.notify_all();
      return nullptr;
    }
    std::shared_ptr<Slot> slot = slots_.front();
    slots_.pop_front();
    changed_.notify_all();
    return slot;
  }

  void give_up() {
    {
      const std::lock_guard lock(mutex_);
      given_up_ = true;
    }
    changed_.notify_all();
  }

  const RequestContext& context_;
  const RowStreamOptions& options_;
  std::shared_ptr<serve::Exchange> exchange_;
  serve::ScoreLines lines_;
  std::int64_t line_ = 0;
  std::map<std::string, std::int64_t> unused_;  // key -> rows
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Slot>> slots_;  // in order of the input; guarded by mutex_, like those below
  bool all_read_ = false;
  bool given_up_ = false;
};

}  // namespace

RowStreams::~RowStreams() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return open_ == 0; });
}

RowStreams::Place::~Place() {
  const std::lock_guard lock(streams_.mutex_);
  --streams_.open_;
  streams_.changed_.notify_all();
}

std::shared_ptr<RowStreams::Place> RowStreams::enter() {
  {
    const std::lock_guard lock(mutex_);
    if (open_ >= options_.max_streams) return nullptr;
    ++open_;
  }
  return std::make_shared<Place>(*this);
}

// Threads are detached: a server has any number of streams one after another, and their places are counted.
void RowStreams::start(std::shared_ptr<Place> place, std::shared_ptr<serve::Exchange> exchange) {
  auto stream = std::make_shared<Stream>(context_, options_, std::move(exchange));
  std::thread([stream = std::move(stream), place = std::move(place)]() mutable {
    stream->run();
    stream.reset();
    place.reset();
  }).detach();
}

}  // namespace armorm::stages::serving
