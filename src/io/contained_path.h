// Files that a downloaded thing names must lie in it: by their names, and by where links lead.
#pragma once

#include <filesystem>
#include <string>

namespace armorm::io {

// A file's name and no path: it cannot leave its folder, and the system can look for it.
bool is_plain_file_name(const std::string& name);

// A name for messages: at most 200 bytes of it, control characters as "?".
std::string shown_name(const std::string& name);

// data error naming `file`, unless its real place, all links followed, is below the real place of `root`.
// When `root` is a snapshot of the Hub cache (<kind>--<name>/snapshots/<commit>), the repository's blobs
// folder will do as well: there the files are links to it. A file that does not exist is no error here.
void check_stays_inside(const std::filesystem::path& file, const std::filesystem::path& root);

}  // namespace armorm::io
