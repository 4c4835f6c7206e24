// Names of the files that the stages exchange.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace armorm::stages::artifacts {

// "<stem>-00003-of-00008"
std::string shard_stem(const std::string& stem, std::int64_t shard_idx, std::int64_t n_shards);

// "<dataset>-<source>-<split>", without an empty source. Path separators in the source become '_'.
std::string preference_stem(const std::string& dataset, const std::string& source, const std::string& split);

std::filesystem::path embeddings_folder(const std::string& data_root, const std::string& model);
std::filesystem::path regression_weights_folder(const std::string& data_root);
// Path without extension; .pt, .safetensors and .json share it.
std::filesystem::path gating_network_stem(const std::string& folder, const std::string& model);

}  // namespace armorm::stages::artifacts
