// The library's log: to standard error, unless the application takes it. Results of a run go to standard
// output and never through here. Thread-safe.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "armorm/export.h"

namespace armorm::log {

enum class Level { debug, info, warn, error };

// The least severe level that is logged; info at first.
ARMORM_API void set_level(Level level);

// Logs one message of one line.
ARMORM_API void write(Level level, const std::string& message);

// Receives every message that passes the level. Called by whichever thread logs, by several at once; must not
// throw or log. A call that is under way may end after its sink was replaced.
using Sink = std::function<void(Level level, std::string_view message)>;

// From here on messages go to `sink`, and nothing is written to standard error, progress bars included. An
// empty sink restores standard error.
ARMORM_API void set_sink(Sink sink);

}  // namespace armorm::log
