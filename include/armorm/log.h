// The library's log: to standard error, unless the application sets a sink. Results of a run go to standard
// output, never through the log. Thread-safe.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "armorm/export.h"

namespace armorm::log {

enum class Level { debug, info, warn, error };

// The least severe level that is logged; initially info.
ARMORM_API void set_level(Level level);

// Logs one message of one line.
ARMORM_API void write(Level level, const std::string& message);

// Receives every message that passes the level. Any thread that logs calls it, several at once; it must not
// throw or log. A call in progress may end after its sink was replaced.
using Sink = std::function<void(Level level, std::string_view message)>;

// From now on messages go to `sink`, and nothing is written to standard error, progress bars included. An
// empty sink restores standard error.
ARMORM_API void set_sink(Sink sink);

}  // namespace armorm::log
