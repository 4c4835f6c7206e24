#include "core/log.h"

#include <fmt/core.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "core/strings.h"

namespace armorm::log {
namespace {

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made =
        std::make_shared<spdlog::logger>("armorm", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
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

}  // namespace

void set_level(Level level) { logger().set_level(to_spdlog(level)); }

void set_sink(Sink sink) { sink_slot().set(std::move(sink)); }

bool draws_on_terminal() { return isatty(STDERR_FILENO) == 1 && !sink_slot().get(); }

void write(Level level, const std::string& message) {
  if (!logger().should_log(to_spdlog(level))) return;
  const std::string line = shown_message(message);  // messages quote data
  if (const auto sink = sink_slot().get())
    (*sink)(level, line);
  else
    logger().log(to_spdlog(level), line);
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
