#include "data/glob.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>

#include "core/error.h"

namespace armorm::data {
namespace fs = std::filesystem;
namespace {

using Parts = std::vector<std::string>;

constexpr std::array<std::string_view, 6> kDescriptions{"README.md",         "config.json",
                                                        "dataset_info.json", "dataset_infos.json",
                                                        "dummy_data.zip",    "dataset_dict.json"};

// "./a//b" -> {"a", "b"}
Parts split_path(const std::string& path) {
  Parts parts;
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    if (!part.empty() && part != ".") parts.push_back(part);
    begin = end + 1;
  }
  return parts;
}

bool match_part(const std::string& pattern, const std::string& part) {
  return ::fnmatch(pattern.c_str(), part.c_str(), FNM_NOESCAPE) == 0;
}

// One row of the standard dynamic programming table: reachable[i] says whether the pattern so far matches the
// first i components.
bool match_parts(const Parts& pattern, const Parts& path) {
  std::vector<bool> reachable(path.size() + 1, false);
  reachable[0] = true;
  for (std::size_t p = 0; p < pattern.size(); ++p) {
    std::vector<bool> next(path.size() + 1, false);
    if (pattern[p] == "**") {
      const bool last = p + 1 == pattern.size();  // a final "**" stands for at least one component
      bool before = false;
      for (std::size_t i = 0; i <= path.size(); ++i) {
        next[i] = before || (!last && reachable[i]);
        before = before || reachable[i];
      }
    } else {
      for (std::size_t i = 0; i < path.size(); ++i)
        next[i + 1] = reachable[i] && match_part(pattern[p], path[i]);
    }
    reachable = next;
  }
  return reachable[path.size()];
}

bool is_hidden(const std::string& part) { return part[0] == '.'; }
bool is_special(const std::string& part) { return part.starts_with("__"); }

bool is_left_out(const Parts& pattern, const Parts& path) {
  const bool described =
      std::find(kDescriptions.begin(), kDescriptions.end(), path.back()) != kDescriptions.end();
  if (described && path.back() != pattern.back()) return true;
  if (std::count_if(path.begin(), path.end(), is_hidden) !=
      std::count_if(pattern.begin(), pattern.end(), is_hidden)) {
    return true;
  }
  return std::count_if(path.begin(), path.end() - 1, is_special) !=
         std::count_if(pattern.begin(), pattern.end() - 1, is_special);
}

Parts pattern_parts(const std::string& pattern) {
  Parts parts = split_path(pattern);
  for (const std::string& part : parts) {
    if (part != "**" && part.find("**") != std::string::npos) {
      fail_data("file pattern \"{}\": \"**\" must be a whole part of the path, as in \"**/*.parquet\"",
                pattern);
    }
  }
  return parts;
}

// Sorted paths relative to the root.
template <class Filter>
std::vector<std::string> list_entries(const fs::path& root, const Filter& is_wanted) {
  std::vector<std::string> found;
  std::error_code error;
  fs::recursive_directory_iterator entry(root, error);
  if (error) fail_io("{}: folder cannot be read: {}", root.string(), error.message());
  for (; entry != fs::recursive_directory_iterator(); entry.increment(error))
    if (is_wanted(*entry)) found.push_back(entry->path().lexically_relative(root).generic_string());
  if (error) fail_io("{}: folder cannot be read: {}", root.string(), error.message());
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

bool has_wildcards(const std::string& pattern) { return pattern.find_first_of("*?[") != std::string::npos; }

bool matches(const std::string& pattern, const std::string& path) {
  return match_parts(pattern_parts(pattern), split_path(path));
}

std::vector<std::string> list_files(const fs::path& root) {
  std::error_code ignored;
  return list_entries(root, [&](const fs::directory_entry& entry) { return entry.is_regular_file(ignored); });
}

std::vector<std::string> list_linked_folders(const fs::path& root) {
  std::error_code ignored;
  return list_entries(root, [&](const fs::directory_entry& entry) {
    return entry.is_symlink(ignored) && entry.is_directory(ignored);
  });
}

std::vector<std::string> select_files(const std::string& pattern, const std::vector<std::string>& files) {
  const Parts parts = pattern_parts(pattern);
  std::vector<std::string> selected;
  if (parts.empty()) return selected;
  for (const std::string& file : files) {
    const Parts path = split_path(file);
    if (match_parts(parts, path) && !is_left_out(parts, path)) selected.push_back(file);
  }
  return selected;
}

}  // namespace armorm::data
