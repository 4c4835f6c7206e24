#include "stages/prepare/shard_record.h"

#include <fmt/core.h>

#include <set>

#include "armorm/precision.h"
#include "core/error.h"
#include "core/log.h"
#include "core/words.h"
#include "io/safetensors.h"
#include "stages/artifacts/provenance.h"
#include "stages/resume/durable_rows.h"
#include "stages/resume/journal.h"

namespace armorm::stages::prepare {
namespace fs = std::filesystem;
namespace {

std::string value_in(const resume::ResumeKey& key, const char* name) {
  const auto found = key.find(name);
  return found == key.end() ? "" : found->second;
}

std::optional<ShardRecord> record_in_file(const fs::path& target) {
  std::error_code error;
  if (!fs::exists(target, error)) return std::nullopt;
  const io::SafetensorsFile file = io::SafetensorsFile::open(target);
  if (!artifacts::Provenance::present_in(file.metadata())) return std::nullopt;
  const auto p = artifacts::Provenance::from_metadata(file.metadata(), target.string());
  return ShardRecord{target, p.precision, p.batch_invariant, p.cpu_kernels, p.fp8_accumulate};
}

std::optional<ShardRecord> record_of(const fs::path& target, const ShardFilter& says) {
  if (auto begun = record_of_journal(target, says)) return begun;
  auto made = record_in_file(target);
  return made && says(*made) ? made : std::nullopt;
}

// The targets of other shards that are published or begun, in their order. A shard's name ends in
// "<k>-of-<n>.safetensors", whose length is always the same.
std::set<fs::path> siblings_of(const fs::path& target, std::int64_t n_shards) {
  std::set<fs::path> siblings;
  if (n_shards == 1) return siblings;
  const std::string own = target.filename().string();
  const std::string end = fmt::format("-of-{:05d}.safetensors", n_shards);
  const std::string journal = resume::journal_path("").string();
  const std::string begin = own.substr(0, own.size() - end.size() - 5);
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(target.parent_path(), error)) {
    std::string name = entry.path().filename().string();
    if (name.ends_with(journal)) name.resize(name.size() - journal.size());
    if (name.size() == own.size() && name != own && name.starts_with(begin) && name.ends_with(end))
      siblings.insert(target.parent_path() / name);
  }
  return siblings;
}

}  // namespace

std::optional<ShardRecord> record_of_journal(const fs::path& target, const ShardFilter& says) {
  const fs::path path = resume::journal_path(target);
  const auto journal = resume::read_journal(path);
  if (!journal) return std::nullopt;
  ShardRecord record{path, value_in(journal->key, "--precision"),
                     value_in(journal->key, "--batch_invariant") == "true", "",
                     value_in(journal->key, "--fp8_accumulate")};
  if (journal->key.contains("CPU kernels")) record.kernels = value_in(journal->key, "--kernels");
  // Versions without the option knew no other.
  if (record.precision == name_of(Precision::fp8) && record.fp8_accumulate.empty())
    record.fp8_accumulate = name_of(Fp8Accumulate::exact);
  return says(record) ? std::optional(record) : std::nullopt;
}

std::optional<ShardRecord> readable_record(const fs::path& target, const ShardFilter& says,
                                           const std::string& consequence) {
  try {
    return record_of(target, says);
  } catch (const Error& damage) {
    if (damage.kind() != ErrorKind::data && damage.kind() != ErrorKind::io) throw;
    log::warn("{}; {}", damage.what(), consequence);
    return std::nullopt;
  }
}

std::optional<ShardRecord> record_of_siblings(const fs::path& target, std::int64_t n_shards,
                                              const ShardFilter& says, const std::string& consequence) {
  for (const fs::path& sibling : siblings_of(target, n_shards))
    if (auto record = readable_record(sibling, says, consequence)) return record;
  return std::nullopt;
}

}  // namespace armorm::stages::prepare
