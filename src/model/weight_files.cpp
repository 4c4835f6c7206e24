#include "model/weight_files.h"

#include <utility>

#include "core/error.h"
#include "io/weight_index.h"

namespace armorm::model {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSafetensors = "model.safetensors";
constexpr const char* kSafetensorsIndex = "model.safetensors.index.json";
constexpr const char* kBin = "pytorch_model.bin";
constexpr const char* kBinIndex = "pytorch_model.bin.index.json";
constexpr const char* kAdapter = "adapter_model.safetensors";
constexpr const char* kAdapterBin = "adapter_model.bin";

std::vector<pt::PtTensorFile> open_bin(const fs::path& path) {
  std::vector<pt::PtTensorFile> files;
  files.push_back(pt::PtTensorFile::open(path));
  return files;
}

std::vector<pt::PtTensorFile> open_bin_shards(const fs::path& index) {
  const std::map<std::string, std::string> shard_of = io::read_weight_index(index);
  const std::map<std::string, std::size_t> positions = io::shards_of_index(index, shard_of);
  std::vector<pt::PtTensorFile> files;
  for (const auto& [shard, position] : positions)
    files.push_back(pt::PtTensorFile::open(index.parent_path() / shard));
  for (const auto& [tensor, shard] : shard_of)
    if (!files[positions.at(shard)].contains(tensor))
      fail_data(
          "{}: tensor \"{}\" is not in {}, where the index places it; the files are of different versions",
          index.string(), tensor, shard);
  return files;
}

}  // namespace

WeightFiles::WeightFiles(io::SafetensorsFolder files) : safetensors_(std::move(files)) {
  for (const io::SafetensorsFile& file : safetensors_->files()) {
    File kept{file.path(), {}, true};
    for (std::string& name : file.names())
      if (safetensors_->contains(name) && &safetensors_->file_of(name) == &file)
        kept.names.push_back(std::move(name));
    add(std::move(kept));
  }
}

WeightFiles::WeightFiles(std::vector<pt::PtTensorFile> files) : pt_(std::move(files)) {
  for (const pt::PtTensorFile& file : pt_) add({file.path(), file.names(), false});
}

void WeightFiles::add(File file) {
  for (const std::string& name : file.names)
    if (!file_of_.emplace(name, files_.size()).second)
      fail_data("{}: tensor \"{}\" is in {} too; download the complete model again", file.path.string(), name,
                file_of(name).path.string());
  files_.push_back(std::move(file));
}

WeightFiles WeightFiles::open(const fs::path& folder) {
  const bool safetensors = fs::exists(folder / kSafetensors) || fs::exists(folder / kSafetensorsIndex);
  if (!safetensors && fs::exists(folder / kBin)) return WeightFiles(open_bin(folder / kBin));
  if (!safetensors && fs::exists(folder / kBinIndex)) return WeightFiles(open_bin_shards(folder / kBinIndex));
  return WeightFiles(io::SafetensorsFolder::open(folder));
}

WeightFiles WeightFiles::open_adapter(const fs::path& folder) {
  const fs::path path = folder / kAdapter;
  if (fs::exists(path)) return WeightFiles(io::SafetensorsFolder::open_file(path));
  if (fs::exists(folder / kAdapterBin)) return WeightFiles(open_bin(folder / kAdapterBin));
  fail_io("{}: found neither {} nor {}, which adapter_config.json needs; download the complete adapter",
          folder.string(), kAdapter, kAdapterBin);
}

io::StoredTensor WeightFiles::at(const std::string& name) const {
  if (safetensors_) return {safetensors_->at(name), nullptr};
  return pt_[file_of_.at(name)].at(name);
}

}  // namespace armorm::model
