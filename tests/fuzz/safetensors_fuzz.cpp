#include "fuzz/driver.h"
#include "io/safetensors.h"

namespace armorm::fuzz {

// A JSON value of 2 bytes becomes 16 in memory, a key of 4 bytes becomes a map node, and lists need both old
// and new memory while they grow.
const MemoryBound kMemoryBound{160, 64 << 10};

void read_input(std::string_view input) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(write_scratch("x.safetensors", input));
  for (const auto& [key, value] : file.metadata()) touch(value);
  for (const std::string& name : file.names()) {
    const io::TensorView tensor = file.at(name);
    require(tensor.bytes.size() <= input.size(), "a tensor is larger than its file");
    require(tensor.numel() == static_cast<std::int64_t>(tensor.bytes.size() / size_of(tensor.dtype)),
            "shape and bytes of a tensor disagree");
    touch({reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()});
  }
}

}  // namespace armorm::fuzz
