// Row 0 of a data set as its form reads it, for a dry run.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"

namespace armorm::stages::prepare {

// The conversations of the row, with what the labels make of them; the reason if it cannot be used.
std::string first_preference_row(const data::Dataset& dataset);
std::string first_labelled_row(const data::Dataset& dataset, const std::vector<std::string>& attributes);

}  // namespace armorm::stages::prepare
