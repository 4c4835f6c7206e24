// File patterns as `datasets` and fsspec read them: "*", "?" and "[...]" within one part of a path, "**" as a
// part of its own for any number of folders.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace armorm::data {

bool has_wildcards(const std::string& pattern);

// Requires a relative pattern. data error when "**" is only a part of a part, as in "a**".
bool matches(const std::string& pattern, const std::string& path);

// All files below `root`, by path relative to it, sorted by its bytes. Symbolic links to files count as
// files; links to folders are not followed, so that there is no loop.
std::vector<std::string> list_files(const std::filesystem::path& root);

// Those of `files` that match, in their order. Left out, unless the pattern itself spells it: what is hidden
// (a part begins with "."), what lies in a folder that begins with "__", and the files that describe a data
// set (README.md, dataset_info.json and so on).
std::vector<std::string> select_files(const std::string& pattern, const std::vector<std::string>& files);

}  // namespace armorm::data
