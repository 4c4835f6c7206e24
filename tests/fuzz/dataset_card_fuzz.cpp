// README.md of a data set: whatever its configs contain, only files of its folder are read.
#include "core/error.h"
#include "data/dataset_card.h"
#include "data/layout.h"
#include "fuzz/driver.h"

namespace armorm::fuzz {
namespace {

bool make_set() {
  write_scratch("outside.jsonl", "{}\n");
  for (const char* name :
       {"a.jsonl", "data/train-00000-of-00001.parquet", "data/test/b.csv", "c/.d/e.json", "__f/g.arrow"})
    write_scratch(std::string("set/") + name, "{}\n");
  std::filesystem::create_symlink(scratch_folder() / "outside.jsonl", scratch_folder() / "set/link.jsonl");
  std::filesystem::create_directory_symlink(scratch_folder(), scratch_folder() / "set/up");
  return true;
}

void check_files(const std::string& split, const std::string& config) {
  data::DatasetOptions options;
  options.path = scratch_folder() / "set";
  options.split = split;
  options.config = config;
  const std::filesystem::path inside = std::filesystem::canonical(options.path);
  try {
    for (const data::SplitPart& part : data::find_split_parts(options)) {
      for (const std::filesystem::path& file : part.files) {
        const std::string real = std::filesystem::canonical(file).string();
        require(real.starts_with(inside.string() + "/"), "a file outside of the data set was chosen");
      }
    }
  } catch (const Error& error) {
    require(error.kind() != ErrorKind::internal, error.what());
  }
}

}  // namespace

// The YAML library keeps each node in several heap blocks.
const MemoryBound kMemoryBound{2048, 256 << 10};

void read_input(std::string_view input) {
  static const bool made = make_set();
  require(made, "data set");
  write_scratch("set/README.md", input);
  check_files("train", "");
  check_files("test", "b");
}

}  // namespace armorm::fuzz
