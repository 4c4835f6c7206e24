#include "data/set_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "core/error.h"
#include "core/log.h"

namespace armorm::data {
namespace {

using Names = std::map<std::string, std::string>;  // attribute -> its name in the set

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool rates(const Form* form, const std::string& attribute) {
  return form != nullptr && std::any_of(form->ratings.begin(), form->ratings.end(),
                                        [&](const Rating& rating) { return rating.attribute == attribute; });
}

bool has_column(const MixtureSet& set, const Dataset& dataset, const std::string& name) {
  const auto renamed = set.source.columns.find(name);
  return contains(dataset.column_names(), renamed == set.source.columns.end() ? name : renamed->second);
}

// A rename of the weight column is one of the set's labels, too.
const Form* form_rating(const Dataset& dataset, std::vector<std::string> labels,
                        const LabelColumns& columns) {
  if (!columns.weight_column.empty()) labels.push_back(columns.weight_column);
  return dataset.rating_form(labels);
}

// Those that the set's form rates keep their names; columns lack the prefix.
Names names_by_prefix(const MixtureSet& set, const Dataset& dataset, const LabelColumns& columns) {
  const std::string& prefix = set.attribute_prefix;
  std::vector<std::string> wanted;
  for (const std::string& attribute : columns.attributes)
    if (attribute.starts_with(prefix)) wanted.push_back(attribute);
  const Form* form = form_rating(dataset, wanted, columns);
  Names names;
  for (const std::string& attribute : wanted)
    names[attribute] = rates(form, attribute) ? attribute : attribute.substr(prefix.size());
  return names;
}

Names names_by_columns(const MixtureSet& set, const Dataset& dataset, const LabelColumns& columns) {
  const Form* form = form_rating(dataset, columns.attributes, columns);
  Names names;
  for (const std::string& attribute : columns.attributes)
    if (rates(form, attribute) || has_column(set, dataset, attribute)) names[attribute] = attribute;
  return names;
}

Names names_by_list(const MixtureSet& set, const LabelColumns& columns) {
  Names names;
  for (const auto& [attribute, theirs] : set.attributes) {
    if (contains(columns.attributes, attribute))
      names[attribute] = theirs;
    else
      log::info("the set \"{}\": {} is not one of `attributes`, and not read", set.name, attribute);
  }
  return names;
}

Names names_of(const MixtureSet& set, const Dataset& dataset, const LabelColumns& columns) {
  Names names;
  if (!set.attributes.empty())
    names = names_by_list(set, columns);
  else if (!set.attribute_prefix.empty())
    names = names_by_prefix(set, dataset, columns);
  else
    names = names_by_columns(set, dataset, columns);
  if (names.empty())
    fail_usage(
        "gives none of `attributes` ({}); its columns are {}; give its attributes in a recipe, with "
        "attribute_prefix or attributes, or leave the set out",
        fmt::join(columns.attributes, ", "), fmt::join(dataset.column_names(), ", "));
  return names;
}

// A column that a form does not rate is read if it is there; one that was asked for must be.
void check_there(const MixtureSet& set, const Dataset& dataset, const SetLabels& labels) {
  if (labels.form == nullptr || labels.form->ratings.empty()) return;  // each is required by the reader
  for (const std::string& name : labels.requested)
    if (!rates(labels.form, name) && !has_column(set, dataset, name))
      fail_usage("its form {} does not rate \"{}\", and no column has that name; it has: {}",
                 labels.form->name, name, fmt::join(dataset.column_names(), ", "));
}

// Whether the set has an attribute that may not be one of those that are wanted.
bool could_give(const MixtureSet& set, const Dataset& dataset, const Form* form,
                const std::string& attribute) {
  if (!set.attributes.empty()) return set.attributes.contains(attribute);
  if (!attribute.starts_with(set.attribute_prefix)) return false;
  return rates(form, attribute) || has_column(set, dataset, attribute.substr(set.attribute_prefix.size()));
}

void check_scales(const MixtureSet& set, const Dataset& dataset, const Names& names, const Form* form,
                  const LabelColumns& columns) {
  for (const auto& [attribute, scale] : set.label_scales) {
    if (names.contains(attribute)) continue;
    if (!contains(columns.attributes, attribute) && could_give(set, dataset, form, attribute)) continue;
    std::vector<std::string> given;
    for (const auto& [ours, theirs] : names) given.push_back(ours);
    fail_usage("label_scales has \"{}\", which the set does not give; it gives {}", attribute,
               fmt::join(given, ", "));
  }
}

float scaled(float value, const LabelScale& scale, const std::string& name) {
  const double label = (static_cast<double>(value) + scale.add) / scale.divide;
  const double largest = std::numeric_limits<float>::max();
  if (!std::isnan(value) && !(std::abs(label) <= largest))
    fail_usage(
        "the label scale of \"{}\", (value + {}) / {}, makes {} of the value {}, which is no finite number "
        "of 32 bits; "
        "correct label_scale or label_scales",
        name, scale.add, scale.divide, label, value);
  return static_cast<float>(label);
}

}  // namespace

std::vector<float> SetLabels::labels_of(const std::vector<float>& read, std::size_t n_attributes,
                                        bool weighted) const {
  std::vector<float> labels(n_attributes, std::numeric_limits<float>::quiet_NaN());
  for (std::size_t i = 0; i < places.size(); ++i)
    labels[places[i].attribute] = scaled(read[i], places[i].scale, requested[i]);
  if (!weighted) return labels;
  const double own = read.size() > places.size() ? static_cast<double>(read.back()) : 1.0;
  labels.push_back(static_cast<float>(own * weight));
  return labels;
}

SetLabels labels_of_set(const MixtureSet& set, const Dataset& dataset, const LabelColumns& columns) {
  const Names names = names_of(set, dataset, columns);
  SetLabels labels;
  labels.weight = set.weight.value_or(1);
  for (std::size_t k = 0; k < columns.attributes.size(); ++k) {
    const auto name = names.find(columns.attributes[k]);
    if (name == names.end()) continue;
    const auto scale = set.label_scales.find(name->first);
    labels.requested.push_back(name->second);
    labels.places.push_back({k, scale == set.label_scales.end() ? set.label_scale : scale->second});
  }
  if (!columns.weight_column.empty()) labels.requested.push_back(columns.weight_column);
  labels.form = dataset.rating_form(labels.requested);
  check_scales(set, dataset, names, labels.form, columns);
  check_there(set, dataset, labels);
  return labels;
}

SetLabels all_labels(const Dataset& dataset, const LabelColumns& columns) {
  SetLabels labels;
  labels.requested = columns.attributes;
  for (std::size_t k = 0; k < columns.attributes.size(); ++k) labels.places.push_back({k, {}});
  if (!columns.weight_column.empty()) labels.requested.push_back(columns.weight_column);
  labels.form = dataset.rating_form(labels.requested);
  return labels;
}

}  // namespace armorm::data
