#include "fuzz/driver.h"
#include "model/model_config.h"

namespace armorm::fuzz {

const MemoryBound kMemoryBound{160, 64 << 10};

void read_input(std::string_view input) {
  const model::ModelConfig config = model::ModelConfig::parse(input, "config.json");
  require(config.hidden_size > 0 && config.num_attention_heads > 0 && config.num_key_value_heads > 0 &&
              config.head_dim > 0,
          "a size of nothing was accepted");
  require(static_cast<std::int64_t>(config.layer_is_sliding.size()) == config.num_hidden_layers,
          "layers miscounted");
}

}  // namespace armorm::fuzz
