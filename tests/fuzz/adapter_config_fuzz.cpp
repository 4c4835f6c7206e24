// adapter_config.json, and the modules that it chooses.
#include <cmath>

#include "fuzz/driver.h"
#include "model/adapter_config.h"

namespace armorm::fuzz {

// The matcher of a pattern has up to 100 states a byte.
const MemoryBound kMemoryBound{16 << 10, 1 << 20};

void read_input(std::string_view input) {
  const model::AdapterConfig config = model::AdapterConfig::parse(input, "adapter_config.json");
  for (const char* module : {"model.layers.0.self_attn.q_proj", "layers.12.mlp.down_proj", "score"}) {
    if (!config.targets(module)) continue;
    require(config.rank(module) > 0, "a rank of nothing was accepted");
    require(std::isfinite(config.scaling(module)), "a scaling is not finite");
  }
  touch(config.text());
}

}  // namespace armorm::fuzz
