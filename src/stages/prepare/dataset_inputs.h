// The data of a prepare stage: one set, several, or a recipe's, opened as one.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "armorm/dataset_paths.h"
#include "armorm/extraction_options.h"
#include "armorm/stop.h"
#include "data/mixture.h"
#include "data/row_selection.h"
#include "stages/artifacts/provenance.h"

namespace armorm::stages::prepare {

struct DatasetChoice {
  DatasetPaths paths;
  std::string name;  // empty = of the path
  std::string config;
  std::string split;
  std::vector<std::string> columns;  // renames "ours=theirs"; a usage error where one has no '='
  data::FormOptions form = {};
  const char* flag = "dataset_path";  // that names the paths, for messages
};

// <dataset> of the artefacts. usage error for several sets without a name.
std::string dataset_name(const DatasetChoice& choice);

// What is to be read, before anything is.
struct DatasetPlan {
  data::Recipe recipe;
  std::string name;         // <dataset> of the artefacts
  std::string description;  // the paths, for messages
};
// usage error for a recipe that is wrong, and for options of the choice that it has keys for.
DatasetPlan plan_dataset(const DatasetChoice& choice, data::RowKind kind);

struct DatasetInputs {
  data::Mixture rows;
  std::string name;
  std::string description;
};
DatasetInputs open_ratings(const DatasetPlan& plan, const data::LabelColumns& columns,
                           const StopRequested& stop);
DatasetInputs open_pairs(const DatasetPlan& plan, const StopRequested& stop);

// Logs which form the rows of each set have; nothing where none is known.
void report_forms(const DatasetInputs& inputs);

// The form and the columns that rows are made from, for people. The set has a form.
std::string summary_of(const data::Mixture::Set& set);

// "nectar, rank, all": the form with what was chosen of it; empty for rows of none that is known.
std::string form_text(const data::Mixture::Set& set);

// data::select_rows(); logs what is left out of each set.
data::RowSelection select_rows(const data::Mixture& mixture, const ExtractionOptions& options);

// Mixture::row_name() for messages; empty for a set that is no mixture.
std::function<std::string(std::int64_t row_id)> row_names(const data::Mixture& mixture);

// Records the sets of a mixture, what is left out of each, and the recipe.
void record_selection(const data::Mixture& mixture, const data::RowSelection& selection,
                      artifacts::Provenance& provenance);

// The sets of a mixture, one a line, for a dry run; empty for one that is none.
std::string selection_table(const data::Mixture& mixture, const data::RowSelection& selection);

// Of the bytes of the data sets' files, whatever their names, of what --columns renames, and of the recipe.
// data error when a file was changed since the data set was opened.
std::string data_digest(const data::Mixture& mixture);

}  // namespace armorm::stages::prepare
