// A file that a downloaded repository names must lie inside its folder, both by its name and after following
// links.
#pragma once

#include <filesystem>
#include <string>

namespace armorm::io {

// True for a plain file name without a path: it cannot leave its folder, and its length is valid for the
// system.
bool is_plain_file_name(const std::string& name);

// data error that names `file` unless its real path, with all links followed, is below the real path of
// `root`. When `root` is a snapshot of the Hub cache (<kind>--<name>/snapshots/<commit>), the repository's
// blobs folder is accepted as well: files of a snapshot are links into it. A file that does not exist is not
// an error here.
void check_stays_inside(const std::filesystem::path& file, const std::filesystem::path& root);

}  // namespace armorm::io
