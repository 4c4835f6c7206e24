// dataset_dict.json and state.json of save_to_disk; the first byte chooses which. The selected files are read
// as in both prepare stages: a layout that is accepted but cannot be opened is a finding too.
#include "core/error.h"
#include "data/dataset_card.h"
#include "data/layout.h"
#include "fuzz/driver.h"
#include "fuzz/rows.h"

namespace armorm::fuzz {
namespace {

bool make_set() {
  for (const char* set : {"dict/train", "single"}) {
    write_scratch(std::string(set) + "/a.arrow", "");
    write_scratch(std::string(set) + "/rows.jsonl",
                  R"({"messages":[{"role":"user","content":"q"}],"score":1,"chosen":"c","rejected":"r"})");
    std::filesystem::create_symlink(scratch_folder() / "outside.arrow",
                                    scratch_folder() / set / "link.arrow");
  }
  write_scratch("outside.arrow", "");
  write_scratch("dict/train/state.json", R"({"_data_files":[{"filename":"a.arrow"}]})");
  return true;
}

}  // namespace

const MemoryBound kMemoryBound{256, 16 << 20};

void read_input(std::string_view input) {
  static const bool made = make_set();
  require(made, "data set");
  if (input.empty()) return;
  const bool dict = input[0] == 'd';
  data::DatasetOptions options;
  options.path = scratch_folder() / (dict ? "dict" : "single");
  write_scratch(dict ? "dict/dataset_dict.json" : "single/state.json", input.substr(1));
  for (const std::string& split : data::saved_splits(options.path)) {
    options.split = split;
    try {
      for (const data::SplitPart& part : data::find_split_parts(options))
        for (const std::filesystem::path& file : part.files)
          require(std::filesystem::canonical(file).string().starts_with(
                      std::filesystem::canonical(options.path).string() + "/"),
                  "a file outside of the data set was chosen");
      read_rows(options);
    } catch (const Error& error) {
      require(error.kind() != ErrorKind::internal, error.what());
    }
  }
}

}  // namespace armorm::fuzz
