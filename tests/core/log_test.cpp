// A sink receives the log that otherwise goes to standard error.
#include "core/log.h"

#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "support/test_support.h"

using namespace armorm;

namespace {

// Removes its sink and restores the level at the end of the scope.
class Captured {
 public:
  Captured() {
    log::set_sink(
        [this](log::Level level, std::string_view message) { messages.emplace_back(level, message); });
  }
  ~Captured() {
    log::set_sink({});
    log::set_level(log::Level::info);
  }
  std::vector<std::pair<log::Level, std::string>> messages;
};

}  // namespace

TEST_CASE("a sink receives the messages that pass the level", "[unit]") {
  Captured log;
  log::debug("not shown");
  log::warn("{} of {}", 1, 2);
  log::write(log::Level::info, "braces {} stay");
  log::set_level(log::Level::error);
  log::warn("not shown");
  log::error("last");
  log::set_level(log::Level::debug);
  log::debug("shown");
  using Pair = std::pair<log::Level, std::string>;
  CHECK(log.messages == std::vector<Pair>{{log::Level::warn, "1 of 2"},
                                          {log::Level::info, "braces {} stay"},
                                          {log::Level::error, "last"},
                                          {log::Level::debug, "shown"}});
}

TEST_CASE("while a sink takes the log nothing is drawn on the terminal", "[unit]") {
  {
    const Captured log;
    CHECK_FALSE(log::draws_on_terminal());
  }
  log::set_level(log::Level::error);
  log::info("goes to standard error, but for the level");
  log::set_level(log::Level::info);
}
