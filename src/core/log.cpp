#include "core/log.h"

#include <fmt/core.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "core/display_width.h"
#include "core/log_status.h"
#include "core/strings.h"
#include "core/terminal.h"

namespace armorm::log {
namespace {

spdlog::logger& logger() {
  static const auto instance = [] {
    const auto color =
        terminal::uses_color(STDERR_FILENO) ? spdlog::color_mode::automatic : spdlog::color_mode::never;
    auto made = std::make_shared<spdlog::logger>(
        "armorm", std::make_shared<spdlog::sinks::stderr_color_sink_mt>(color));
    made->set_pattern("%H:%M:%S %^%-5l%$ %v");
    return made;
  }();
  return *instance;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

class SinkSlot {
 public:
  void set(Sink sink) {
    const std::lock_guard lock(mutex_);
    sink_ = sink ? std::make_shared<const Sink>(std::move(sink)) : nullptr;
  }
  std::shared_ptr<const Sink> get() {
    const std::lock_guard lock(mutex_);
    return sink_;
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<const Sink> sink_;
};

SinkSlot& sink_slot() {
  static SinkSlot slot;
  return slot;
}

// The line at the bottom of the terminal, which log lines push down.
class StatusSlot {
 public:
  void draw(const std::string& text) {
    const std::lock_guard lock(mutex_);
    const std::string line(
        cut_to_width(text, terminal::columns(STDERR_FILENO, kUnknownColumns) - 1));  // no line break
    const std::size_t width = display_width(line);
    std::fprintf(stderr, "\r%s", padded_right(line, width_).c_str());
    width_ = width;
  }
  // The drawn line stays.
  void keep() {
    const std::lock_guard lock(mutex_);
    if (width_ > 0) std::fputc('\n', stderr);
    width_ = 0;
  }
  template <class Write>
  void write_above(const Write& write) {
    const std::lock_guard lock(mutex_);
    if (width_ > 0) std::fprintf(stderr, "\r%s\r", std::string(width_, ' ').c_str());
    width_ = 0;
    write();
  }

 private:
  static constexpr std::size_t kUnknownColumns = 80;
  std::mutex mutex_;
  std::size_t width_ = 0;  // of what is drawn; 0 = nothing
};

StatusSlot& status_slot() {
  static StatusSlot slot;
  return slot;
}

}  // namespace

void set_level(Level level) { logger().set_level(to_spdlog(level)); }

void set_sink(Sink sink) { sink_slot().set(std::move(sink)); }

bool draws_on_terminal() { return terminal::redraws(STDERR_FILENO) && !sink_slot().get(); }

void draw_status(const std::string& text) { status_slot().draw(text); }

void keep_status() { status_slot().keep(); }

void write(Level level, const std::string& message) {
  if (!logger().should_log(to_spdlog(level))) return;
  const std::string line = shown_message(message);  // messages quote data
  if (const auto sink = sink_slot().get())
    (*sink)(level, line);
  else
    status_slot().write_above([&] { logger().log(to_spdlog(level), line); });
}

void write(Level level, fmt::string_view format, fmt::format_args args) {
  write(level, fmt::vformat(format, args));
}

void warn_once(const std::string& message) {
  static std::mutex mutex;
  static std::set<std::string> given;
  {
    const std::lock_guard lock(mutex);
    if (!given.insert(message).second) return;
  }
  write(Level::warn, message);
}

}  // namespace armorm::log
