// Rows of a data set in the form that the tests compare.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "io/read_file.h"
#include "support/test_support.h"

namespace armorm {

inline bool operator==(const Message& a, const Message& b) {
  return a.role == b.role && a.content == b.content && a.json == b.json;
}

}  // namespace armorm

namespace armorm::test {

inline nlohmann::json golden_json(const std::string& name) {
  return nlohmann::json::parse(read_text_file(golden("data/" + name)));
}

inline Dataset open_dataset(const std::filesystem::path& path, const std::string& split = "train",
                            const std::map<std::string, std::string>& columns = {}) {
  DatasetOptions options;
  options.path = path;
  options.split = split;
  options.columns = columns;
  return Dataset::open(options);
}

inline std::vector<LabelledRow> labelled_rows(const Dataset& dataset,
                                              const std::vector<std::string>& attributes,
                                              const std::vector<bool>& wanted = {}) {
  std::vector<LabelledRow> rows;
  dataset.for_each_labelled(attributes, wanted, [&](LabelledRow&& row) { rows.push_back(std::move(row)); });
  return rows;
}

inline std::vector<PreferenceRow> preference_rows(const Dataset& dataset,
                                                  const std::vector<bool>& wanted = {}) {
  std::vector<PreferenceRow> rows;
  dataset.for_each_preference(wanted, [&](PreferenceRow&& row) { rows.push_back(std::move(row)); });
  return rows;
}

inline Conversation conversation_from(const nlohmann::json& list) {
  Conversation turns;
  for (const auto& item : list) turns.push_back({item.at("role"), item.at("content")});
  return turns;
}

}  // namespace armorm::test
