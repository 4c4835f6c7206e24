// How a decoder is exported: under the configuration and the tensor names of the transformers class that
// computes it.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "model/model_config.h"

namespace armorm::stages::reward_model {

struct RowRange {
  std::int64_t begin = 0;
  std::int64_t count = 0;
};

// Rows of a stored tensor, in their order in the exported one.
struct ExportedTensor {
  std::string name;
  std::vector<RowRange> rows;
};

// Whether the tensors go into the export as they are.
bool keeps_tensors(const model::ModelConfig& config);

// What becomes of a decoder's tensor with `rows` rows; `name` is canonical (model/weight_names.h). InternLM2,
// which transformers lacks, becomes Llama: the same arithmetic under other names, with queries, keys and
// values apart.
std::vector<ExportedTensor> exported_tensors(const model::ModelConfig& config, const std::string& name,
                                             std::int64_t rows);

// config.json of the class: of a model with images its text_config, of InternLM2 that of a Llama, whose chat
// template then has to write the reward token.
nlohmann::ordered_json exported_decoder_config(const model::ModelConfig& config, nlohmann::ordered_json file);

}  // namespace armorm::stages::reward_model
