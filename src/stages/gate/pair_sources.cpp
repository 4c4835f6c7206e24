#include "stages/gate/pair_sources.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/error.h"
#include "io/checked_json.h"

namespace armorm::stages::gate {
namespace {

constexpr const char* kIds = "source_ids";
constexpr const char* kNames = "sources";

std::vector<std::string> names_in(const io::SafetensorsFile& file) {
  const std::string path = file.path().string();
  const auto found = file.metadata().find(kNames);
  if (found == file.metadata().end())
    fail_data("{}: has {}, but its metadata lack '{}'; make the file again", path, kIds, kNames);
  const nlohmann::json list = io::parse_checked_json(found->second, path + ": metadata 'sources'", 1);
  try {
    return list.get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception&) {
    fail_data("{}: metadata '{}' must be a list of names; make the file again", path, kNames);
  }
}

class SourceReader {
 public:
  void add(const io::SafetensorsFile& file) {
    const std::vector<std::int32_t> merged = merge(names_in(file));
    for (const std::int64_t id :
         file.at(kIds, DType::i64, {file.at("embeddings").shape[0]}).as<std::int64_t>()) {
      if (id < 0 || id >= std::ssize(merged))
        fail_data("{}: {} holds {}, but {} sources are named; make the file again", file.path().string(),
                  kIds, id, merged.size());
      sources_.index_of.push_back(merged[static_cast<std::size_t>(id)]);
    }
  }
  PairSources result() && { return std::move(sources_); }

 private:
  // Positions of one file's names in the list of all.
  std::vector<std::int32_t> merge(const std::vector<std::string>& names) {
    std::vector<std::int32_t> positions;
    for (const std::string& name : names) {
      const auto next = static_cast<std::int32_t>(sources_.names.size());
      const auto [entry, is_new] = position_of_.emplace(name, next);
      if (is_new) sources_.names.push_back(name);
      positions.push_back(entry->second);
    }
    return positions;
  }
  PairSources sources_;
  std::unordered_map<std::string, std::int32_t> position_of_;
};

}  // namespace

PairSources read_sources(const artifacts::EmbeddingSet& set) {
  SourceReader reader;
  std::size_t files = 0;
  for (const io::SafetensorsFile& file : set.files()) {
    if (!file.contains(kIds)) continue;
    ++files;
    reader.add(file);
  }
  if (files != 0 && files != set.files().size())
    fail_data("{}: only {} of {} shards have {}; make them again with one version of {}", set.description(),
              files, set.files().size(), kIds, set.command());
  return std::move(reader).result();
}

std::vector<SourceGroup> group_by_source(const PairSources& sources, std::span<const std::int64_t> rows) {
  std::vector<SourceGroup> groups;
  for (const std::string& name : sources.names) groups.push_back({name, {}});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::int32_t source = sources.index_of[static_cast<std::size_t>(rows[i])];
    groups[static_cast<std::size_t>(source)].members.push_back(i);
  }
  std::ranges::sort(groups, [](const SourceGroup& a, const SourceGroup& b) {
    return a.members.size() != b.members.size() ? a.members.size() > b.members.size() : a.name < b.name;
  });
  return groups;
}

}  // namespace armorm::stages::gate
