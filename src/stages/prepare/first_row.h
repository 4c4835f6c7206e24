// What a dry run shows of the data sets: their forms, what is left out, and row 0 of each as its form reads
// it.
#pragma once

#include <string>
#include <vector>

#include "data/mixture.h"
#include "data/row_selection.h"
#include "stages/prepare/dry_run.h"

namespace armorm::stages::prepare {

// The conversations of the rows, with what the labels make of them; the reason for one that cannot be used.
std::string first_preference_rows(const data::Mixture& mixture);
// `labels`: the names of a row's labels.
std::string first_labelled_rows(const data::Mixture& mixture, const std::vector<std::string>& labels);

// Fills in what the plan says of the sets.
void describe_sets(const data::Mixture& mixture, const data::RowSelection& selection, DryRunPlan& plan);

}  // namespace armorm::stages::prepare
