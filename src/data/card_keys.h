// Accounts for the keys of a data set's card: each is used, describes the data, is refused by name because
// `datasets` reads other rows with it, or is warned of.
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>

namespace armorm::data {

// Both: data error for a key that comes twice, as YAML readers disagree on which of its values counts.
void account_for_card(const YAML::Node& card, const std::string& where);
// `config` is an entry of `configs`. data error for a parameter that changes the rows.
void account_for_config(const YAML::Node& config, const std::string& where);

}  // namespace armorm::data
