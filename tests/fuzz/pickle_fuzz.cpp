#include "fuzz/driver.h"
#include "model/pt/pickle_reader.h"

namespace armorm::fuzz {

// One operation takes at least one byte and makes at most one item.
const MemoryBound kMemoryBound{256, 64 << 10};

void read_input(std::string_view input) {
  for (const auto& [name, tensor] : model::pt::read_pickled_tensors(input, "x.pt")) {
    touch(name);
    touch(tensor.key);
  }
}

}  // namespace armorm::fuzz
