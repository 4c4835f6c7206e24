// model.safetensors.index.json next to two valid shards, and a file outside the folder that it must not
// reach.
#include "fuzz/driver.h"
#include "io/read_file.h"
#include "io/safetensors.h"

namespace armorm::fuzz {
namespace {

bool make_shards() {
  for (const char* name : {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}) {
    const std::string bytes = io::read_text_file(golden(std::string("io/sharded/") + name));
    write_scratch(std::string("model/") + name, bytes);
    write_scratch("outside.safetensors", bytes);
  }
  return true;
}

}  // namespace

const MemoryBound kMemoryBound{160, 512 << 10};

void read_input(std::string_view input) {
  static const bool made = make_shards();
  require(made, "shards");
  write_scratch("model/model.safetensors.index.json", input);
  const io::SafetensorsFolder folder = io::SafetensorsFolder::open(scratch_folder() / "model");
  for (const std::string& name : folder.names()) folder.at(name);
  for (const io::SafetensorsFile& file : folder.files())
    require(file.path().parent_path() == scratch_folder() / "model",
            "a shard outside of the folder was opened");
}

}  // namespace armorm::fuzz
