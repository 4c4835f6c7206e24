// The command line of every executable: flags from the stage's own option list, --config, --log_level,
// --version, and exit codes (0 ok, 1 internal, 2 usage, 3 I/O or missing, 4 bad data, 5 locked, 75
// interrupted).
#pragma once

#include <functional>
#include <string>

#include "armorm/stop.h"
#include "core/options.h"

namespace armorm::cli {

// Parses, applies the config file, sets up logging and runs `body`, whose argument becomes true when a signal
// asks the program to stop; it ends within two seconds then. Every error becomes one line on stderr. Ends the
// process with the exit code, or returns it where something waits for the complete end of a process.
int run(int argc, char** argv, const std::string& program, const std::string& purpose,
        const OptionList& options, const std::function<void(const StopRequested&)>& body);

}  // namespace armorm::cli
