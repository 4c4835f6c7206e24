#include "data/dataset_card.h"

#include <yaml-cpp/yaml.h>

#include <set>
#include <sstream>

#include "core/error.h"
#include "io/byte_source.h"
#include "io/contained_path.h"
#include "io/read_file.h"

namespace armorm::data {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxCardBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxPathBytes = 1024;  // can be looked up below any folder

std::vector<std::string> paths_of(const YAML::Node& node, const std::string& where) {
  std::vector<std::string> paths;
  if (node.IsScalar()) paths.push_back(node.Scalar());
  if (node.IsSequence()) {
    for (const YAML::Node& item : node) {
      if (!item.IsScalar()) fail_data("{}: data_files: expected a path or a list of paths", where);
      paths.push_back(item.Scalar());
    }
  }
  if (paths.empty()) fail_data("{}: data_files: expected a path or a list of paths", where);
  for (const std::string& path : paths) check_inside(path, where + ": data_files");
  return paths;
}

SplitPatterns patterns_of(const YAML::Node& node, const std::string& where) {
  const bool by_split = node.IsSequence() && node.size() > 0 && node[0].IsMap();
  if (!by_split) return {{"train", paths_of(node, where)}};
  SplitPatterns patterns;
  std::set<std::string> splits;
  for (const YAML::Node& item : node) {
    if (!item.IsMap() || !item["split"] || !item["split"].IsScalar() || !item["path"]) {
      fail_data("{}: data_files: expected entries with split and path", where);
    }
    const std::string split = item["split"].Scalar();
    if (!splits.insert(split).second)
      fail_data("{}: data_files: the split \"{}\" is there twice", where, split);
    patterns.emplace_back(split, paths_of(item["path"], where));
  }
  return patterns;
}

std::string scalar_of(const YAML::Node& node) {
  return node && node.IsScalar() ? node.Scalar() : std::string();
}

// Truth values of PyYAML, with which `datasets` reads a card.
bool is_true(const YAML::Node& node) {
  static const std::set<std::string> kTrue{"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"};
  return kTrue.contains(scalar_of(node));
}

CardConfig config_of(const YAML::Node& node, const std::string& where) {
  CardConfig config;
  config.name = scalar_of(node["config_name"]);
  config.data_dir = scalar_of(node["data_dir"]);
  if (!config.data_dir.empty()) check_inside(config.data_dir, where + ": data_dir");
  if (node["data_files"]) config.data_files = patterns_of(node["data_files"], where);
  return config;
}

// The default is the only one, the one named "default", or the one that says `default: true`.
YAML::Node choose(const YAML::Node& configs, const std::string& wanted, const std::string& where) {
  std::string names;
  for (const YAML::Node& config : configs) {
    if (!config.IsMap() || scalar_of(config["config_name"]).empty()) {
      fail_data("{}: configs: each needs a config_name", where);
    }
    const std::string name = scalar_of(config["config_name"]);
    const bool is_default = configs.size() == 1 || name == "default" || is_true(config["default"]);
    if (wanted.empty() ? is_default : name == wanted) return config;
    names += names.empty() ? name : ", " + name;
  }
  if (wanted.empty())
    fail_data("{}: no config is the default; choose one of these with `dataset_config`: {}", where, names);
  fail_data("{}: no config \"{}\"; expected `dataset_config` to name one of: {}", where, wanted, names);
}

}  // namespace

std::string front_matter(const std::string& card) {
  std::istringstream lines(card.starts_with(io::kByteOrderMark) ? card.substr(io::kByteOrderMark.size())
                                                                : card);
  std::string line, yaml;
  bool inside = false;
  while (std::getline(lines, line)) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line == "---") {
      if (inside) return yaml;
      inside = true;
    } else if (inside) {
      yaml += line + '\n';
    } else if (!line.empty()) {
      return "";
    }
  }
  return "";
}

std::optional<CardConfig> read_card_config(const fs::path& folder, const std::string& wanted) {
  const fs::path card = folder / "README.md";
  if (!fs::is_regular_file(card)) return std::nullopt;
  io::check_stays_inside(card, folder);
  const std::string yaml = front_matter(io::read_text_file(card, kMaxCardBytes));
  if (yaml.empty()) return std::nullopt;
  try {
    const YAML::Node root = YAML::Load(yaml);
    const YAML::Node configs = root.IsMap() ? root["configs"] : YAML::Node();
    if (!configs || configs.IsNull()) return std::nullopt;
    if (!configs.IsSequence() || configs.size() == 0)
      fail_data("{}: configs: expected a list", card.string());
    return config_of(choose(configs, wanted, card.string()), card.string());
  } catch (const YAML::Exception& error) {
    fail_data("{}: the YAML at the top is damaged: {}", card.string(), error.what());
  }
}

void check_inside(const std::string& path, const std::string& where) {
  const fs::path value(path);
  bool inside = !path.empty() && path.size() <= kMaxPathBytes && value.is_relative() &&
                path.find("://") == std::string::npos && path.find('\0') == std::string::npos;
  for (const fs::path& part : value) inside = inside && part != "..";
  if (!inside)
    fail_data("{}: found \"{}\", expected a path inside the data set's folder", where, io::shown_name(path));
}

}  // namespace armorm::data
