#include "data/shard_names.h"

#include <fmt/core.h>

#include <map>
#include <regex>
#include <set>
#include <utility>

namespace armorm::data {
namespace {

constexpr std::size_t kMaxMissing = 100'000;  // a name can claim any number of shards

struct Shards {
  std::set<int> present;
  std::string rest;  // <rest> of the first shard; older programs put a hash of each shard there
};

}  // namespace

std::vector<std::string> missing_shards(const std::vector<std::string>& files) {
  static const std::regex numbered(R"((.*)-(\d{5})-of-(\d{5})([^/]*))");
  std::map<std::pair<std::string, int>, Shards> sets;
  for (const std::string& file : files) {
    std::smatch match;
    if (!std::regex_match(file, match, numbered)) continue;
    Shards& shards = sets[{match[1], std::stoi(match[3])}];
    if (shards.present.empty()) shards.rest = match[4];
    shards.present.insert(std::stoi(match[2]));
  }
  std::vector<std::string> missing;
  for (const auto& [key, shards] : sets)
    for (int k = 0; k < key.second && missing.size() < kMaxMissing; ++k)
      if (!shards.present.contains(k))
        missing.push_back(fmt::format("{}-{:05d}-of-{:05d}{}", key.first, k, key.second, shards.rest));
  return missing;
}

}  // namespace armorm::data
