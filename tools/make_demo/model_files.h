// A small Llama reward model with random weights: config.json and model.safetensors.
#pragma once

#include <cstdint>
#include <filesystem>

#include "tokenizer_files.h"

namespace armorm::demo {

// bfloat16 weights, drawn uniformly from an interval around 0 (norms are 1). The scales make the last token's
// state depend on all words before it; the weights contain no knowledge of the words. io error when the files
// cannot be written.
void write_model(const std::filesystem::path& folder, const SpecialIds& ids, std::uint64_t seed);

}  // namespace armorm::demo
