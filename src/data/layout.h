// Finds the files of a split like the `datasets` library.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace armorm::data {

// By extension, optionally followed by .gz or .zst. The families are those of `datasets`.
enum class Format { none, parquet, arrow, json, csv };
Format format_of(const std::filesystem::path& path);
bool is_tab_separated(const std::filesystem::path& path);

// The files of options.split, in reading order; see Dataset::open for the rules and errors.
std::vector<std::filesystem::path> find_split_files(const DatasetOptions& options);

}  // namespace armorm::data
