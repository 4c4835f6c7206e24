#include "data/card_keys.h"

#include <algorithm>
#include <array>
#include <set>

#include "core/accounting.h"
#include "core/error.h"

namespace armorm::data {
namespace {

// https://github.com/huggingface/hub-docs/blob/main/datasetcard.md and what `datasets` itself writes.
constexpr std::array<std::string_view, 40> kDescriptive{"license",
                                                        "license_name",
                                                        "license_link",
                                                        "license_details",
                                                        "licenses",
                                                        "tags",
                                                        "annotations_creators",
                                                        "language_creators",
                                                        "language",
                                                        "languages",
                                                        "language_bcp47",
                                                        "language_details",
                                                        "multilinguality",
                                                        "pretty_name",
                                                        "size_categories",
                                                        "source_datasets",
                                                        "task_categories",
                                                        "task_ids",
                                                        "tasks",
                                                        "paperswithcode_id",
                                                        "config_names",
                                                        "dataset_info",
                                                        "train-eval-index",
                                                        "viewer",
                                                        "thumbnail",
                                                        "title",
                                                        "description",
                                                        "summary",
                                                        "authors",
                                                        "author",
                                                        "citation",
                                                        "homepage",
                                                        "repository",
                                                        "version",
                                                        "date",
                                                        "arxiv",
                                                        "doi",
                                                        "library_name",
                                                        "base_model",
                                                        "model_name"};
constexpr std::string_view kGate = "extra_gated_";  // who may download the data

constexpr std::array<std::string_view, 18> kConfigKeys{
    "config_name", "data_files", "data_dir",        "default",        "version",     "description",
    "verbose",     "chunksize",  "block_size",      "use_threads",    "batch_size",  "memory_map",
    "engine",      "low_memory", "float_precision", "warn_bad_lines", "drop_labels", "drop_metadata"};

// A parameter of the builders of `datasets` 5.2 that changes rows, and the value with which it does not.
struct Parameter {
  std::string_view name;
  std::string_view harmless;  // empty = only null
  bool or_null = false;       // null does not change rows either
};
constexpr std::array<Parameter, 42> kParameters{{{"features", ""},
                                                 {"sep", ","},
                                                 {"delimiter", ",", true},
                                                 {"header", "infer"},
                                                 {"names", ""},
                                                 {"column_names", ""},
                                                 {"index_col", ""},
                                                 {"usecols", ""},
                                                 {"prefix", ""},
                                                 {"mangle_dupe_cols", "true"},
                                                 {"converters", ""},
                                                 {"true_values", ""},
                                                 {"false_values", ""},
                                                 {"skipinitialspace", "false"},
                                                 {"skiprows", "0", true},
                                                 {"nrows", ""},
                                                 {"na_values", ""},
                                                 {"keep_default_na", "true"},
                                                 {"na_filter", "true"},
                                                 {"skip_blank_lines", "true"},
                                                 {"thousands", ""},
                                                 {"decimal", "."},
                                                 {"lineterminator", ""},
                                                 {"quotechar", "\""},
                                                 {"quoting", "0"},
                                                 {"escapechar", ""},
                                                 {"comment", ""},
                                                 {"encoding", "utf-8", true},
                                                 {"encoding_errors", "strict"},
                                                 {"dialect", ""},
                                                 {"error_bad_lines", "true"},
                                                 {"on_bad_lines", "error"},
                                                 {"skipfooter", "0"},
                                                 {"doublequote", "true"},
                                                 {"date_format", ""},
                                                 {"field", ""},
                                                 {"newlines_in_values", ""},
                                                 {"on_mixed_types", "use_json"},
                                                 {"parse_agent_traces", "true"},
                                                 {"columns", ""},
                                                 {"filters", ""},
                                                 {"<<", ""}}};  // of YAML: the keys of another node

const Parameter* parameter_of(const std::string& key) {
  const auto* const found = std::find_if(kParameters.begin(), kParameters.end(),
                                         [&](const Parameter& parameter) { return parameter.name == key; });
  return found != kParameters.end() ? found : nullptr;
}

bool is_harmless(const YAML::Node& value, const Parameter& parameter) {
  if (value.IsNull()) return parameter.harmless.empty() || parameter.or_null;
  return value.IsScalar() && !parameter.harmless.empty() && value.Scalar() == parameter.harmless;
}

// Calls visit(key, value).
template <class Visit>
void for_each_key(const YAML::Node& map, const std::string& where, const Visit& visit) {
  std::set<std::string> seen;
  for (const auto& member : map) {
    if (!member.first.IsScalar()) fail_data("{}: found a key that is not text, expected a name", where);
    const std::string key = member.first.Scalar();
    if (!seen.insert(key).second) fail_data("{}: the key \"{}\" is there twice", where, key);
    visit(key, member.second);
  }
}

}  // namespace

void account_for_card(const YAML::Node& card, const std::string& where) {
  Accounting account(where, "key");
  account.use("configs");
  account.ignore(kDescriptive);
  for_each_key(card, where, [&](const std::string& key, const YAML::Node&) {
    if (!key.starts_with(kGate)) account.give(key);
  });
  account.warn_of_rest("it is not used");
}

void account_for_config(const YAML::Node& config, const std::string& where) {
  Accounting parameters(where, "key");
  Accounting rest(where, "key");
  rest.ignore(kConfigKeys);
  for_each_key(config, where, [&](const std::string& key, const YAML::Node& value) {
    const Parameter* parameter = parameter_of(key);
    if (parameter == nullptr)
      rest.give(key);
    else if (!is_harmless(value, *parameter))
      parameters.give(key);
  });
  parameters.refuse_rest("`datasets` reads other rows with it: convert the files so that it is not needed");
  rest.warn_of_rest("it is not used");
}

}  // namespace armorm::data
