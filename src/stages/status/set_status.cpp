#include "stages/status/set_status.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <regex>

#include "core/error.h"
#include "stages/artifacts/artifact_paths.h"

namespace armorm::stages::status {
namespace fs = std::filesystem;
namespace {

// Parsed from the file name of a shard; 0 of 0 for a set in one file without numbers.
struct ShardName {
  std::string stem;
  std::int64_t n_shards = 0;
  auto operator<=>(const ShardName&) const = default;
};

// Also accepts the files next to an unfinished shard. The temporary files of other publishers begin with a
// dot.
std::optional<ShardName> parse_name(const std::string& name) {
  static const std::regex file(
      R"(([^.].*?)(?:-\d{5}-of-(\d{5}))?\.safetensors(?:\.partial|\.journal|\.lock)?)");
  std::smatch match;
  if (!std::regex_match(name, match, file)) return std::nullopt;
  return ShardName{match[1], match[2].matched ? std::stoll(match[2]) : 0};
}

// Every set with at least one file in the folder.
std::vector<ShardName> sets_in(const fs::path& folder) {
  std::vector<ShardName> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
    if (const auto name = parse_name(entry.path().filename().string())) names.push_back(*name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

SetStatus read_set(const fs::path& folder, const ShardName& name) {
  SetStatus set{folder.filename().string(), name.stem, {}};
  if (name.n_shards == 0) set.shards.push_back(shard_status(folder / (name.stem + ".safetensors")));
  for (std::int64_t k = 1; k <= name.n_shards; ++k)
    set.shards.push_back(
        shard_status(folder / (artifacts::shard_stem(name.stem, k, name.n_shards) + ".safetensors")));
  return set;
}

// Sum of the known values, and the number of shards without one.
struct Sum {
  double known = 0.0;
  double count = 0.0;
  double unknown = 0.0;

  void add(const std::optional<std::int64_t>& value) {
    if (!value) {
      ++unknown;
      return;
    }
    known += static_cast<double>(*value);
    ++count;
  }
  double mean() const { return known / count; }
};

}  // namespace

std::int64_t SetStatus::count(ShardState state) const {
  return std::count_if(shards.begin(), shards.end(),
                       [state](const ShardStatus& shard) { return shard.state == state; });
}

std::int64_t SetStatus::rows_done() const {
  std::int64_t rows = 0;
  for (const ShardStatus& shard : shards) rows += shard.rows_done;
  return rows;
}

std::optional<SetStatus::Rows> SetStatus::rows() const {
  Sum sum;
  for (const ShardStatus& shard : shards) sum.add(shard.rows);
  if (sum.count == 0.0) return std::nullopt;
  const double all = sum.known + (sum.unknown > 0.0 ? sum.unknown * sum.mean() : 0.0);
  return Rows{std::llround(all), sum.unknown > 0.0};
}

double SetStatus::rows_per_second() const {
  double rate = kUnknown;
  for (const ShardStatus& shard : shards)
    if (std::isfinite(shard.rows_per_second)) rate = (std::isnan(rate) ? 0.0 : rate) + shard.rows_per_second;
  return rate;
}

double SetStatus::seconds_left() const {
  Sum tokens;  // of the unfinished shards
  double tokens_done = 0.0;
  double rate = 0.0;
  double longest = 0.0;
  for (const ShardStatus& shard : shards) {
    if (shard.state == ShardState::done) continue;
    tokens.add(shard.tokens);
    tokens_done += static_cast<double>(shard.tokens_done);
    if (!std::isfinite(shard.seconds_left)) continue;
    rate += shard.tokens_per_second;
    longest = std::max(longest, shard.seconds_left);
  }
  if (tokens.count + tokens.unknown == 0.0) return 0.0;
  if (rate == 0.0) return kUnknown;
  const double left = tokens.known + tokens.unknown * tokens.mean() - tokens_done;
  return std::max(longest, left / rate);
}

std::vector<SetStatus> status_of_set(const std::string& data_root, const std::string& model,
                                     const std::string& stem, std::int64_t n_shards,
                                     bool single_has_no_number) {
  const fs::path folder = artifacts::embeddings_folder(data_root, model);
  std::vector<SetStatus> sets;
  for (const ShardName& name : sets_in(folder))
    if (name.stem == stem) sets.push_back(read_set(folder, name));
  if (sets.empty())
    sets.push_back(read_set(folder, {stem, single_has_no_number && n_shards == 1 ? 0 : n_shards}));
  return sets;
}

std::vector<SetStatus> status_of_all_sets(const std::string& data_root) {
  const fs::path root = fs::path(data_root) / "embeddings";
  std::vector<fs::path> folders;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(root, error))
    if (entry.is_directory(error)) folders.push_back(entry.path());
  if (folders.empty())
    fail_io("{}: no embeddings are there; check --data_root, or run a prepare stage first", root.string());
  std::sort(folders.begin(), folders.end());
  std::vector<SetStatus> sets;
  for (const fs::path& folder : folders)
    for (const ShardName& name : sets_in(folder)) sets.push_back(read_set(folder, name));
  return sets;
}

}  // namespace armorm::stages::status
