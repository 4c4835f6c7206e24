// The fields of config.json with the parameters of rotary embeddings, as transformers 5.23 reads them.
#pragma once

#include "model/config_reader.h"
#include "model/model_config.h"

namespace armorm::model {

// Sets rotary_dim, rope_theta, rope_scaling and sliding_rope of a configuration whose sizes are set.
void read_rope(const ConfigReader& reader, ModelConfig& config);

}  // namespace armorm::model
