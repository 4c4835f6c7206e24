// File patterns of `datasets` and fsspec: "*", "?" and "[...]" within one path component, "**" as a component
// of its own for any number of folders.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace armorm::data {

bool has_wildcards(const std::string& pattern);

// Requires a relative pattern. data error when "**" is not a complete component, as in "a**".
bool matches(const std::string& pattern, const std::string& path);

// All files below `root`, by path relative to it, sorted by bytes. Symbolic links to files count as files;
// links to folders are not followed, to avoid loops.
std::vector<std::string> list_files(const std::filesystem::path& root);
std::vector<std::string> list_linked_folders(const std::filesystem::path& root);  // those links

// The matching `files`, in their order. Excluded unless the pattern names them: hidden files and folders (a
// component begins with "."), folders that begin with "__", and files that describe a data set (README.md,
// dataset_info.json and so on).
std::vector<std::string> select_files(const std::string& pattern, const std::vector<std::string>& files);

}  // namespace armorm::data
