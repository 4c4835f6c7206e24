// Inputs and outputs of stage2-train, with hashes, for the report.
#pragma once

#include <filesystem>
#include <string>

#include "report/gate_report.h"
#include "stages/artifacts/embedding_set.h"
#include "stages/artifacts/regression_weights.h"

namespace armorm::stages::gate {

// Files, rows and width; also model, data set, options and hashes, unless the Python scripts wrote the files.
// "dropped" counts the rows over all shards by reason.
report::Source embedding_source(const std::string& role, const artifacts::EmbeddingSet& set);

report::Source weights_source(const artifacts::RegressionWeights& weights);

report::Output output_of(const std::filesystem::path& file);

}  // namespace armorm::stages::gate
