#include "data/declared_columns.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "core/accounting.h"
#include "core/log.h"
#include "data/dataset_card.h"

namespace armorm::data {
namespace {

std::map<std::string, std::string> types_of(const YAML::Node& features) {
  std::map<std::string, std::string> types;
  if (!features.IsSequence()) return types;
  for (const YAML::Node& feature : features)
    if (feature.IsMap() && feature["name"])
      types[scalar_of(feature["name"])] =
          feature["dtype"] && feature["dtype"].IsMap() ? "class_label" : scalar_of(feature["dtype"]);
  return types;
}

std::map<std::string, std::int64_t> rows_of_splits(const YAML::Node& splits) {
  std::map<std::string, std::int64_t> rows;
  if (!splits || !splits.IsSequence()) return rows;
  for (const YAML::Node& split : splits) {
    if (!split.IsMap()) continue;
    const std::string count = scalar_of(split["num_examples"]);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), value);
    if (error == std::errc() && end == count.data() + count.size()) rows[scalar_of(split["name"])] = value;
  }
  return rows;
}

// Whether a column of this type is read as what is wanted.
bool fits(const std::string& type, Want want) {
  const auto is_one_of = [&](std::initializer_list<std::string_view> beginnings) {
    return std::any_of(beginnings.begin(), beginnings.end(),
                       [&](std::string_view beginning) { return type.starts_with(beginning); });
  };
  const bool is_text = is_one_of({"string", "large_string"});
  if (want == Want::number) return is_one_of({"int", "uint", "float32", "float64", "bool"});
  return is_text || ((want == Want::turns || want == Want::json) && type.empty());
}

}  // namespace

DeclaredColumns DeclaredColumns::of(const DatasetOptions& options) {
  DeclaredColumns declared;
  const auto [yaml, where] = card_of(options.path);
  if (yaml.empty()) return declared;
  const YAML::Node root = YAML::Load(yaml);
  const YAML::Node infos = root.IsMap() ? root["dataset_info"] : YAML::Node();
  if (!infos || !(infos.IsMap() || infos.IsSequence())) return declared;
  declared.where_ = where + ": dataset_info";
  const std::string config = chosen_config(root, options.config, where);
  const auto read = [&](const YAML::Node& info) {
    if (!info.IsMap()) return;
    const std::string name = scalar_of(info["config_name"]);
    if ((name.empty() ? "default" : name) != config) return;
    if (info["features"]) declared.types_ = types_of(info["features"]);
    declared.rows_ = rows_of_splits(info["splits"]);
  };
  if (infos.IsMap()) read(infos);
  if (infos.IsSequence())
    for (const YAML::Node& info : infos) read(info);
  return declared;
}

void DeclaredColumns::check_names(const std::vector<std::vector<std::string>>& columns_of_files) {
  if (!types_ || !checked_.insert("").second) return;
  Accounting undeclared(where_, "column");
  Accounting absent(where_, "column");
  for (const auto& [name, type] : *types_) {
    undeclared.use(name);
    absent.give(name);
  }
  for (const std::vector<std::string>& columns : columns_of_files)
    for (const std::string& name : std::set<std::string>(columns.begin(), columns.end())) {
      undeclared.give(name);
      absent.use(name);
    }
  undeclared.warn_of_rest("the files have it; `datasets` refuses such files");
  absent.warn_of_rest("no file begins with a row that has it");
}

void DeclaredColumns::check_types(std::span<const ColumnRequest> requests) {
  if (!types_) return;
  for (const ColumnRequest& request : requests) {
    const auto found = types_->find(request.name);
    if (found == types_->end() || fits(found->second, request.want)) continue;
    if (checked_.insert(request.name).second)
      log::warn("{}: column '{}' has the type {} there; its values are those of the files, not cast", where_,
                request.name, found->second.empty() ? "of a list or object" : found->second);
  }
}

void DeclaredColumns::check_rows(const std::string& split, std::int64_t rows) {
  if (rows_.empty() || !checked_.insert("split " + split).second) return;
  const auto found = rows_.find(split);
  if (found == rows_.end())
    log::warn("{}: the split \"{}\" is not there; `datasets` refuses it", where_, split);
  else if (found->second != rows)
    log::warn(
        "{}: the split \"{}\" has {} rows there, and {} in the files: some may be missing, or the card is "
        "old",
        where_, split, found->second, rows);
}

}  // namespace armorm::data
