// Metadata of a data set folder: the `configs` of README.md, and the files of save_to_disk.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace YAML {
class Node;
}

namespace armorm::data {

// Split name -> file patterns, in the order of the card.
using SplitPatterns = std::vector<std::pair<std::string, std::vector<std::string>>>;

struct CardConfig {
  std::string name;
  std::string data_dir;                     // relative; empty = the data set's folder
  std::optional<SplitPatterns> data_files;  // nullopt: found by the names of files and folders
  bool is_default = false;                  // the only one, the one named "default", or `default: true`
};

struct CardConfigs {
  std::vector<CardConfig> all;
  std::size_t chosen = 0;
};

// The configs of .huggingface.yaml, else of the YAML front matter of README.md,
// https://huggingface.co/docs/datasets/repository_structure. `wanted` is the config's name, empty = the
// default one. nullopt when the folder has neither file or they have no configs. data error on bad YAML, on a
// missing config, when no config is wanted and not just one is the default, and on a key of the chosen config
// that would change its rows.
std::optional<CardConfigs> read_card_configs(const std::filesystem::path& folder, const std::string& wanted);

// The YAML of .huggingface.yaml, else of README.md, and the file's name; empty without them.
struct Card {
  std::string yaml;
  std::string where;
};
Card card_of(const std::filesystem::path& folder);

std::string scalar_of(const YAML::Node& node);  // empty where it is none

// The config that read_card_configs() chooses; "default" where the card has no configs and none is wanted.
std::string chosen_config(const YAML::Node& card, const std::string& wanted, const std::string& where);

// The lines between the first two "---" of a card; empty without them.
std::string front_matter(const std::string& card);

// For text from a file of the data set that names a path. data error unless the path is relative and has no
// "..", so that it stays in the folder.
void check_inside(const std::string& path, const std::string& where);

bool is_saved_dataset(const std::filesystem::path& folder);  // written by save_to_disk
bool is_saved_dict(const std::filesystem::path& folder);     // of several splits
// The one split of a single saved Dataset comes under its recorded name, if any, and "train".
std::vector<std::string> saved_splits(const std::filesystem::path& folder);
// The Arrow files of a split, in order. The split must be one of saved_splits().
std::vector<std::filesystem::path> saved_files(const std::filesystem::path& folder, const std::string& split);

}  // namespace armorm::data
