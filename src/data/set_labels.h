// The labels that one set of a mixture gives, and where they stand among those of the mixture.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "data/form.h"
#include "data/recipe.h"

namespace armorm::data {

// What is read of rows with labels.
struct LabelColumns {
  std::vector<std::string> attributes;
  std::string weight_column = {};  // of a sample weight for each row; empty = none
};

struct SetLabels {
  struct Place {
    std::size_t attribute = 0;  // of the mixture
    LabelScale scale;
  };
  std::vector<std::string> requested;  // by their names in the set; the weight column last, if there is one
  std::vector<Place> places;           // of each requested attribute
  const Form* form = nullptr;          // null = none that is known
  double weight = 1;

  // The mixture's `n_attributes` labels of a row that was read with `requested`, NaN where the set has none;
  // with `weighted`, the row's weight after them. usage error for a scale that makes no finite label.
  std::vector<float> labels_of(const std::vector<float>& read, std::size_t n_attributes, bool weighted) const;
};

// The set's attributes are those of `attributes`; those that begin with `attribute_prefix`; or else those of
// `columns.attributes` that its form rates or that are its columns. usage error for none, for one that it
// lacks, and for a scale of an attribute that it does not give.
SetLabels labels_of_set(const MixtureSet& set, const Dataset& dataset, const LabelColumns& columns);

// All columns as they are, of a data set that is no mixture.
SetLabels all_labels(const Dataset& dataset, const LabelColumns& columns);

}  // namespace armorm::data
