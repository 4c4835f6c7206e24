// What a name of the file system stands for.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string_view>

namespace armorm {

// "a regular file", "a folder", "a FIFO", "a device", "a socket" or "a link", from st_mode of stat(2).
std::string_view kind_of_file(mode_t mode);

// io error that names what is found if `path`, links followed, is something else than a regular file: opening
// a FIFO waits for a writer. A path that leads to nothing is not an error here.
void check_regular_file(const std::filesystem::path& path);

}  // namespace armorm
