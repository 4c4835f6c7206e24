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
  return nlohmann::json::parse(io::read_text_file(golden("data/" + name)));
}

inline data::Dataset open_dataset(const std::filesystem::path& path, const std::string& split = "train",
                                  const std::map<std::string, std::string>& columns = {}) {
  data::DatasetOptions options;
  options.path = path;
  options.split = split;
  options.columns = columns;
  return data::Dataset::open(options);
}

inline std::vector<data::LabelledRow> labelled_rows(const data::Dataset& dataset,
                                                    const std::vector<std::string>& attributes,
                                                    const std::vector<bool>& wanted = {}) {
  std::vector<data::LabelledRow> rows;
  dataset.for_each_labelled(attributes, wanted,
                            [&](data::LabelledRow&& row) { rows.push_back(std::move(row)); });
  return rows;
}

inline std::vector<data::PreferenceRow> preference_rows(const data::Dataset& dataset,
                                                        const std::vector<bool>& wanted = {}) {
  std::vector<data::PreferenceRow> rows;
  dataset.for_each_preference(wanted, [&](data::PreferenceRow&& row) { rows.push_back(std::move(row)); });
  return rows;
}

inline Conversation conversation_from(const nlohmann::json& list) {
  Conversation turns;
  for (const auto& item : list) turns.push_back({item.at("role"), item.at("content")});
  return turns;
}

}  // namespace armorm::test
