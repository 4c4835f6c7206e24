#include "stages/prepare/finished_shard.h"

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "core/error.h"
#include "core/log.h"
#include "io/content_digests.h"
#include "io/writable_file.h"
#include "stages/resume/replaceable.h"

namespace armorm::stages::prepare {
namespace fs = std::filesystem;
namespace {

constexpr const char* kDigest = "resume_key";  // keys in the metadata
constexpr const char* kItems = "made_with";

// Items of a key that change at most how sums are rounded.
const std::set<std::string>& rounding_items() {
  static const std::set<std::string> items{"journal format", "program version", "LibTorch",
                                           "device",         "CPU kernels",     "GPU attention",
                                           "--attention",    "--batch_tokens",  "description"};
  return items;
}

artifacts::ArtifactInputs inputs_in(const io::SafetensorsFile& file, const fs::path& target) {
  if (!artifacts::Provenance::present_in(file.metadata())) return {};  // of the Python scripts
  return artifacts::Provenance::from_metadata(file.metadata(), target.string()).inputs();
}

// nullopt for a file of a version that recorded the digest alone.
std::optional<resume::ResumeKey> key_in(const io::SafetensorsFile& file) {
  const auto found = file.metadata().find(kItems);
  if (found == file.metadata().end()) return std::nullopt;
  return artifacts::parse_inputs(found->second);
}

// "description" is the digest of all metadata, and differs with any other item.
std::string differences_of(resume::ResumeKey then, resume::ResumeKey now, bool in_rounding) {
  const auto is_other = [&](const auto& item) {
    return item.first == "description" || rounding_items().contains(item.first) != in_rounding;
  };
  std::erase_if(then, is_other);
  std::erase_if(now, is_other);
  return resume::differences_of(then, now);
}

void check_same_options(const fs::path& target, const std::optional<resume::ResumeKey>& then,
                        const resume::ResumeKey& now) {
  if (!then)
    fail_data(
        "{}: is there already, made with other options, by another version or on another machine, which it "
        "does not record; choose another --data_root, or replace it with --restart",
        target.string());
  const std::string options = differences_of(*then, now, false);
  if (!options.empty())
    fail_data(
        "{}: is there already, made with other options: {}; choose another --data_root, or replace it with "
        "--restart",
        target.string(), options);
}

// False after a data error, which is logged. An io error is no reason to replace a file.
bool is_intact(const std::function<void()>& read) {
  try {
    read();
    return true;
  } catch (const Error& found) {
    if (found.kind() != ErrorKind::data) throw;
    log::warn("{}; recomputing it", found.what());
    return false;
  }
}

}  // namespace

void record_key(const resume::ResumeKey& key, io::Metadata& metadata) {
  metadata[kDigest] = resume::digest_of(key);
  metadata[kItems] = nlohmann::json(key).dump();
}

bool keeps_finished(const fs::path& target, const artifacts::Provenance& provenance,
                    const resume::ResumeKey& key, Verify verify) {
  if (!io::exists(target)) return false;
  std::optional<io::SafetensorsFile> file;
  const bool is_readable = is_intact([&] {
    file = io::SafetensorsFile::open(target);
    if (io::has_content_digests(file->metadata())) io::verify_header(*file);
  });
  if (!is_readable) return false;
  const auto digest = file->metadata().find(kDigest);
  const bool is_same = digest != file->metadata().end() && digest->second == resume::digest_of(key);
  const std::optional<resume::ResumeKey> then = key_in(*file);
  if (!is_same) {
    resume::check_same_inputs(target, inputs_in(*file, target), provenance.inputs(), "data_root");
    check_same_options(target, then, key);
  }
  const bool is_complete = verify == Verify::off || !io::has_content_digests(file->metadata()) ||
                           is_intact([&] { io::verify_content(*file); });
  if (is_complete && !is_same)
    log::info("{}: is kept, though this run would round differently: {}; --restart recomputes it",
              target.string(), differences_of(*then, key, true));
  return is_complete;
}

}  // namespace armorm::stages::prepare
