#include "fuzz/driver.h"
#include "model/pt/pt_file.h"

namespace armorm::fuzz {

// The bound of the pickle, plus its tensors as float32.
const MemoryBound kMemoryBound{256, 64 << 10};

void read_input(std::string_view input) {
  for (const auto& [name, tensor] : model::pt::load_pt_file(write_scratch("x.pt", input))) {
    touch(name);
    touch({reinterpret_cast<const char*>(tensor.values.data()), tensor.values.size() * sizeof(float)});
  }
}

}  // namespace armorm::fuzz
