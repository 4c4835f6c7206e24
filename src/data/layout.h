// Finds the files of a split like the `datasets` library.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/split.h"

namespace armorm::data {

// By extension, optionally followed by .gz or .zst. The families are those of `datasets`.
enum class Format { none, parquet, arrow, json, csv };
Format format_of(const std::filesystem::path& path);
bool is_tab_separated(const std::filesystem::path& path);

// A slice of a split, with all files of that split in reading order.
struct SplitPart {
  SplitSlice slice;
  std::vector<std::filesystem::path> files;
};

// The parts whose rows make options.split, in order; see Dataset::open for the rules and errors.
std::vector<SplitPart> find_split_parts(const DatasetOptions& options);

}  // namespace armorm::data
