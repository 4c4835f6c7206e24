// What a gate was made from and what was written, with hashes, as the report records it.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "stages/artifacts/embedding_set.h"
#include "stages/artifacts/regression_weights.h"

namespace armorm {

// {"role", "files", "rows", "hidden_size"} and, unless the Python scripts wrote the files: "model",
// "dataset", "split", "source", "precision", "batch_invariant", "template_sha256", "tokenizer_sha256",
// "config_sha256", "seed", "source_rows", "dropped": {reason: rows, of all shards}.
nlohmann::json embedding_source_json(const std::string& role, const EmbeddingSet& set);

// {"role", "files", "sha256", "model", "dataset", "attributes"}
nlohmann::json weights_source_json(const RegressionWeights& weights);

// {"file", "sha256", "bytes"}
nlohmann::json output_json(const std::filesystem::path& file);

}  // namespace armorm
