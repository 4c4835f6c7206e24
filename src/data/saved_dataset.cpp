#include <nlohmann/json.hpp>

#include "core/error.h"
#include "data/dataset_card.h"
#include "io/checked_json.h"
#include "io/contained_path.h"
#include "io/read_file.h"

namespace armorm::data {
namespace fs = std::filesystem;
namespace {

constexpr const char* kDictName = "dataset_dict.json";
constexpr const char* kStateName = "state.json";
constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
constexpr int kMaxDepth = 32;

// `root` is the data set's folder.
nlohmann::json read_object(const fs::path& path, const fs::path& root) {
  io::check_stays_inside(path, root);
  nlohmann::json object =
      io::parse_checked_json(io::read_text_file(path, kMaxBytes), path.string(), kMaxDepth);
  if (!object.is_object()) fail_data("{}: found {}, expected an object", path.string(), object.type_name());
  return object;
}

const nlohmann::json& list_field(const nlohmann::json& object, const char* name, const fs::path& path) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array())
    fail_data("{}: the list \"{}\" is missing", path.string(), name);
  return *found;
}

std::string plain_name(const nlohmann::json& value, const fs::path& path) {
  std::string name = value.is_string() ? value.get<std::string>() : std::string();
  check_inside(name, path.string());
  if (!io::is_plain_file_name(name)) {
    fail_data("{}: found \"{}\", expected the name of a file or folder beside it", path.string(),
              io::shown_name(name));
  }
  return name;
}

}  // namespace

bool is_saved_dict(const fs::path& folder) { return fs::is_regular_file(folder / kDictName); }

bool is_saved_dataset(const fs::path& folder) {
  return is_saved_dict(folder) || fs::is_regular_file(folder / kStateName);
}

std::vector<std::string> saved_splits(const fs::path& folder) {
  std::vector<std::string> splits;
  if (fs::is_regular_file(folder / kDictName)) {
    const nlohmann::json dict = read_object(folder / kDictName, folder);
    for (const auto& split : list_field(dict, "splits", folder / kDictName)) {
      splits.push_back(plain_name(split, folder / kDictName));
    }
    return splits;
  }
  // A single saved Dataset is one split: under its recorded name, if any, and under "train".
  const nlohmann::json state = read_object(folder / kStateName, folder);
  const auto name = state.find("_split");
  splits.emplace_back(name != state.end() && name->is_string() ? name->get<std::string>() : "train");
  if (splits[0] != "train") splits.push_back("train");
  return splits;
}

std::vector<fs::path> saved_files(const fs::path& folder, const std::string& split) {
  const fs::path inside = fs::is_regular_file(folder / kDictName) ? folder / split : folder;
  const fs::path state_path = inside / kStateName;
  const nlohmann::json state = read_object(state_path, folder);
  std::vector<fs::path> files;
  for (const auto& entry : list_field(state, "_data_files", state_path)) {
    const auto name = entry.is_object() ? entry.find("filename") : entry.end();
    if (!entry.is_object() || name == entry.end())
      fail_data("{}: _data_files: no filename", state_path.string());
    files.push_back(inside / plain_name(*name, state_path));
    if (!fs::is_regular_file(files.back())) {
      fail_io("{}: missing, although {} names it", files.back().string(), kStateName);
    }
  }
  if (files.empty()) {
    fail_data("{}: _data_files: found an empty list, expected at least one file; save the data set again",
              state_path.string());
  }
  return files;
}

}  // namespace armorm::data
