#include "io/weight_index.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "core/accounting.h"
#include "core/error.h"
#include "io/checked_json.h"
#include "io/contained_path.h"
#include "io/read_file.h"
#include "io/safetensors_header.h"

namespace armorm::io {
namespace fs = std::filesystem;
namespace {

constexpr int kMaxIndexDepth = 64;  // 2, and more in keys that are not used

void account_for_keys(const nlohmann::json& root, const std::string& where) {
  Accounting keys(where, "key");
  keys.use("weight_map");
  keys.ignore("metadata");
  for (const auto& member : root.items()) keys.give(member.key());
  keys.warn_of_rest_once("an index has no such keys, and they are not used");
}

}  // namespace

std::map<std::string, std::string> read_weight_index(const fs::path& path) {
  const std::string where = path.string();
  const std::string text = read_text_file(path, kMaxHeaderBytes);
  const nlohmann::json root = parse_checked_json(text, where, kMaxIndexDepth);
  const auto map = root.is_object() ? root.find("weight_map") : root.end();
  if (map == root.end() || !map->is_object()) fail_data("{}: the object \"weight_map\" is missing", where);
  account_for_keys(root, where);
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

std::map<std::string, std::size_t> shards_of_index(const fs::path& index,
                                                   const std::map<std::string, std::string>& shard_of) {
  const fs::path folder = index.parent_path();
  std::map<std::string, std::size_t> positions;
  for (const auto& [tensor, shard] : shard_of) positions.emplace(shard, 0);
  std::size_t next = 0;
  for (auto& [shard, position] : positions) {
    if (!fs::exists(folder / shard)) {
      fail_io("{}: missing, although {} names it; download the complete model", (folder / shard).string(),
              index.filename().string());
    }
    check_stays_inside(folder / shard, folder);
    position = next++;
  }
  return positions;
}

}  // namespace armorm::io
