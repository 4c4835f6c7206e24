#include "stages/artifacts/artifact_paths.h"

#include <fmt/core.h>

#include <algorithm>

namespace armorm::stages::artifacts {
namespace fs = std::filesystem;

std::string shard_stem(const std::string& stem, std::int64_t shard_idx, std::int64_t n_shards) {
  return fmt::format("{}-{:05d}-of-{:05d}", stem, shard_idx, n_shards);
}

std::string preference_stem(const std::string& dataset, const std::string& source, const std::string& split) {
  if (source.empty()) return dataset + "-" + split;
  std::string safe = source;
  std::replace(safe.begin(), safe.end(), '/', '_');
  return dataset + "-" + safe + "-" + split;
}

fs::path embeddings_folder(const std::string& data_root, const std::string& model) {
  return fs::path(data_root) / "embeddings" / model;
}

fs::path regression_weights_folder(const std::string& data_root) {
  return fs::path(data_root) / "regression_weights";
}

fs::path gating_network_stem(const std::string& folder, const std::string& model) {
  return fs::path(folder) / ("gating_network_" + model);
}

}  // namespace armorm::stages::artifacts
