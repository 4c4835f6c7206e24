#include "data/dataset_card.h"

#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>

#include "core/error.h"
#include "core/strings.h"
#include "data/card_keys.h"
#include "data/glob.h"
#include "io/byte_source.h"
#include "io/contained_path.h"
#include "io/read_file.h"

namespace armorm::data {
namespace fs = std::filesystem;

std::string scalar_of(const YAML::Node& node) {
  return node && node.IsScalar() ? node.Scalar() : std::string();
}

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

// Truth values of PyYAML, with which `datasets` reads a card.
bool is_true(const YAML::Node& node) {
  static const std::set<std::string> kTrue{"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"};
  return kTrue.contains(scalar_of(node));
}

bool is_boolean(const YAML::Node& node) {
  static const std::set<std::string> kFalse{"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"};
  return is_true(node) || kFalse.contains(scalar_of(node));
}

// "" where there is none.
std::string data_dir_of(const YAML::Node& node, const std::string& where) {
  if (!node || node.IsNull()) return "";
  if (!node.IsScalar() || node.Scalar().empty() || has_wildcards(node.Scalar()) || is_boolean(node))
    fail_data("{}: data_dir: expected the path of a folder", where);
  return node.Scalar();
}

CardConfig config_of(const YAML::Node& node, const std::string& where) {
  CardConfig config;
  config.name = scalar_of(node["config_name"]);
  config.data_dir = data_dir_of(node["data_dir"], where);
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
    if (node["default"] && !node["default"].IsNull() && !is_boolean(node["default"]))
      fail_data("{}: configs: default of \"{}\": expected true or false", where, config.name);
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

// yaml-cpp refuses a character beyond U+FFFF in the two escapes that JSON has for it.
std::string with_joined_surrogates(std::string yaml) {
  const auto unit_at = [&](std::size_t at) -> unsigned {
    unsigned value = 0;
    const bool is_escape = yaml.compare(at, 2, "\\u") == 0 && yaml.size() >= at + 6;
    const char* end = yaml.data() + at + 6;
    return is_escape && std::from_chars(end - 4, end, value, 16).ptr == end ? value : 0;
  };
  for (std::size_t at = yaml.find("\\ud"); at != std::string::npos; at = yaml.find("\\ud", at + 1)) {
    const unsigned high = unit_at(at), low = unit_at(at + 6);
    if (high < 0xd800 || high > 0xdbff || low < 0xdc00 || low > 0xdfff) continue;
    yaml.replace(at, 12, fmt::format("\\U{:08x}", 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)));
  }
  return yaml;
}

// "" if the folder has no such file.
std::string text_of(const fs::path& path, const fs::path& folder) {
  if (!fs::is_regular_file(path)) return "";
  io::check_stays_inside(path, folder);
  return io::read_text_file(path, kMaxCardBytes);
}

Card standalone_card(const fs::path& folder) {
  const fs::path path = folder / ".huggingface.yaml";
  return {with_joined_surrogates(text_of(path, folder)), path.string()};
}

Card readme_card(const fs::path& folder) {
  const fs::path path = folder / "README.md";
  return {with_joined_surrogates(front_matter(text_of(path, folder))), path.string()};
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

Card card_of(const fs::path& folder) {
  Card alone = standalone_card(folder);
  return alone.yaml.empty() ? readme_card(folder) : alone;
}

std::string chosen_config(const YAML::Node& card, const std::string& wanted, const std::string& where) {
  const YAML::Node nodes = card["configs"];
  if (!nodes || nodes.IsNull()) return wanted.empty() ? "default" : wanted;
  const std::vector<CardConfig> configs = configs_of(nodes, where);
  return configs[choose(configs, wanted, where)].name;
}

std::optional<CardConfigs> read_card_configs(const fs::path& folder, const std::string& wanted) {
  for (const auto read : {standalone_card, readme_card}) {
    const Card card = read(folder);
    if (card.yaml.empty()) continue;
    if (auto configs = configs_of_card(card.yaml, wanted, card.where)) return configs;
  }
  return std::nullopt;
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
