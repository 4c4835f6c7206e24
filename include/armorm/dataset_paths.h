// The data of a prepare stage: one set, several, or the recipe of a mixture (docs/mixtures.md).
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace armorm {

// Each a file, a folder, a Hub id, or several of these separated by commas. A path that exists is taken as it
// is, with its commas.
struct DatasetPaths {
  std::vector<std::string> paths;

  DatasetPaths() = default;
  // NOLINTBEGIN(google-explicit-constructor): one set is given as its path
  DatasetPaths(std::string path) : paths{std::move(path)} {}
  DatasetPaths(const char* path) : paths{path} {}
  DatasetPaths(std::vector<std::string> several) : paths(std::move(several)) {}
  // NOLINTEND(google-explicit-constructor)
};

}  // namespace armorm
