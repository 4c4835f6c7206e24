#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "core/strings.h"
#include "io/safetensors.h"
#include "io/weight_index.h"

namespace armorm::io {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSingleName = "model.safetensors";
constexpr const char* kIndexName = "model.safetensors.index.json";

void warn_of_unlisted(const SafetensorsFile& file, const std::map<std::string, std::string>& shard_of) {
  for (const std::string& name : file.names()) {
    const auto found = shard_of.find(name);
    if (found == shard_of.end() || found->second != file.path().filename()) {
      log::warn_once(fmt::format("{}: tensor \"{}\" is ignored: {} does not place it in this file",
                                 file.path().string(), name, kIndexName));
    }
  }
}

// Not of these: the file of an adapter, which has its own reader, and the consolidated files of some models,
// which hold the same weights under other names.
bool can_hold_weights(const fs::path& file) {
  const std::string name = file.filename().string();
  const bool has_reader =
      name == "adapter_model.safetensors" && fs::exists(file.parent_path() / "adapter_config.json");
  return (name.ends_with(".safetensors") && !has_reader && !name.starts_with("consolidated")) ||
         name == kIndexName;
}

// `transformers` does not read them either.
void warn_of_unread(const fs::path& folder, const std::string& read, const std::vector<std::string>& files) {
  std::vector<std::string> unread;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (can_hold_weights(entry.path()) && name != read &&
        std::find(files.begin(), files.end(), name) == files.end())
      unread.push_back(shown(name));
  }
  std::sort(unread.begin(), unread.end());
  if (!unread.empty())
    log::warn_once(fmt::format("{}: the weights are those of {}; not read: {}", folder.string(), read,
                               fmt::join(unread, ", ")));
}

}  // namespace

SafetensorsFolder SafetensorsFolder::open_file(const fs::path& path) {
  SafetensorsFolder result;
  result.files_.push_back(SafetensorsFile::open(path));
  for (const std::string& name : result.files_[0].names()) result.file_of_.emplace(name, 0);
  return result;
}

SafetensorsFolder SafetensorsFolder::open(const fs::path& folder) {
  if (fs::exists(folder / kSingleName)) {
    warn_of_unread(folder, kSingleName, {});
    return open_file(folder / kSingleName);
  }
  SafetensorsFolder result;
  const fs::path index = folder / kIndexName;
  if (!fs::exists(index)) {
    fail_io("{}: found neither {} nor {}, nor pytorch_model.bin; expected a model folder with weights",
            folder.string(), kSingleName, kIndexName);
  }
  const std::map<std::string, std::string> shard_of = read_weight_index(index);
  const std::map<std::string, std::size_t> opened = shards_of_index(index, shard_of);
  for (const auto& [shard, position] : opened) result.files_.push_back(SafetensorsFile::open(folder / shard));
  for (const auto& [tensor, shard] : shard_of) {
    const std::size_t position = opened.at(shard);
    if (!result.files_[position].contains(tensor)) {
      fail_data(
          "{}: tensor \"{}\" is not in {}, where the index places it; the files are of different versions",
          index.string(), tensor, shard);
    }
    result.file_of_.emplace(tensor, position);
  }
  for (const SafetensorsFile& file : result.files_) warn_of_unlisted(file, shard_of);
  std::vector<std::string> shards;
  for (const auto& [shard, position] : opened) shards.push_back(shard);
  warn_of_unread(folder, kIndexName, shards);
  return result;
}

std::vector<std::string> SafetensorsFolder::names() const {
  std::vector<std::string> names;
  for (const auto& [name, position] : file_of_) names.push_back(name);
  return names;
}

bool SafetensorsFolder::contains(const std::string& name) const { return file_of_.contains(name); }

TensorView SafetensorsFolder::at(const std::string& name) const {
  const auto found = file_of_.find(name);
  if (found == file_of_.end()) {
    fail_data("{}: tensor \"{}\" is missing; the model has {} tensors",
              files_[0].path().parent_path().string(), name, file_of_.size());
  }
  return files_[found->second].at(name);
}

const SafetensorsFile& SafetensorsFolder::file_of(const std::string& name) const {
  return files_[file_of_.at(name)];
}

const std::vector<SafetensorsFile>& SafetensorsFolder::files() const noexcept { return files_; }

}  // namespace armorm::io
