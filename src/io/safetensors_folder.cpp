#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "io/checked_json.h"
#include "io/contained_path.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "io/safetensors_header.h"

namespace armorm::io {
namespace fs = std::filesystem;
namespace {

constexpr const char* kSingleName = "model.safetensors";
constexpr const char* kIndexName = "model.safetensors.index.json";
constexpr int kMaxIndexDepth = 8;

// tensor name -> shard file name
std::map<std::string, std::string> read_index(const fs::path& path) {
  const std::string where = path.string();
  const std::string text = read_text_file(path, kMaxHeaderBytes);
  const nlohmann::json root = parse_checked_json(text, where, kMaxIndexDepth);
  const auto map = root.is_object() ? root.find("weight_map") : root.end();
  if (map == root.end() || !map->is_object()) fail_data("{}: the object \"weight_map\" is missing", where);
  std::map<std::string, std::string> shard_of;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string() || !is_plain_file_name(shard.get_ref<const std::string&>())) {
      fail_data("{}: weight_map[\"{}\"]: found {}, expected the name of a file in the same folder", where,
                tensor, shard.dump());
    }
    shard_of.emplace(tensor, shard.get<std::string>());
  }
  if (shard_of.empty()) fail_data("{}: weight_map is empty", where);
  return shard_of;
}

// Opens each shard once, in name order.
std::map<std::string, std::size_t> open_shards(const fs::path& folder,
                                               const std::map<std::string, std::string>& shard_of,
                                               std::vector<SafetensorsFile>& files) {
  std::map<std::string, std::size_t> opened;
  for (const auto& [tensor, shard] : shard_of) opened.emplace(shard, 0);
  for (auto& [shard, position] : opened) {
    if (!fs::exists(folder / shard)) {
      fail_io("{}: missing, although {} names it; download the complete model", (folder / shard).string(),
              kIndexName);
    }
    check_stays_inside(folder / shard, folder);
    position = files.size();
    files.push_back(SafetensorsFile::open(folder / shard));
  }
  return opened;
}

void warn_of_unlisted(const SafetensorsFile& file, const std::map<std::string, std::string>& shard_of) {
  for (const std::string& name : file.names()) {
    const auto found = shard_of.find(name);
    if (found == shard_of.end() || found->second != file.path().filename()) {
      log::warn("{}: tensor \"{}\" is ignored: {} does not place it in this file", file.path().string(), name,
                kIndexName);
    }
  }
}

}  // namespace

SafetensorsFolder SafetensorsFolder::open(const fs::path& folder) {
  SafetensorsFolder result;
  if (fs::exists(folder / kSingleName)) {
    result.files_.push_back(SafetensorsFile::open(folder / kSingleName));
    for (const std::string& name : result.files_[0].names()) result.file_of_.emplace(name, 0);
    return result;
  }
  const fs::path index = folder / kIndexName;
  if (!fs::exists(index)) {
    fail_io("{}: found neither {} nor {}; expected a model folder with safetensors weights", folder.string(),
            kSingleName, kIndexName);
  }
  const std::map<std::string, std::string> shard_of = read_index(index);
  const std::map<std::string, std::size_t> opened = open_shards(folder, shard_of, result.files_);
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

const std::vector<SafetensorsFile>& SafetensorsFolder::files() const noexcept { return files_; }

}  // namespace armorm::io
