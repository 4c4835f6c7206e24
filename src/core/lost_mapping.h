// A message for what is otherwise a crash: a page of a mapped file that can no longer be read.
#pragma once

#include <string>

namespace armorm {

// From here on, access to a page of a file that was truncated since it was mapped (SIGBUS) ends the process
// with the exit code of an io error, and one line on stderr that names the file. `program` begins the line.
// The last call counts.
void report_lost_mappings(const std::string& program);

}  // namespace armorm
