#include "core/error.h"
#include "fuzz/driver.h"
#include "model/pt/pt_file.h"
#include "model/pt/pt_tensor_file.h"

namespace armorm::fuzz {
namespace {

// As the weights of a model, of more element types.
void read_views(const std::filesystem::path& path) {
  try {
    const model::pt::PtTensorFile file = model::pt::PtTensorFile::open(path);
    for (const std::string& name : file.names()) {
      const io::StoredTensor tensor = file.at(name);
      touch({reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()});
    }
  } catch (const Error&) {
  }
}

}  // namespace

// The bound of the pickle, plus its tensors as float32.
const MemoryBound kMemoryBound{256, 64 << 10};

void read_input(std::string_view input) {
  const std::filesystem::path path = write_scratch("x.pt", input);
  read_views(path);
  for (const auto& [name, tensor] : model::pt::load_pt_file(path)) {
    touch(name);
    touch({reinterpret_cast<const char*>(tensor.values.data()), tensor.values.size() * sizeof(float)});
  }
}

}  // namespace armorm::fuzz
