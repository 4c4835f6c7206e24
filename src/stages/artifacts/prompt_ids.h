// The prompts of an artefact's rows, for splits that keep a prompt on one side.
#pragma once

#include <cstdint>
#include <vector>

#include "armorm/choices.h"
#include "stages/artifacts/embedding_set.h"

namespace armorm::stages::artifacts {

// prepare::prompt_id() of each row. Files of the Python scripts and of earlier versions have none: empty
// then, or a data error that names the file and what to do if `split_by` needs them.
std::vector<std::int64_t> prompt_ids(const EmbeddingSet& set, SplitBy split_by);

}  // namespace armorm::stages::artifacts
