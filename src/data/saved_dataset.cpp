#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <regex>

#include "core/accounting.h"
#include "core/error.h"
#include "core/log.h"
#include "core/strings.h"
#include "data/dataset_card.h"
#include "data/glob.h"
#include "data/unread_files.h"
#include "io/checked_json.h"
#include "io/contained_path.h"
#include "io/read_file.h"

namespace armorm::data {
namespace fs = std::filesystem;
namespace {

constexpr const char* kDictName = "dataset_dict.json";
constexpr const char* kStateName = "state.json";
// How the rows were shown in Python, and their history.
constexpr std::array<std::string_view, 8> kHarmless{"_split",           "_fingerprint", "_format_columns",
                                                    "_format_kwargs",   "_format_type", "_output_all_columns",
                                                    "_inplace_history", "_data_files"};
// Early versions kept a selection of the rows in a file of its own.
constexpr std::array<const char*, 2> kSelections{"_indices_data_files", "_indices_files"};
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

// Words with dots between them, as NamedSplit of `datasets` has it.
bool is_split_name(const nlohmann::json& value) {
  static const std::regex kName(R"(\w+(\.\w+)*)");
  return value.is_string() && value.get_ref<const std::string&>().size() <= 255 &&
         std::regex_match(value.get_ref<const std::string&>(), kName);
}

bool is_list_of_names(const nlohmann::json& value) {
  return value.is_array() &&
         std::all_of(value.begin(), value.end(), [](const nlohmann::json& name) { return name.is_string(); });
}

// What `datasets` reads and requires, although the rows do not depend on it.
void check_shown(const nlohmann::json& state, const fs::path& path) {
  const auto check = [&](const char* key, const char* expected, auto is_expected) {
    const auto found = state.find(key);
    if (found == state.end())
      log::warn("{}: {} is missing, without which `datasets` does not load the folder", path.string(), key);
    else if (!found->is_null() && !is_expected(*found))
      fail_data("{}: {}: found {}, expected null or {}; save the data set again", path.string(), key,
                shown(found->dump()), expected);
  };
  check("_split", "the name of a split", is_split_name);
  check("_format_columns", "a list of names", is_list_of_names);
  if (const auto columns = state.find("_format_columns"); columns != state.end() && columns->is_array())
    log::warn("{}: _format_columns: some columns are hidden in Python; all are read", path.string());
}

// The keys of state.json.
void account_for_state(const nlohmann::json& state, const fs::path& path) {
  check_shown(state, path);
  Accounting account(path.string(), "key");
  account.ignore(kHarmless);
  for (const char* name : kSelections) {
    const auto found = state.find(name);
    if (found == state.end()) continue;
    account.use(name);
    if (!found->empty())
      fail_data("{}: {}: found a selection of rows, expected none; load the data set and save it again",
                path.string(), name);
  }
  for (const auto& member : state.items()) account.give(member.key());
  account.warn_of_rest("it is not used");
}

// The keys of an entry of _data_files; early versions could name some rows of a file there.
void account_for_entry(const nlohmann::json& entry, const fs::path& path) {
  Accounting account(path.string() + ": _data_files", "key");
  account.use("filename");
  for (const auto& member : entry.items()) account.give(member.key());
  account.refuse_rest("load the data set and save it again");
}

// Files beside the folders of the splits.
void account_for_splits(const fs::path& folder, const std::vector<std::string>& splits) {
  std::vector<fs::path> inside;
  for (const std::string& split : splits)
    if (fs::is_directory(folder / split))
      for (const std::string& file : list_files(folder / split)) inside.push_back(folder / split / file);
  warn_of_unread_files(folder, inside);
}

std::string plain_name(const nlohmann::json& value, const fs::path& path) {
  std::string name = value.is_string() ? value.get<std::string>() : std::string();
  check_inside(name, path.string());
  if (!io::is_plain_file_name(name)) {
    fail_data("{}: found \"{}\", expected the name of a file or folder next to it", path.string(),
              shown(name));
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
    Accounting account((folder / kDictName).string(), "key");
    account.use("splits");
    for (const auto& member : dict.items()) account.give(member.key());
    account.warn_of_rest("it is not used");
    for (const auto& split : list_field(dict, "splits", folder / kDictName)) {
      splits.push_back(plain_name(split, folder / kDictName));
    }
    account_for_splits(folder, splits);
    return splits;
  }
  // A single saved Dataset is one split: under its recorded name, if any, and under "train".
  const nlohmann::json state = read_object(folder / kStateName, folder);
  const auto name = state.find("_split");
  splits.emplace_back(name != state.end() && name->is_string() ? name->get<std::string>() : "train");
  if (splits[0] != "train") splits.emplace_back("train");
  return splits;
}

std::vector<fs::path> saved_files(const fs::path& folder, const std::string& split) {
  const fs::path inside = fs::is_regular_file(folder / kDictName) ? folder / split : folder;
  const fs::path state_path = inside / kStateName;
  const nlohmann::json state = read_object(state_path, folder);
  account_for_state(state, state_path);
  std::vector<fs::path> files;
  for (const auto& entry : list_field(state, "_data_files", state_path)) {
    const auto name = entry.is_object() ? entry.find("filename") : entry.end();
    if (!entry.is_object() || name == entry.end())
      fail_data("{}: _data_files: no filename", state_path.string());
    account_for_entry(entry, state_path);
    files.push_back(inside / plain_name(*name, state_path));
    if (!fs::is_regular_file(files.back())) {
      fail_io("{}: missing, although {} names it", files.back().string(), kStateName);
    }
  }
  if (files.empty()) {
    fail_data("{}: _data_files: found an empty list, expected at least one file; save the data set again",
              state_path.string());
  }
  warn_of_unread_files(inside, files);
  return files;
}

}  // namespace armorm::data
