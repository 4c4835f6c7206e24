// Opens input files.
#pragma once

#include <filesystem>

#include "io/system_call.h"

namespace armorm::io {

// For reading, links followed. Waits for nobody: a FIFO, device or folder in place of the file is an io error
// that names it, and so is a file that cannot be opened.
Descriptor open_regular(const std::filesystem::path& path);

}  // namespace armorm::io
