#include "data/dataset_card.h"

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "core/error.h"
#include "core/strings.h"
#include "data/card_keys.h"
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
    if (!item.IsMap() || item.size() != 2 || !item["split"] || !item["split"].IsScalar() || !item["path"]) {
      fail_data("{}: data_files: expected entries with split and path, and no other key", where);
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

std::vector<CardConfig> configs_of(const YAML::Node& nodes, const std::string& where) {
  if (!nodes.IsSequence() || nodes.size() == 0) fail_data("{}: configs: expected a list", where);
  std::vector<CardConfig> configs;
  for (const YAML::Node& node : nodes) {
    if (!node.IsMap() || scalar_of(node["config_name"]).empty())
      fail_data("{}: configs: each needs a config_name", where);
    configs.push_back(config_of(node, where));
    CardConfig& config = configs.back();
    config.is_default = nodes.size() == 1 || config.name == "default" || is_true(node["default"]);
    const auto earlier = [&](const CardConfig& other) { return other.name == config.name; };
    if (std::any_of(configs.begin(), configs.end() - 1, earlier))
      fail_data("{}: configs: the config \"{}\" is there twice", where, config.name);
  }
  return configs;
}

std::string names_of(const std::vector<CardConfig>& configs) {
  std::string names;
  for (const CardConfig& config : configs) names += (names.empty() ? "" : ", ") + config.name;
  return names;
}

std::size_t choose(const std::vector<CardConfig>& configs, const std::string& wanted,
                   const std::string& where) {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < configs.size(); ++i)
    if (wanted.empty() ? configs[i].is_default : configs[i].name == wanted) chosen.push_back(i);
  if (chosen.size() == 1) return chosen[0];
  const std::string names = names_of(configs);
  if (!wanted.empty())
    fail_data("{}: no config \"{}\"; expected `dataset_config` to name one of: {}", where, wanted, names);
  fail_data("{}: {} config is the default; choose one of these with `dataset_config`: {}", where,
            chosen.empty() ? "no" : "more than one", names);
}

std::optional<CardConfigs> configs_of_card(const std::string& yaml, const std::string& wanted,
                                           const std::string& where) {
  try {
    const YAML::Node root = YAML::Load(yaml);
    if (!root.IsMap()) return std::nullopt;
    account_for_card(root, where);
    const YAML::Node nodes = root["configs"];
    if (!nodes || nodes.IsNull()) return std::nullopt;
    CardConfigs configs;
    configs.all = configs_of(nodes, where);
    configs.chosen = choose(configs.all, wanted, where);
    account_for_config(nodes[configs.chosen],
                       fmt::format("{}: config \"{}\"", where, configs.all[configs.chosen].name));
    return configs;
  } catch (const YAML::Exception& error) {
    fail_data("{}: the YAML at the top is damaged: {}", where, error.what());
  }
}

// "" if the folder has no such file.
std::string text_of(const fs::path& path, const fs::path& folder) {
  if (!fs::is_regular_file(path)) return "";
  io::check_stays_inside(path, folder);
  return io::read_text_file(path, kMaxCardBytes);
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

std::optional<CardConfigs> read_card_configs(const fs::path& folder, const std::string& wanted) {
  const fs::path alone = folder / ".huggingface.yaml";
  if (const std::string yaml = text_of(alone, folder); !yaml.empty()) {
    auto configs = configs_of_card(yaml, wanted, alone.string());
    if (configs) return configs;
  }
  const fs::path card = folder / "README.md";
  const std::string yaml = front_matter(text_of(card, folder));
  return yaml.empty() ? std::nullopt : configs_of_card(yaml, wanted, card.string());
}

void check_inside(const std::string& path, const std::string& where) {
  const fs::path value(path);
  bool inside = !path.empty() && path.size() <= kMaxPathBytes && value.is_relative() &&
                path.find("://") == std::string::npos && path.find('\0') == std::string::npos;
  for (const fs::path& part : value) inside = inside && part != "..";
  if (!inside)
    fail_data("{}: found \"{}\", expected a path inside the data set's folder", where, shown(path));
}

}  // namespace armorm::data
